//! A run that is cancelled while its jobs are worked on: nothing of it may start after the command has ended with 0.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{Receipt, ReceiptState};
use simulator::{Source, TruthIds};
use store::{DocumentKind, Query, StoreError};

use crate::removed::within;
use crate::site::Site;

/// How often the command is given, as it asks for while jobs are in progress.
const TIMES: usize = 5;
/// It is cancelled after so many calls for its date, for which it may take so long.
const BEGUN: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(90);

/// A cancelled run.
#[derive(Debug, Clone)]
pub(crate) struct Cancelled {
    pub(crate) run: String,
    pub(crate) date: Date,
    pub(crate) at: Timestamp,
    /// Calls for its date until then.
    calls: u64,
}

/// Plans a date of its own, and cancels it once it is worked on; an error says what did not go well.
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
    /// Ids of the date: what was fetched before the cancel may be held, and need not.
    pub(crate) fn ids(&self, site: &Site) -> TruthIds {
        site.simulator.truth(self.date, Source::Dashboard).ids.unwrap()
    }

    /// Details of the run that were fetched, or begun, before it was cancelled.
    pub(crate) async fn fetched(&self, site: &Site) -> Result<u64, StoreError> {
        let begun = Query::all(DocumentKind::Harvests).with("run", &self.run).with("kind", "participants");
        site.store
            .count(&begun.with_any("state", ["complete", "incomplete", "failed"].map(str::to_owned).into()))
            .await
    }

    /// Calls that were made for the date after the cancel, and jobs of the run that started then or may still do so.
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
