//! What people are told of a source's work: of plans before it, of runs in it, of harvests after it.
//! Must not know how a source is put to work, nor where it is told.

use messages::{Calls, Source};
use planner::Price;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::tally::Tally;
use super::words::Words;

/// What people are told of a source.
pub(crate) trait Telling {
    /// What its parts are called.
    fn words(&self) -> &'static Words;

    /// The calls of a price for so many jobs.
    fn calls(&self, price: &Price, jobs: usize) -> comfy_table::Table;

    /// The calls of a run, kind by kind: those of its price, and those that were used.
    fn spent(&self, price: &Price, used: &Calls) -> Vec<Spent>;

    /// What came of a harvest.
    fn came(&self, harvest: Harvest) -> Came;
}

/// Calls of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent {
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

/// What came of a harvest, told.
#[derive(Debug)]
pub(crate) struct Came {
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
impl Serialize for Came {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut figures = serializer.serialize_map(Some(self.figures.len()))?;
        for (name, figure) in &self.figures {
            figures.serialize_entry(name, figure)?;
        }
        figures.end()
    }
}
