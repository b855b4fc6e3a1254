//! What a run says at its end: what was promised, what came, what it cost, what is missing.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{Calls, Receipt, ReceiptState, Source};
use planner::Asked;
use serde::Serialize;
use store::{Kind, Query, Store};

use crate::coverage;
use crate::exit::Outcome;
use crate::sources;
use crate::sources::tally::Tally;
use crate::sources::telling::{Came, Harvest};

/// The last line of `ua run --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// The dates harvested.
    pub dates: Vec<Date>,
    /// What came.
    #[serde(flatten)]
    pub came: Came,
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
    source: Source,
    Asked { dates, picked, .. }: &Asked,
    store: &Store,
    began: Timestamp,
    calls: Calls,
) -> anyhow::Result<Summary> {
    let mut sums = Sums::default();
    for receipt in coverage::receipts_of(store, picked).await? {
        sums.add(&receipt);
    }
    sums.unlisted = picked.len().saturating_sub(usize::try_from(sums.jobs).unwrap_or(usize::MAX));
    if let (Some(first), Some(last)) = (dates.iter().min(), dates.iter().max()) {
        let mut listed = BTreeSet::new();
        coverage::receipts(store, *first, *last, |receipt| {
            let ours = receipt.date.is_some_and(|date| dates.contains(&date));
            if ours && receipt.source == source && !picked.contains(&receipt.job_id) {
                sums.add(&receipt);
                listed.extend(receipt.date.filter(|_| receipt.kind == source.list_kind()));
            }
        })
        .await?;
        sums.unlisted += dates.iter().collect::<BTreeSet<_>>().len() - listed.len();
    }
    let dead =
        Query::all(Kind::Deadletters).with("state", "dead").between("died_at", began, runtime::clock::now());
    let seconds = (runtime::clock::now().as_millisecond() - began.as_millisecond()) as f64 / 1_000.0;
    let harvest = Harvest { tally: sums.tally, of_jobs: sums.calls, of_process: calls };
    let came = sources::of(source).came(harvest);
    Ok(sums.summary(came, dates.clone(), store.count(&dead).await?, seconds))
}

/// What receipts add up to.
#[derive(Debug, Default)]
struct Sums {
    jobs: u64,
    tally: Tally,
    calls: Calls,
    planned: u64,
    not_complete: u64,
    /// Dates without a list, and picked meetings without a receipt.
    unlisted: usize,
}

impl Sums {
    fn add(&mut self, receipt: &Receipt) {
        self.jobs += 1;
        self.tally.add(receipt);
        self.calls += receipt.calls;
        self.planned += u64::from(receipt.state == ReceiptState::Planned);
        self.not_complete += u64::from(receipt.state != ReceiptState::Complete);
    }

    fn summary(self, came: Came, dates: Vec<Date>, dead: u64, seconds: f64) -> Summary {
        Summary {
            dates,
            came,
            dead,
            waiting: self.planned,
            seconds,
            complete: self.not_complete == 0 && self.unlisted == 0 && dead == 0,
            waits_for: Vec::new(),
        }
    }
}

impl Summary {
    /// The summary as a sentence.
    pub(crate) fn sentence(&self) -> String {
        let state = if self.complete { "complete" } else { "incomplete" };
        let Self { came: Came { what, cost, .. }, seconds, dead, waiting, .. } = self;
        format!("{state}: {what} in {seconds:.1} s{cost}; {dead} dead, {waiting} waiting")
    }

    /// The command's outcome.
    pub(crate) fn outcome(&self) -> Outcome {
        if self.complete { Outcome::Complete } else { Outcome::Incomplete }
    }
}
