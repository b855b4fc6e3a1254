//! Counting documents by several fields at once: request and result types.

use crate::query::Mark;

/// Fields to count documents by. Groups are ordered by words, then by step. Documents that lack one of the fields do
/// not count.
#[derive(Debug, Clone)]
pub struct Grouping {
    /// Keyword fields, in the order of sorting.
    pub words: Vec<&'static str>,
    /// A numeric field and the width of a step: a value of 0 up to, but not including, the width is in step 0; values
    /// below 0 have negative steps.
    pub steps: Option<(&'static str, u32)>,
}

impl Grouping {
    /// Groups by these keyword fields.
    pub fn by(words: &[&'static str]) -> Self {
        Self { words: words.to_vec(), steps: None }
    }

    /// Also groups by steps of a numeric field. A width of 0 counts as 1.
    #[must_use]
    pub fn in_steps(mut self, field: &'static str, width: u32) -> Self {
        self.steps = Some((field, width.max(1)));
        self
    }
}

/// Number of documents with the same words and step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The words, in the order of [`Grouping::words`].
    pub words: Vec<String>,
    /// Number of the step; 0 without [`Grouping::steps`].
    pub step: i64,
    /// Number of documents.
    pub count: u64,
}

/// Continuation point of a [`crate::Store::tally`].
#[derive(Debug, Clone)]
pub struct TallyCursor(pub(crate) Spot);

#[derive(Debug, Clone)]
pub(crate) enum Spot {
    /// Local file: after the group with these values.
    Behind(Vec<Mark>),
    /// Search engine: the `after_key` of the last answer.
    After(serde_json::Value),
}
