//! Reports of a source's work for operators: plans, runs, harvests. Independent of how a source is started and of where
//! the report appears.

use messages::{Calls, Source};
use planner::Price;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::tally::Tally;
use super::vocabulary::Vocabulary;

/// Texts and tables about a source.
pub(crate) trait Reporting {
    /// Returns the names of its parts.
    fn vocabulary(&self) -> &'static Vocabulary;

    /// The calls of a price for so many jobs.
    fn calls(&self, price: &Price, jobs: usize) -> comfy_table::Table;

    /// The calls of a run, kind by kind: those of its price, and those that were used.
    fn call_use(&self, price: &Price, used: &Calls) -> Vec<CallUse>;

    /// Returns the summary of a harvest.
    fn summary(&self, harvest: Harvest) -> HarvestSummary;
}

/// The use of one kind of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallUse {
    /// What they are called.
    pub(crate) calls: &'static str,
    /// How many were expected, if they have a price at all.
    pub(crate) price: Option<u64>,
    /// How many were used.
    pub(crate) used: u64,
}

/// What is known of a harvest at its end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Harvest {
    /// What its receipts count.
    pub(crate) tally: Tally,
    /// The calls of all its jobs, by their receipts.
    pub(crate) of_jobs: Calls,
    /// The calls of this process, where it counts them.
    pub(crate) of_process: Calls,
}

/// The summary of a harvest.
#[derive(Debug)]
pub(crate) struct HarvestSummary {
    /// Its figures by their names, in their order.
    pub(crate) figures: Vec<(&'static str, Figure)>,
    /// What came, in words.
    pub(crate) what: String,
    /// What it cost, in words that follow those on the time it took.
    pub(crate) cost: String,
    /// The calls that it cost.
    pub(crate) calls: Calls,
}

/// A figure of a harvest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Figure {
    /// How many there are.
    Count(u64),
    /// Calls by their classes.
    Calls(Calls),
    /// Whose figures these are.
    Source(Source),
}

/// As an object of its figures.
impl Serialize for HarvestSummary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut figures = serializer.serialize_map(Some(self.figures.len()))?;
        for (name, figure) in &self.figures {
            figures.serialize_entry(name, figure)?;
        }
        figures.end()
    }
}
