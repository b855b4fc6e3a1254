//! From what is wished to what is published: reads the coverage, lets the planner decide, publishes the
//! difference, and files a receipt of state "planned" for each job.

mod awaited;
pub mod lectures;
pub(crate) mod lost;
pub mod meetings;
mod wish;

use anyhow::Context as _;
use jiff::Timestamp;
use messages::Source;
use planner::{Asked, Origin, Plan, RunRecord, RunState};
use runtime::{Broker, Message, Outbox, clock};
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::{clocks, filing, sources, words};

pub use wish::Wish;

/// A plan, and what it was made of.
#[derive(Debug)]
pub struct Planned {
    /// What was asked for, the dates chosen by the planner included.
    pub asked: Asked,
    /// What has to be published.
    pub plan: Plan,
    /// When it was planned.
    pub now: Timestamp,
    /// Where from.
    pub source: Source,
    /// The account it is for.
    pub account: String,
}

/// What a plan is made with.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// The configuration, with the account that is planned for.
    pub config: &'a Config,
    /// Where jobs wait.
    pub broker: &'a Broker,
    /// Where receipts are.
    pub store: &'a Store,
    /// How it is learnt how much of today's quota is left.
    pub today: Today,
}

/// How it is learnt how much of today's quota is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Today {
    /// From whoever keeps it.
    Asked,
    /// As it was last left: nobody is asked, and nothing is made for it.
    AsLeft,
    /// Not at all: nothing hangs on the price.
    Unasked,
}

impl Planned {
    /// What will be published, and its price, in a sentence.
    pub fn sentence(&self) -> String {
        let first = match self.plan.jobs.len() {
            0 => "nothing to publish".to_owned(),
            count => {
                let price = self.plan.price.sentence(sources::of(self.source).words().name);
                format!("{}: {price}", words::some(count as u64, "job"))
            }
        };
        std::iter::once(first).chain(self.needless().into_iter().flatten()).collect::<Vec<_>>().join("; ")
    }

    /// What was wished for and needs nothing, in words; `None` when all of it is published.
    pub fn needless(&self) -> Option<Vec<String>> {
        let Plan { covered, in_flight, held, failed, .. } = &self.plan;
        let parts = [
            (covered.len() as u64, "date", "covered already"),
            (in_flight.len() as u64, "date", "under way"),
            (held.len() as u64, "meeting", "held or under way"),
            (*failed, "job", "failed before: see `ua dlq list`"),
        ];
        let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
        let parts: Vec<String> =
            parts.map(|(count, noun, what)| format!("{} {what}", words::some(count, noun))).collect();
        (!parts.is_empty()).then_some(parts)
    }
}

/// Who publishes a plan, and for which firing of the schedule.
#[derive(Debug, Clone, Copy)]
pub struct By {
    /// Who.
    pub origin: Origin,
    /// Which firing.
    pub slot: Option<Timestamp>,
}

impl By {
    /// Somebody, at no particular time.
    pub fn hand(origin: Origin) -> Self {
        Self { origin, slot: None }
    }
}

/// Publishes the plan's jobs, and files their receipts and the record of the run.
///
/// The record comes first, as one that is being published: whatever is published can be found and cancelled, also
/// after a crash in the middle. That plans the rest once more: harmless.
///
/// # Errors
/// When the broker or the store is away.
pub async fn publish(
    Planned { asked, plan, now, .. }: Planned,
    by: By,
    broker: &Broker,
    store: &Store,
) -> anyhow::Result<()> {
    clocks::not_ahead(store).await?;
    let record = RunRecord::new(now, &asked, &plan, by.origin, by.slot);
    filing::record(store, &record).await?;
    let mut outbox = Outbox::new(broker.clone(), CancellationToken::new());
    let mut receipts = Vec::with_capacity(plan.jobs.len());
    for job in plan.jobs {
        outbox.send(Message::new(job.queue, job.id.as_str(), job.body, now)).await?;
        receipts.push(job.receipt);
    }
    outbox.flush().await?;
    filing::receipts(store, &receipts).await.context("the jobs are published, their receipts are not")?;
    filing::record(store, &record.into_state(RunState::Published, clock::now())).await?;
    // Whoever looks now sees what was planned. Where that is not allowed it is seen a little later.
    let _ = store.refresh().await;
    Ok(())
}
