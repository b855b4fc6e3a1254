//! Entry points for the fuzz targets: steps from an answer to documents.

use messages::RawDocument;

/// Returns the page of a row that alone becomes a dead letter.
pub fn only(raw: &RawDocument<'_>, position: usize) -> Option<String> {
    crate::map::only_item(raw, position).map(|only| only.body)
}

pub use crate::enrich::fuzz as places;
