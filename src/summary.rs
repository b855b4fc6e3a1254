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

/// What came of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Came {
    /// Of Zoom.
    Zoom {
        /// Meetings whose sessions were asked for.
        meetings: u64,
        /// Sessions that came.
        sessions: u64,
        /// Sessions that the API promised.
        expected_sessions: u64,
        /// API calls of this process.
        calls: Calls,
    },
    /// Of Opencast.
    Opencast {
        /// Always `opencast`.
        source: Source,
        /// User actions that came.
        actions: u64,
        /// Calls that the jobs of these dates made.
        calls: u64,
    },
}

impl Came {
    /// The API calls of a harvest of Zoom.
    pub(crate) fn calls(&self) -> Calls {
        match self {
            Self::Zoom { calls, .. } => *calls,
            Self::Opencast { calls, .. } => Calls { light: *calls, ..Calls::default() },
        }
    }
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
    Ok(sums.summary(source, dates.clone(), store.count(&dead).await?, calls, seconds))
}

/// What receipts add up to.
#[derive(Debug, Default)]
struct Sums {
    jobs: u64,
    meetings: u64,
    actions: u64,
    light: u64,
    sessions: u64,
    expected: u64,
    planned: u64,
    not_complete: u64,
    /// Dates without a list, and picked meetings without a receipt.
    unlisted: usize,
}

impl Sums {
    fn add(&mut self, receipt: &Receipt) {
        self.jobs += 1;
        self.light = self.light.saturating_add(receipt.calls.light);
        if receipt.kind == "actions" {
            self.actions = self.actions.saturating_add(receipt.got.unwrap_or(0));
        }
        if receipt.kind == "participants" {
            self.meetings += 1;
            self.sessions = self.sessions.saturating_add(receipt.got.unwrap_or(0));
            self.expected = self.expected.saturating_add(receipt.expected.unwrap_or(0));
        }
        self.planned += u64::from(receipt.state == ReceiptState::Planned);
        self.not_complete += u64::from(receipt.state != ReceiptState::Complete);
    }

    fn summary(self, source: Source, dates: Vec<Date>, dead: u64, calls: Calls, seconds: f64) -> Summary {
        let came = match source {
            Source::Zoom => Came::Zoom {
                meetings: self.meetings,
                sessions: self.sessions,
                expected_sessions: self.expected,
                calls,
            },
            Source::Opencast => Came::Opencast { source, actions: self.actions, calls: self.light },
        };
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
        let Self { seconds, dead, waiting, .. } = self;
        let came = match self.came {
            Came::Zoom { meetings, sessions, expected_sessions, calls } => format!(
                "{meetings} meetings, {sessions} of {expected_sessions} sessions in {seconds:.1} s; calls: {} heavy, {} resource-intensive, {} medium, {} light",
                calls.heavy, calls.resource_intensive, calls.medium, calls.light,
            ),
            Came::Opencast { actions, calls, .. } => {
                format!("{actions} user actions in {seconds:.1} s with {calls} calls to Opencast")
            }
        };
        format!("{state}: {came}; {dead} dead, {waiting} waiting")
    }

    /// The command's outcome.
    pub(crate) fn outcome(&self) -> Outcome {
        if self.complete { Outcome::Complete } else { Outcome::Incomplete }
    }
}
