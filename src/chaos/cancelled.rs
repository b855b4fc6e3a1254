//! A run that is cancelled while its jobs are in progress: none of its jobs may start after the command has ended with
//! 0.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{Receipt, ReceiptState};
use simulator::{Source, TruthIds};
use store::{DocumentKind, Query, StoreError};

use crate::removed::within;
use crate::site::Site;

/// Number of times that the command is given; it asks for repetition while jobs are in progress.
const TIMES: usize = 5;
/// Calls for the date before the cancel, and maximum time for them.
const BEGUN: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(90);

/// A cancelled run.
#[derive(Debug, Clone)]
pub(crate) struct Cancelled {
    pub(crate) run: String,
    pub(crate) date: Date,
    pub(crate) at: Timestamp,
    /// Calls for its date before the cancel.
    calls: u64,
}

/// Plans a separate date and cancels the run once a worker has begun it. Errors describe what went wrong.
pub(crate) async fn cancel(site: &Site, date: Date) -> Result<Cancelled, String> {
    let run = site.plan_date(date).await?.run;
    if !within(PATIENCE, async || site.simulator.calls_about(date) >= BEGUN).await {
        return Err(format!("the run {run} is not begun"));
    }
    for _ in 0..TIMES {
        let ended = site.quietly(&["cancel", &run, "--wait", "--yes"]).await;
        let (at, calls) = (runtime::clock::now(), site.simulator.calls_about(date));
        if ended.status.success() {
            return Ok(Cancelled { run, date, at, calls });
        }
    }
    Err(format!("ua cancel {run} does not end with 0"))
}

impl Cancelled {
    /// Ids of the date: documents fetched before the cancel are permitted, not required.
    pub(crate) fn ids(&self, site: &Site) -> TruthIds {
        site.simulator.truth(self.date, Source::Dashboard).ids.unwrap()
    }

    /// Number of the run's details that were begun before the cancel.
    pub(crate) async fn fetched(&self, site: &Site) -> Result<u64, StoreError> {
        let begun = Query::all(DocumentKind::Harvests).with("run", &self.run).with("kind", "participants");
        site.store
            .count(&begun.with_any("state", ["complete", "incomplete", "failed"].map(str::to_owned).into()))
            .await
    }

    /// Returns calls for the date after the cancel, and jobs of the run that started after it or may still start.
    pub(crate) async fn restless(&self, site: &Site) -> Result<Vec<String>, StoreError> {
        let receipts = site.store.search(&Query::all(DocumentKind::Harvests).with("run", &self.run)).await?;
        let receipts = receipts.iter().map(|hit| serde_json::from_str::<Receipt>(hit.source.get()).unwrap());
        let restless = receipts.filter(|receipt| {
            receipt.state == ReceiptState::Planned
                || receipt.started_at.is_some_and(|started| started > self.at)
        });
        let mut restless: Vec<String> =
            restless.map(|receipt| format!("{} of the cancelled run {}", receipt.job_id, self.run)).collect();
        let later = site.simulator.calls_about(self.date) - self.calls;
        if later > 0 {
            restless
                .push(format!("{later} calls for {} after the run {} was cancelled", self.date, self.run));
        }
        Ok(restless)
    }
}
