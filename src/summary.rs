//! Summary of a run: what was promised, what arrived, its cost, and what is missing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{Calls, Receipt, ReceiptFinding, ReceiptState, Source};
use planner::Asked;
use serde::Serialize;
use store::{DocumentKind, Query, Store};

use crate::exit::Outcome;
use crate::receipts;
use crate::sources::reporting::{Harvest, HarvestSummary};
use crate::sources::tally::Tally;
use crate::{sources, units};

/// The last line of `ua run --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// The dates harvested.
    pub dates: Vec<Date>,
    /// The harvested documents and their cost.
    #[serde(flatten)]
    pub came: HarvestSummary,
    /// Number of messages and items that became dead letters.
    pub dead: u64,
    /// Number of unfinished jobs.
    pub waiting: u64,
    /// Duration of the run.
    pub seconds: f64,
    /// True if everything promised arrived and nothing is dead or waiting.
    pub complete: bool,
    /// Findings of finished jobs.
    pub findings: Findings,
    /// Number of dropped values by field.
    pub dropped_fields: BTreeMap<&'static str, u64>,
    /// What the run waits for, as text.
    #[serde(skip)]
    pub waits_for: Vec<String>,
}

/// Summarizes the harvest of `dates` and of the `picked` jobs from the receipts in `store`.
///
/// # Errors
/// If the store is unreachable.
pub(crate) async fn of(
    source: Source,
    Asked { dates, picked, .. }: &Asked,
    store: &Store,
    began: Timestamp,
    calls: Calls,
) -> anyhow::Result<Summary> {
    let mut sums = Sums::default();
    for receipt in receipts::read::receipts_of(store, picked).await? {
        sums.add(&receipt);
    }
    sums.unlisted = picked.len().saturating_sub(usize::try_from(sums.jobs).unwrap_or(usize::MAX));
    if let (Some(first), Some(last)) = (dates.iter().min(), dates.iter().max()) {
        let mut listed = BTreeSet::new();
        receipts::read::receipts(store, *first, *last, |receipt| {
            let ours = receipt.date.is_some_and(|date| dates.contains(&date));
            if ours && receipt.source == source && !picked.contains(&receipt.job_id) {
                sums.add(&receipt);
                listed.extend(receipt.date.filter(|_| receipt.kind == source.list_kind()));
            }
        })
        .await?;
        sums.unlisted += dates.iter().collect::<BTreeSet<_>>().len() - listed.len();
    }
    let dead = Query::all(DocumentKind::Deadletters).with("state", "dead").between(
        "died_at",
        began,
        runtime::clock::now(),
    );
    let seconds = (runtime::clock::now().as_millisecond() - began.as_millisecond()) as f64 / 1_000.0;
    let harvest = Harvest { tally: sums.tally, of_jobs: sums.calls, of_process: calls };
    let came = sources::of(source).summary(harvest);
    Ok(sums.summary(came, dates.clone(), store.count(&dead).await?, seconds))
}

/// Findings of receipts, each once with its number of jobs.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Findings(Vec<Found>);

/// A finding and its number of jobs.
#[derive(Debug, Clone, Serialize)]
struct Found {
    #[serde(flatten)]
    finding: ReceiptFinding,
    jobs: u64,
}

impl Findings {
    /// Maximum number of distinct findings; further ones are dropped.
    const MOST: usize = 100;

    /// Collects the findings of these receipts.
    pub(crate) fn of<'a>(receipts: impl IntoIterator<Item = &'a Receipt>) -> Self {
        let mut sums = Sums::default();
        receipts.into_iter().for_each(|receipt| sums.find(receipt));
        sums.findings()
    }

    /// Returns one line for each finding.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|Found { finding: ReceiptFinding { code, text }, jobs }| {
            format!("{code} ({}): {text}", units::some(*jobs, "job"))
        })
    }
}

/// Sums over receipts.
#[derive(Debug, Default)]
struct Sums {
    jobs: u64,
    tally: Tally,
    calls: Calls,
    planned: u64,
    not_complete: u64,
    /// Number of dates without a list and of picked meetings without a receipt.
    unlisted: usize,
    found: BTreeMap<ReceiptFinding, u64>,
}

impl Sums {
    fn add(&mut self, receipt: &Receipt) {
        self.jobs += 1;
        self.tally.add(receipt);
        self.calls += receipt.calls;
        self.planned += u64::from(receipt.state == ReceiptState::Planned);
        self.not_complete += u64::from(receipt.state != ReceiptState::Complete);
        self.find(receipt);
    }

    fn find(&mut self, receipt: &Receipt) {
        for finding in &receipt.findings {
            if let Some(jobs) = self.found.get_mut(finding) {
                *jobs += 1;
            } else if self.found.len() < Findings::MOST {
                self.found.insert(finding.clone(), 1);
            }
        }
    }

    fn findings(&self) -> Findings {
        let found = self.found.iter().map(|(finding, jobs)| Found { finding: finding.clone(), jobs: *jobs });
        Findings(found.collect())
    }

    fn summary(self, came: HarvestSummary, dates: Vec<Date>, dead: u64, seconds: f64) -> Summary {
        Summary {
            findings: self.findings(),
            dropped_fields: indexer::metrics::dropped_fields().iter().collect(),
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
    /// Returns the summary as a sentence.
    pub(crate) fn sentence(&self) -> String {
        let state = if self.complete { "complete" } else { "incomplete" };
        let Self { came: HarvestSummary { what, cost, .. }, seconds, dead, waiting, .. } = self;
        let (dead, waiting) = (units::count(*dead), units::count(*waiting));
        format!("{state}: {what} in {seconds:.1} s{cost}; {dead} dead, {waiting} waiting")
    }

    /// Returns the outcome of the command.
    pub(crate) fn outcome(&self) -> Outcome {
        if self.complete { Outcome::Complete } else { Outcome::Incomplete }
    }
}
