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
    /// Returns the names of the source's parts.
    fn vocabulary(&self) -> &'static Vocabulary;

    /// Returns a table of the calls in a price, for this number of jobs.
    fn calls(&self, price: &Price, jobs: usize) -> comfy_table::Table;

    /// Returns the estimated and used calls of a run, per kind of call.
    fn call_use(&self, price: &Price, used: &Calls) -> Vec<CallUse>;

    /// Returns the summary of a harvest.
    fn summary(&self, harvest: Harvest) -> HarvestSummary;
}

/// The use of one kind of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallUse {
    /// Name of the kind.
    pub(crate) calls: &'static str,
    /// Estimated calls; `None` when the kind is not estimated.
    pub(crate) price: Option<u64>,
    /// Used calls.
    pub(crate) used: u64,
}

/// The counts of a harvest at its end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Harvest {
    /// Records, by the harvest's receipts.
    pub(crate) tally: Tally,
    /// Calls of all jobs, by their receipts.
    pub(crate) of_jobs: Calls,
    /// Calls of this process, where it counts them.
    pub(crate) of_process: Calls,
}

/// The summary of a harvest.
#[derive(Debug)]
pub(crate) struct HarvestSummary {
    /// The fields of `--json`, in order.
    pub(crate) figures: Vec<(&'static str, Figure)>,
    /// Text with the number of records.
    pub(crate) what: String,
    /// Text with the number of calls, appended to the elapsed time.
    pub(crate) cost: String,
    /// Calls used.
    #[cfg_attr(not(feature = "demo"), expect(dead_code, reason = "only `ua demo` prints it"))]
    pub(crate) calls: Calls,
}

/// A field of the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Figure {
    /// A count.
    Count(u64),
    /// Calls by class.
    Calls(Calls),
    /// The source of the harvest.
    Source(Source),
}

/// Serialises as an object of its figures.
impl Serialize for HarvestSummary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut figures = serializer.serialize_map(Some(self.figures.len()))?;
        for (name, figure) in &self.figures {
            figures.serialize_entry(name, figure)?;
        }
        figures.end()
    }
}
