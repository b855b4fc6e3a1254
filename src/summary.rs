//! What a run says at its end: what was promised, what came, what it cost, what is missing.

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{Calls, JobId, Receipt, ReceiptState};
use serde::Serialize;
use store::{Kind, Query, Store};

use crate::coverage;
use crate::exit::Outcome;

/// The last line of `ua run --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// The dates harvested.
    pub dates: Vec<Date>,
    /// Meetings whose sessions were asked for.
    pub meetings: u64,
    /// Sessions that came.
    pub sessions: u64,
    /// Sessions that the API promised.
    pub expected_sessions: u64,
    /// API calls of this process.
    pub calls: Calls,
    /// Messages and items that could not be used.
    pub dead: u64,
    /// Jobs not finished.
    pub waiting: u64,
    /// How long it took.
    pub seconds: f64,
    /// Everything promised came, and nothing is dead or waiting.
    pub complete: bool,
    /// What is waited for, in words.
    #[serde(skip)]
    pub waits_for: Vec<String>,
}

/// The summary of the harvest of `dates` and of the `picked` jobs, by the receipts in `store`.
///
/// # Errors
/// When the store is away.
pub(crate) async fn of(
    dates: &[Date],
    picked: &[JobId],
    store: &Store,
    began: Timestamp,
    calls: Calls,
) -> anyhow::Result<Summary> {
    let mut receipts = coverage::receipts_of(store, picked).await?;
    if let (Some(first), Some(last)) = (dates.iter().min(), dates.iter().max()) {
        let dated = coverage::receipts(store, *first, *last).await?;
        let ours = |receipt: &Receipt| {
            let is_picked = picked.contains(&receipt.job_id);
            !is_picked && receipt.date.is_some_and(|date| dates.contains(&date))
        };
        receipts.extend(dated.into_iter().filter(ours));
    }
    let dead =
        Query::all(Kind::Deadletters).with("state", "dead").between("died_at", began, runtime::clock::now());
    let seconds = (runtime::clock::now().as_millisecond() - began.as_millisecond()) as f64 / 1_000.0;
    Ok(add_up(dates.to_vec(), &receipts, store.count(&dead).await?, calls, seconds))
}

fn add_up(dates: Vec<Date>, receipts: &[Receipt], dead: u64, calls: Calls, seconds: f64) -> Summary {
    let count = |state| receipts.iter().filter(|receipt| receipt.state == state).count() as u64;
    let details: Vec<&Receipt> = receipts.iter().filter(|receipt| receipt.kind == "participants").collect();
    let sum = |value: fn(&Receipt) -> Option<u64>| details.iter().filter_map(|receipt| value(receipt)).sum();
    let all_complete = count(ReceiptState::Complete) == receipts.len() as u64;
    Summary {
        dates,
        meetings: details.len() as u64,
        sessions: sum(|receipt| receipt.got),
        expected_sessions: sum(|receipt| receipt.expected),
        calls,
        dead,
        waiting: count(ReceiptState::Planned),
        seconds,
        complete: all_complete && dead == 0,
        waits_for: Vec::new(),
    }
}

impl Summary {
    /// The summary as a sentence.
    pub(crate) fn sentence(&self) -> String {
        let state = if self.complete { "complete" } else { "incomplete" };
        let calls = self.calls;
        format!(
            "{state}: {} meetings, {} of {} sessions in {:.1} s; calls: {} heavy, {} resource-intensive, {} medium, {} light; {} dead, {} waiting",
            self.meetings,
            self.sessions,
            self.expected_sessions,
            self.seconds,
            calls.heavy,
            calls.resource_intensive,
            calls.medium,
            calls.light,
            self.dead,
            self.waiting,
        )
    }

    /// The command's outcome.
    pub(crate) fn outcome(&self) -> Outcome {
        if self.complete { Outcome::Complete } else { Outcome::Incomplete }
    }
}
