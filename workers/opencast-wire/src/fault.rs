//! What is wrong with a part of an answer: the field, and what it should be. Never its value.

/// A field that is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The field is missing or empty.
    #[error("field `{0}` is missing or empty")]
    Missing(&'static str),
    /// The field is there and is not what it should be.
    #[error("field `{field}` is no {what}")]
    Not {
        /// The field.
        field: &'static str,
        /// What it should be.
        what: &'static str,
    },
    /// The row is no object, or holds text that is none.
    #[error("the row is not readable")]
    Row,
    /// The answer as a whole has another form.
    #[error("the answer has no `{0}`")]
    Frame(&'static str),
}
