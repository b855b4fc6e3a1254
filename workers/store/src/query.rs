//! Queries, limited to what means the same in SQL and in the query language of search engines.

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::DocumentKind;

/// Selects the documents of one kind that fulfil all conditions.
///
/// Conditions apply to fields and to fields of objects, not to lists of objects (`tracking_fields`): of a list, a
/// condition only tests whether it is empty.
#[derive(Debug, Clone)]
pub struct Query {
    /// The kind of documents.
    pub kind: DocumentKind,
    /// Fields that must equal a value; dots for nested fields (`cause.class`).
    pub terms: Vec<(&'static str, String)>,
    /// Fields that must equal one of these values.
    pub any_of: Vec<(&'static str, Vec<String>)>,
    /// Fields whose value must lie in `[from, to]`, both included; dates and times as text. A date without a time
    /// covers the whole day.
    pub ranges: Vec<(&'static str, Option<String>, Option<String>)>,
    /// Lists of objects that must not be empty (`findings`).
    pub filled: Vec<&'static str>,
    /// Fields that must have no value.
    pub missing: Vec<&'static str>,
    /// Order of the hits, documents without the field last. `None`: by id, if the limit leaves out no hit.
    pub order: Option<(&'static str, SortOrder)>,
    /// Maximum number of hits, up to 10,000.
    pub limit: usize,
    /// Fields to leave out of the hits, for example large ones that the caller ignores.
    pub without: Vec<&'static str>,
}

/// Sort order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

impl Query {
    /// Selects every document of `kind`, at most 10,000.
    pub fn all(kind: DocumentKind) -> Self {
        Self {
            kind,
            terms: Vec::new(),
            any_of: Vec::new(),
            ranges: Vec::new(),
            filled: Vec::new(),
            missing: Vec::new(),
            order: None,
            limit: 10_000,
            without: Vec::new(),
        }
    }

    /// Requires `field` to equal `value`.
    #[must_use]
    pub fn with(mut self, field: &'static str, value: impl ToString) -> Self {
        self.terms.push((field, value.to_string()));
        self
    }

    /// Requires `field` to equal one of `values`.
    #[must_use]
    pub fn with_any(mut self, field: &'static str, values: Vec<String>) -> Self {
        self.any_of.push((field, values));
        self
    }

    /// Requires `field` to lie between `from` and `to`, both included.
    #[must_use]
    pub fn between(mut self, field: &'static str, from: impl ToString, to: impl ToString) -> Self {
        self.ranges.push((field, Some(from.to_string()), Some(to.to_string())));
        self
    }

    /// Requires the list of objects `field` not to be empty.
    #[must_use]
    pub fn filled(mut self, field: &'static str) -> Self {
        self.filled.push(field);
        self
    }

    /// Requires `field` to have no value.
    #[must_use]
    pub fn missing(mut self, field: &'static str) -> Self {
        self.missing.push(field);
        self
    }

    /// Sorts the hits by `field`.
    #[must_use]
    pub fn sorted(mut self, field: &'static str, order: SortOrder) -> Self {
        self.order = Some((field, order));
        self
    }

    /// Leaves `field` out of the hits.
    #[must_use]
    pub fn without(mut self, field: &'static str) -> Self {
        self.without.push(field);
        self
    }

    /// Limits the number of hits.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// A value of a field, its number of documents, and their range of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The value.
    pub value: String,
    /// Number of documents.
    pub count: u64,
    /// Earliest time in them, in whole milliseconds; `None` if none of them has a time.
    pub first: Option<Timestamp>,
    /// Latest time in them.
    pub last: Option<Timestamp>,
}

/// Continuation point of a [`crate::Store::scan`].
#[derive(Debug, Clone)]
pub struct Cursor(pub(crate) Position);

#[derive(Debug, Clone)]
pub(crate) enum Position {
    /// Local file: after this document, and in an ordered scan after its value.
    Behind { mark: Option<Mark>, index: String, id: String },
    /// Search engine: the scroll id.
    Scroll(String),
}

/// Value of the order field at which an ordered scan continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    Number(i64),
    Text(String),
}

/// A document of the store.
#[derive(Debug)]
pub struct Hit {
    /// Its index, without the prefix.
    pub index: String,
    /// Its id.
    pub id: String,
    /// Its external version.
    pub version: i64,
    /// The document.
    pub source: Box<RawValue>,
}
