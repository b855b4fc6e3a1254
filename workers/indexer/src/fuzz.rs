//! Entry points for the fuzz targets: steps from an answer to documents.

use messages::RawDocument;

/// Returns the page of a row that alone becomes a dead letter.
pub fn single_row(raw: &RawDocument<'_>, position: usize) -> Option<String> {
    crate::map::single_row(raw, position).map(|row| row.body)
}

pub use crate::enrich::fuzz as places;
