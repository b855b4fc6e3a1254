//! Plans and publishes a harvest request: reads the coverage, asks the planner, publishes the missing jobs, and writes
//! a receipt of state "planned" for each.

mod awaited;
mod harvest_request;
pub mod lectures;
pub(crate) mod lost;
pub mod meetings;

use anyhow::Context as _;
use jiff::Timestamp;
use messages::Source;
use planner::{Asked, Origin, Plan, RunRecord, RunState};
use runtime::{Broker, Message, Outbox, clock};
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::receipts;
use crate::{clocks, sources, units};

pub use harvest_request::HarvestRequest;

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

/// The context of a plan.
#[derive(Debug, Clone, Copy)]
pub struct PlanContext<'a> {
    /// The configuration, with the account that is planned for.
    pub config: &'a Config,
    /// Where jobs wait.
    pub broker: &'a Broker,
    /// Where receipts are.
    pub store: &'a Store,
    /// How the remaining quota of today is looked up.
    pub today: QuotaLookup,
}

/// How the remaining quota of today is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaLookup {
    /// From the quota leader.
    Asked,
    /// From the last persisted state, without a leader and without declaring queues.
    AsLeft,
    /// Not at all: the price is not needed.
    Unasked,
}

impl Planned {
    /// What will be published, and its price, in a sentence.
    pub fn sentence(&self) -> String {
        let first = match self.plan.jobs.len() {
            0 => "nothing to publish".to_owned(),
            count => {
                let price = self.plan.price.sentence(sources::of(self.source).vocabulary().name);
                format!("{}: {price}", units::some(count as u64, "job"))
            }
        };
        std::iter::once(first).chain(self.needless().into_iter().flatten()).collect::<Vec<_>>().join("; ")
    }

    /// Describes what was requested and needs no job; `None` when all of it is published.
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
            parts.map(|(count, noun, what)| format!("{} {what}", units::some(count, noun))).collect();
        (!parts.is_empty()).then_some(parts)
    }
}

/// The origin of a plan, and its firing of the schedule.
#[derive(Debug, Clone, Copy)]
pub struct PlannedBy {
    /// Who.
    pub origin: Origin,
    /// Which firing.
    pub slot: Option<Timestamp>,
}

impl PlannedBy {
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
    by: PlannedBy,
    broker: &Broker,
    store: &Store,
) -> anyhow::Result<()> {
    clocks::not_ahead(store).await?;
    let record = RunRecord::new(now, &asked, &plan, by.origin, by.slot);
    receipts::write::record(store, &record).await?;
    let mut outbox = Outbox::new(broker.clone(), CancellationToken::new());
    let mut receipts = Vec::with_capacity(plan.jobs.len());
    for job in plan.jobs {
        outbox.send(Message::new(job.queue, job.id.as_str(), job.body, now)).await?;
        receipts.push(job.receipt);
    }
    outbox.flush().await?;
    receipts::write::receipts(store, &receipts)
        .await
        .context("the jobs are published, their receipts are not")?;
    receipts::write::record(store, &record.into_state(RunState::Published, clock::now())).await?;
    // Whoever looks now sees what was planned. Where that is not allowed it is seen a little later.
    let _ = store.refresh().await;
    Ok(())
}
