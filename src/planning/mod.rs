//! Plans and publishes a harvest request: reads the coverage, calls the planner, publishes the missing jobs, and writes
//! a receipt in state "planned" for each.

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

/// A plan and its inputs.
#[derive(Debug)]
pub struct Planned {
    /// The request, including the dates that the planner chose.
    pub asked: Asked,
    /// The jobs to publish.
    pub plan: Plan,
    /// Planning time.
    pub now: Timestamp,
    /// The source to harvest.
    pub source: Source,
    /// Label of the account.
    pub account: String,
}

/// What planning needs besides the request.
#[derive(Debug, Clone, Copy)]
pub struct PlanContext<'a> {
    /// Configuration of the account to plan for.
    pub config: &'a Config,
    /// Broker that holds the jobs.
    pub broker: &'a Broker,
    /// Store that holds the receipts.
    pub store: &'a Store,
    /// Source of today's remaining quota.
    pub today: QuotaLookup,
}

/// Where the remaining quota of today comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaLookup {
    /// The quota leader.
    Asked,
    /// The last persisted state: needs no leader and declares no queues.
    AsLeft,
    /// Nowhere: the price is not needed.
    Unasked,
}

impl Planned {
    /// Describes the jobs to publish and their price in a sentence.
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

    /// Describes what was requested and needs no job; `None` if all of it will be published.
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
    /// The command or role that planned.
    pub origin: Origin,
    /// The firing; `None` for a plan outside the schedule.
    pub slot: Option<Timestamp>,
}

impl PlannedBy {
    /// A plan outside the schedule.
    pub fn hand(origin: Origin) -> Self {
        Self { origin, slot: None }
    }
}

/// Publishes the plan's jobs, then writes their receipts and the record of the run.
///
/// The record is written first, in state "publishing". So every published job can be found and cancelled, also after a
/// crash in between. After such a crash the next plan publishes the remaining jobs again, which is harmless.
///
/// # Errors
/// If the broker or the store is unreachable.
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
    // Makes the plan visible at once. Without the right to refresh it appears after the store's refresh interval.
    let _ = store.refresh().await;
    Ok(())
}
