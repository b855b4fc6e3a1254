//! TEMPORARY thin slice.
#![allow(missing_docs)]
use jiff::civil::Date;
use messages::zoom::Task;
use messages::{JobId, Lane, MeetingUuid, Queue, RunId};
use runtime::{Broker, Message};
use store::Store;

use crate::cli::{Plan, Selectors};
use crate::config::Config;
use crate::exit::Outcome;

/// What is wished to be harvested.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    pub dates: Vec<Date>,
    pub meeting_uuids: Vec<MeetingUuid>,
    pub lane: Option<Lane>,
    pub force: bool,
}

impl Wish {
    pub(super) fn from(words: &Selectors, _today: Date) -> anyhow::Result<Self> {
        let dates = words.date.into_iter().collect();
        Ok(Self { dates, meeting_uuids: words.meeting_uuid.clone(), lane: words.lane, force: words.force })
    }

    pub fn picked_jobs(&self) -> Vec<JobId> {
        Vec::new()
    }
}

pub(super) struct Planned {
    pub(super) run: RunId,
    jobs: Vec<Message>,
}

pub(super) async fn plan(wish: &Wish, _config: &Config, _store: &Store) -> anyhow::Result<Planned> {
    let now = runtime::clock::now();
    let run = RunId::new(now, None);
    let jobs = wish.dates.iter().map(|date| {
        let task = Task::Meetings { date: *date };
        let queue = Queue::jobs(task.family(), Lane::Daily);
        let job = task.into_job(run.clone(), Lane::Daily, now);
        Message::new(queue, job.id.as_str().to_owned(), messages::encode(&job).unwrap_or_default(), now)
    });
    Ok(Planned { jobs: jobs.collect(), run })
}

pub(super) fn sentence(_: &Planned) -> String {
    String::new()
}

pub(super) async fn publish(planned: Planned, broker: &Broker, _: &Store, _: &Config) -> anyhow::Result<()> {
    broker.publish(planned.jobs).await?;
    Ok(())
}

pub(super) async fn execute(_: Plan, _: &Config) -> anyhow::Result<Outcome> {
    Ok(Outcome::Complete)
}
