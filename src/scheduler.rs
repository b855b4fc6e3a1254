//! The role that plans on schedule. One elected scheduler plans; the others wait to take over. A deposed leader may
//! briefly plan in parallel. That is harmless, because a plan publishes only missing jobs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use messages::Source;
use planner::{Origin, Schedule};
use runtime::broker::Lead;
use runtime::{Broker, Failure, RunError, Status, Trial, clock, persist};
use store::Store;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Config;
use crate::planning::{self, PlanContext, Planned, PlannedBy, QuotaLookup};
use crate::{clocks, exit, runs, sources};

/// Name of the schedulers' leadership.
pub(crate) const LEAD: &str = "schedule";
/// Longest pause between two reads of the clock, which may be changed.
const LOOK: Duration = Duration::from_secs(30);
/// Time within which a broker refuses a candidate, if it does.
const STANDS: Duration = Duration::from_secs(10);

/// Timeout of a plan. Jobs published by then are in progress, and the next attempt publishes the rest.
const HANGS: Duration = Duration::from_secs(3_600);

/// The scheduler role and its parts.
#[derive(Debug)]
pub(crate) struct Scheduler {
    /// When to plan.
    pub schedule: Schedule,
    pub config: Config,
    pub broker: Broker,
    /// The store of receipts and records of runs.
    pub store: Store,
    /// The status of the role.
    pub status: Arc<Status>,
}

impl Scheduler {
    /// Waits for leadership and plans at every firing, until it is stopped.
    ///
    /// # Errors
    /// If the configuration is wrong, or a peer has refused as long as the failure policy says. Waits for an
    /// unreachable peer.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        // Firings before this start are not made up if the schedule has never planned.
        let begun = Instant::now();
        let Self { broker, status, .. } = &self;
        let planning = async {
            while let Some(lead) = Box::pin(persist(status, broker, &stop, || self.stand())).await? {
                info!("this scheduler leads; the next plan is due {}", self.next(clock::now()));
                let led = tokio::select! {
                    () = lead.lost() => {
                        warn!("another scheduler leads now");
                        Ok(())
                    }
                    ended = self.lead(begun, &stop) => ended,
                };
                lead.release().await;
                led?;
            }
            Ok(())
        };
        Box::pin(status.heartbeat(planning)).await
    }

    /// Becomes a candidate; returns when elected.
    async fn stand(&self) -> Result<Lead, Failure> {
        let trial = Trial::begin(&self.status);
        let mut lead = std::pin::pin!(self.broker.lead(LEAD));
        let soon = tokio::time::timeout(STANDS, lead.as_mut()).await;
        // A candidate that is not refused by now waits for its turn, which is no failure.
        drop(trial);
        let lead = match soon {
            Ok(lead) => lead,
            Err(_) => lead.await,
        };
        lead.map_err(|error| exit::failure(&error.into()))
    }

    /// Plans repeatedly what is due, until the stop.
    async fn lead(&self, begun: Instant, stop: &CancellationToken) -> Result<(), RunError> {
        while let Some(()) =
            Box::pin(persist(&self.status, &self.broker, stop, || self.look_in_time(begun))).await?
        {
            // The loop condition checks for the stop.
            let _ = stop.run_until_cancelled(tokio::time::sleep(LOOK.min(self.until_next()))).await;
        }
        Ok(())
    }

    async fn look_in_time(&self, begun: Instant) -> Result<(), Failure> {
        let _trial = Trial::begin(&self.status);
        match tokio::time::timeout(HANGS, self.look(begun)).await {
            Ok(Ok(())) => Ok(()),
            // A clock that is ahead may be set right while this process runs.
            Ok(Err(error)) if exit::is_users(&error) && clocks::not_ahead(&self.store).await.is_err() => {
                Err(Failure::hold(None, exit::sentence(&error)))
            }
            Ok(Err(error)) => Err(exit::failure(&error)),
            Err(_) => {
                Err(Failure::hold(None, format!("a plan did not end within {} min", HANGS.as_secs() / 60)))
            }
        }
    }

    /// Plans for the latest firing that is due, if any.
    async fn look(&self, begun: Instant) -> anyhow::Result<()> {
        clocks::agree(&self.store).await?;
        let now = clock::now();
        // A recorded firing in the future comes from a wrong clock. The start time follows the current clock, too.
        let last = runs::last_slot(&self.store).await?.filter(|last| *last <= now);
        let begun = now.checked_sub(begun.elapsed()).unwrap_or(now);
        let Some(slot) = self.schedule.due(now, last.unwrap_or(begun)) else { return Ok(()) };
        self.fire(now, slot, last).await?;
        info!("planned for the firing of {slot}; the next is due {}", self.next(clock::now()));
        Ok(())
    }

    /// Plans for one firing. The last plan has the firing's time: until it is published, the firing counts as missed
    /// and is made up.
    async fn fire(&self, now: Timestamp, slot: Timestamp, last: Option<Timestamp>) -> anyhow::Result<()> {
        let mut turns = Vec::new();
        // The first source is last, so that its plan has the firing's time.
        for source in self.config.sources().into_iter().rev() {
            turns.extend(self.config.of_source(source, None)?.into_iter().map(|config| (source, config)));
        }
        for (place, (source, config)) in turns.iter().enumerate() {
            let slot = (place + 1 == turns.len()).then_some(slot);
            self.fire_one(*source, config, (now, last), slot).await?;
        }
        Ok(())
    }

    /// Plans the requests of a firing for one account of a source. With a slot, writes a record even if nothing is
    /// planned.
    async fn fire_one(
        &self,
        source: Source,
        config: &Config,
        (now, last): (Timestamp, Option<Timestamp>),
        slot: Option<Timestamp>,
    ) -> anyhow::Result<()> {
        let (source, Self { broker, store, .. }) = (sources::of(source), self);
        let requests = source.due(now, last, config, store).await?;
        for (place, request) in requests.iter().enumerate() {
            let planned = source
                .plan(request, PlanContext { config, broker, store, today: QuotaLookup::Asked })
                .await?;
            self.publish(planned, slot.filter(|_| place + 1 == requests.len())).await?;
        }
        Ok(())
    }

    async fn publish(&self, planned: Planned, slot: Option<Timestamp>) -> anyhow::Result<()> {
        info!(run = %planned.asked.run, "{}", planned.sentence());
        if planned.plan.jobs.is_empty() && slot.is_none() {
            return Ok(());
        }
        planning::publish(planned, PlannedBy { origin: Origin::Schedule, slot }, &self.broker, &self.store)
            .await
    }

    fn until_next(&self) -> Duration {
        let now = clock::now();
        let next = self.schedule.next_after(now).map(|next| next.duration_since(now));
        next.and_then(|wait| Duration::try_from(wait).ok()).unwrap_or(LOOK)
    }

    fn next(&self, now: Timestamp) -> String {
        self.schedule.next_after(now).map_or_else(|| "never".to_owned(), |next| next.to_string())
    }
}
