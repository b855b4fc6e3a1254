//! Entries for the fuzz targets: parts of the way from an answer to documents.

use messages::RawDocument;

/// The page that a row becomes when it alone is a dead letter.
pub fn only(raw: &RawDocument<'_>, position: usize) -> Option<String> {
    crate::map::only_item(raw, position).map(|only| only.body)
}

pub use crate::enrich::fuzz as places;
