//! What people are told of a source's work.
//! Must not know how it is put to work, nor where it is shown.

use planner::Price;

use super::words::Words;

/// What people are told of a source.
pub(crate) trait Telling {
    /// What its parts are called.
    fn words(&self) -> &'static Words;

    /// The calls of a price for so many jobs.
    fn calls(&self, price: &Price, jobs: usize) -> comfy_table::Table;
}
