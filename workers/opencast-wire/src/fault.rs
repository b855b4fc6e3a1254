//! Errors in a part of an answer: the field and the expected type, never the value.

/// Why a part of an answer could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The field is missing or empty.
    #[error("field `{0}` is missing or empty")]
    Missing(&'static str),
    /// The field has the wrong type.
    #[error("field `{field}` is no {what}")]
    Not {
        /// The field.
        field: &'static str,
        /// The expected type.
        what: &'static str,
    },
    /// The row is not an object, or contains invalid text.
    #[error("the row is not readable")]
    Row,
    /// The answer as a whole has another form.
    #[error("the answer has no `{0}`")]
    Frame(&'static str),
}
