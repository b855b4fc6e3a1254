//! Counts of expected and received records, from receipts. Independent of the kind of record and of the output.

use std::collections::BTreeMap;

use messages::{Receipt, Source};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::{of, vocabulary};

/// Counts of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Receipts that count records.
    pub(crate) receipts: u64,
    /// Expected records.
    pub(crate) promised: u64,
    /// Received records.
    pub(crate) came: u64,
}

impl Tally {
    /// Adds a receipt, if its kind counts records.
    pub(crate) fn add(&mut self, receipt: &Receipt) {
        if receipt.kind == of(receipt.source).vocabulary().records.kind {
            self.receipts += 1;
            self.promised = self.promised.saturating_add(receipt.expected.unwrap_or(0));
            self.came = self.came.saturating_add(receipt.got.unwrap_or(0));
        }
    }
}

/// Counts of each source.
#[derive(Debug, Default)]
pub(crate) struct Tallies(BTreeMap<Source, Tally>);

impl Tallies {
    /// Adds a receipt to its source.
    pub(crate) fn add(&mut self, receipt: &Receipt) {
        self.0.entry(receipt.source).or_default().add(receipt);
    }

    /// Returns the counts of a source; `None` without receipts.
    pub(crate) fn of(&self, source: Source) -> Option<Tally> {
        self.0.get(&source).copied()
    }
}

/// Serialises the fields of every source, with or without receipts, so that readers find the same names always.
impl Serialize for Tallies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut figures = serializer.serialize_map(None)?;
        for (source, words) in vocabulary::all() {
            let Tally { promised, came, .. } = self.of(source).unwrap_or_default();
            figures.serialize_entry(words.records.promised, &promised)?;
            figures.serialize_entry(words.records.came, &came)?;
        }
        figures.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_has_its_figures_in_the_order_of_sources() {
        let figures = serde_json::to_string(&Tallies::default()).unwrap();
        let wanted = r#"{"expected_sessions":0,"sessions":0,"expected_actions":0,"actions":0"#;
        assert!(figures.starts_with(wanted), "{figures}");
    }
}
