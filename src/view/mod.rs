//! What an operator looks at: gathered once, then shown by the terminal's commands and by the web page alike. A value
//! serialises as what `--json` prints, and says itself in tables and sentences. Must not know where it is shown.

pub(crate) mod dead;
pub(crate) mod runs;
pub(crate) mod status;

/// Names of columns and the rows below them.
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

/// A fact under its name.
pub(crate) type Fact = (&'static str, String);
