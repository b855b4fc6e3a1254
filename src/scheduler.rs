//! The role that plans by the clock. One of all schedulers leads and plans, the others wait to take over. That two plan
//! the same, because one has been deposed and does not know it yet, is harmless: the planner publishes what is missing.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{MeetingUuid, Source};
use planner::{Coverage, Origin, Schedule};
use runtime::{Broker, RunError, clock};
use store::Store;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Config;
use crate::planning::{self, By, Planned, Wish, lectures, meetings};
use crate::{allowed, coverage, exit, runs};

/// The name the schedulers stand for.
pub(crate) const LEAD: &str = "schedule";
/// How often the clock is looked at: it may be put forward or back.
const LOOK: Duration = Duration::from_secs(30);
/// The pause after a try that the world has made fail.
const AGAIN: Duration = Duration::from_secs(30);

/// What a scheduler works with.
#[derive(Debug)]
pub(crate) struct Scheduler {
    /// When it plans.
    pub schedule: Schedule,
    /// What else is configured.
    pub config: Config,
    /// Where jobs go.
    pub broker: Broker,
    /// Where receipts and records are.
    pub store: Store,
}

impl Scheduler {
    /// Waits to lead, and plans at every firing while it does, until it is stopped.
    ///
    /// # Errors
    /// When the configuration, the broker or the store refuses. What is away is waited for.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        self.stand(stop).await.map_err(|error| RunError::Halted(exit::sentence(&error)))
    }

    async fn stand(&self, stop: CancellationToken) -> anyhow::Result<()> {
        // What was due before this installation had a schedule is not made up.
        let begun = clock::now();
        while !stop.is_cancelled() {
            let Some(lead) = stop.run_until_cancelled(self.broker.lead(LEAD)).await else { break };
            let lead = lead?;
            info!("this scheduler leads; the next plan is due {}", self.next(clock::now()));
            let led = tokio::select! {
                () = stop.cancelled() => Ok(()),
                () = lead.lost() => {
                    warn!("another scheduler leads now");
                    Ok(())
                }
                ended = self.lead(begun) => ended,
            };
            lead.release().await;
            led?;
        }
        Ok(())
    }

    /// Plans what is due, again and again; ends with an error only.
    async fn lead(&self, begun: Timestamp) -> anyhow::Result<()> {
        loop {
            let pause = match self.look(begun).await {
                Ok(()) => LOOK.min(self.until_next()),
                Err(error) if exit::is_users(&error) => return Err(error),
                Err(error) => {
                    warn!(
                        "the scheduled plan is tried again in {} s: {}",
                        AGAIN.as_secs(),
                        exit::sentence(&error)
                    );
                    AGAIN
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Plans for the latest firing that is due, if one is.
    async fn look(&self, begun: Timestamp) -> anyhow::Result<()> {
        let (now, last) = (clock::now(), runs::last_slot(&self.store).await?);
        let Some(slot) = self.schedule.due(now, last.unwrap_or(begun)) else { return Ok(()) };
        self.fire(now, slot, last).await?;
        info!("planned for the firing of {slot}; the next is due {}", self.next(clock::now()));
        Ok(())
    }

    /// Plans for one firing. The plan that bears its time comes last: until it is published the firing counts as not
    /// done, and is made up.
    async fn fire(&self, now: Timestamp, slot: Timestamp, last: Option<Timestamp>) -> anyhow::Result<()> {
        let sources = self.config.sources();
        if sources.contains(&Source::Opencast) {
            let alone = (!sources.contains(&Source::Zoom)).then_some(slot);
            self.fire_lectures(now, alone, last).await?;
        }
        if !sources.contains(&Source::Zoom) {
            return Ok(());
        }
        let accounts = self.config.of_accounts(None)?;
        // The last account's plan bears the firing's time.
        for (place, account) in accounts.iter().enumerate() {
            let slot = (place + 1 == accounts.len()).then_some(slot);
            self.fire_meetings(account, now, slot, last).await?;
        }
        Ok(())
    }

    async fn fire_lectures(
        &self,
        now: Timestamp,
        slot: Option<Timestamp>,
        last: Option<Timestamp>,
    ) -> anyhow::Result<()> {
        let (config, broker, store) = (&self.config, &self.broker, &self.store);
        let (older, recent) = lectures::due(now, last, config, store).await?;
        if let Some(older) = older {
            self.publish(lectures::plan(&older, config, broker, store).await?, None).await?;
        }
        self.publish(lectures::plan(&recent, config, broker, store).await?, slot).await
    }

    async fn fire_meetings(
        &self,
        config: &Config,
        now: Timestamp,
        slot: Option<Timestamp>,
        last: Option<Timestamp>,
    ) -> anyhow::Result<()> {
        let known = self.coverage(config, now, last).await?;
        let short = self.short(now, last, &known).await?;
        if !short.is_empty() {
            let wish = Wish { meeting_uuids: short, force: true, ..Wish::default() };
            self.plan(config, &wish, None).await?;
        }
        let (older, recent) = planner::by_age(now, &planner::scheduled(now, last, &known));
        if !older.is_empty() {
            self.plan(config, &Wish { dates: older, ..Wish::default() }, None).await?;
        }
        self.plan(config, &Wish { dates: recent, ..Wish::default() }, slot).await
    }

    /// Publishes what is missing of what is wished. With a slot a record is kept even where nothing is.
    async fn plan(&self, config: &Config, wish: &Wish, slot: Option<Timestamp>) -> anyhow::Result<()> {
        let Self { broker, store, .. } = self;
        let quota = allowed::now(config, broker).await?;
        let planned = meetings::plan(wish, config, &quota, broker, store).await?;
        self.publish(planned, slot).await
    }

    async fn publish(&self, planned: Planned, slot: Option<Timestamp>) -> anyhow::Result<()> {
        info!(run = %planned.asked.run, "{}", planned.sentence());
        if planned.plan.jobs.is_empty() && slot.is_none() {
            return Ok(());
        }
        planning::publish(planned, By { origin: Origin::Schedule, slot }, &self.broker, &self.store).await
    }

    /// What is held of all dates that a firing may look at.
    async fn coverage(
        &self,
        config: &Config,
        now: Timestamp,
        last: Option<Timestamp>,
    ) -> anyhow::Result<Coverage> {
        self.store.refresh().await?;
        let mut known = Coverage::default();
        let today = coverage::today_at(now);
        let weeks = planner::second_looks(now, last);
        let first =
            weeks.first().copied().unwrap_or(today).min(today.saturating_sub(jiff::Span::new().days(8)));
        let account = meetings::account(config);
        coverage::receipts(&self.store, first, today, |receipt| meetings::add(&mut known, receipt, &account))
            .await?;
        Ok(known)
    }

    /// Meetings of a week ago of which the list counts more participants than sessions came.
    async fn short(
        &self,
        now: Timestamp,
        last: Option<Timestamp>,
        known: &Coverage,
    ) -> anyhow::Result<Vec<MeetingUuid>> {
        let mut short = Vec::new();
        let dates: Vec<Date> = planner::second_looks(now, last);
        for date in dates {
            let counts = coverage::participants(&self.store, date).await?;
            short.extend(planner::short(counts.iter().map(|(uuid, count)| (uuid, *count)), known));
        }
        Ok(short)
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
