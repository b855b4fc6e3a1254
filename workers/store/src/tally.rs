//! Documents counted by several fields at once: what is asked for, and what comes back.

use crate::query::Mark;

/// What documents are counted by. Groups come in the order of the words, then of the steps; a document without one
/// of the fields counts nowhere.
#[derive(Debug, Clone)]
pub struct Grouping {
    /// Fields with words, the one that leads the order first.
    pub words: Vec<&'static str>,
    /// A field with a number, cut into steps of a width: 0 up to but without the width is step 0, what is below is
    /// step -1.
    pub steps: Option<(&'static str, u32)>,
}

impl Grouping {
    /// By these words.
    pub fn by(words: &[&'static str]) -> Self {
        Self { words: words.to_vec(), steps: None }
    }

    /// Then by steps of a number; a width of 0 is taken as 1.
    #[must_use]
    pub fn in_steps(mut self, field: &'static str, width: u32) -> Self {
        self.steps = Some((field, width.max(1)));
        self
    }
}

/// Documents that have the same words and lie in the same step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The words, in the order of the grouping's.
    pub words: Vec<String>,
    /// The number of the step; 0 where the grouping has none.
    pub step: i64,
    /// How many documents these are.
    pub count: u64,
}

/// Where a [`crate::Store::tally`] goes on.
#[derive(Debug, Clone)]
pub struct Place(pub(crate) Spot);

#[derive(Debug, Clone)]
pub(crate) enum Spot {
    /// Behind the group with these values in the local file.
    Behind(Vec<Mark>),
    /// The search engine's own key of the last group.
    After(serde_json::Value),
}
