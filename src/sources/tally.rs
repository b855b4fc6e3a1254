//! What receipts count: records that were promised, and records that came.
//! Must not know what is counted, nor where it is shown.

use std::collections::BTreeMap;

use messages::{Receipt, Source};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::{of, vocabulary};

/// What receipts of one source count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// How many of them count records.
    pub(crate) receipts: u64,
    /// Records that were promised.
    pub(crate) promised: u64,
    /// Records that came.
    pub(crate) came: u64,
}

impl Tally {
    /// Counts what a receipt says, if it is one that counts records.
    pub(crate) fn add(&mut self, receipt: &Receipt) {
        if receipt.kind == of(receipt.source).vocabulary().records.kind {
            self.receipts += 1;
            self.promised = self.promised.saturating_add(receipt.expected.unwrap_or(0));
            self.came = self.came.saturating_add(receipt.got.unwrap_or(0));
        }
    }
}

/// What receipts of all sources count, each source's by itself.
#[derive(Debug, Default)]
pub(crate) struct Tallies(BTreeMap<Source, Tally>);

impl Tallies {
    /// Counts what a receipt says.
    pub(crate) fn add(&mut self, receipt: &Receipt) {
        self.0.entry(receipt.source).or_default().add(receipt);
    }

    /// What was counted of a source; `None` where it has no receipt at all.
    pub(crate) fn of(&self, source: Source) -> Option<Tally> {
        self.0.get(&source).copied()
    }
}

/// The figures of every source, whether or not it has receipts: who reads them finds the same names always.
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
