//! A run that is cancelled while its jobs are worked on: nothing of it may start after the command has ended with 0.

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{Receipt, ReceiptState};
use serde_json::Value;
use simulator::{Source, TruthIds};
use store::{DocumentKind, Query, StoreError};

use crate::site::Site;

/// How often the command is given, as it asks for while jobs are in progress.
const TIMES: usize = 5;

/// A cancelled run.
#[derive(Debug, Clone)]
pub(crate) struct Cancelled {
    pub(crate) run: String,
    pub(crate) date: Date,
    pub(crate) at: Timestamp,
}

/// Plans a date of its own, and cancels it once it is worked on; an error says what did not go well.
pub(crate) async fn cancel(site: &Site, pause: std::time::Duration) -> Result<Cancelled, String> {
    let date = site.cancelled_date();
    let named = date.to_string();
    let planned =
        site.quietly(&["plan", "--source", "zoom", "--date", &named, "--force", "--yes", "--json"]).await;
    let said = String::from_utf8_lossy(&planned.stdout).into_owned();
    let plan: Value = serde_json::from_str(&said).map_err(|_| format!("ua plan: {said}"))?;
    let run = plan["run"].as_str().ok_or_else(|| format!("ua plan names no run: {said}"))?.to_owned();
    tokio::time::sleep(pause).await;
    for _ in 0..TIMES {
        let ended = site.quietly(&["cancel", &run, "--wait", "--yes"]).await;
        if ended.status.success() {
            return Ok(Cancelled { run, date, at: runtime::clock::now() });
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

    /// Jobs of the run that started after it was cancelled, or may still do so.
    pub(crate) async fn restless(&self, site: &Site) -> Result<Vec<String>, StoreError> {
        let receipts = site.store.search(&Query::all(DocumentKind::Harvests).with("run", &self.run)).await?;
        let receipts = receipts.iter().map(|hit| serde_json::from_str::<Receipt>(hit.source.get()).unwrap());
        let restless = receipts.filter(|receipt| {
            receipt.state == ReceiptState::Planned
                || receipt.started_at.is_some_and(|started| started > self.at)
        });
        Ok(restless.map(|receipt| format!("{} of the cancelled run {}", receipt.job_id, self.run)).collect())
    }
}
