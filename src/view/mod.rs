//! Views for operators, shared by terminal and console. A view gathers data once, serialises to the output of `--json`,
//! and renders tables and sentences. Independent of the output medium, so that both show the same.

pub(crate) mod dead;
pub(crate) mod parked;
pub(crate) mod runs;
pub(crate) mod status;

/// Column names and rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) header: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }
}

/// A name and its value.
pub(crate) type Fact = (&'static str, String);
