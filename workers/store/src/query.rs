//! Questions to the store, small enough to mean the same in SQL and in the query language of a search engine.

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::Kind;

/// Documents of one kind that fulfil every condition.
///
/// Conditions look at fields and at fields of objects, not into lists of objects (`tracking_fields`): of a list, only
/// whether it is empty.
#[derive(Debug, Clone)]
pub struct Query {
    /// The kind asked for.
    pub kind: Kind,
    /// Fields that must have exactly this value; nested fields by dots (`cause.class`).
    pub terms: Vec<(&'static str, String)>,
    /// Fields that must have one of these values.
    pub any_of: Vec<(&'static str, Vec<String>)>,
    /// Fields whose value must lie in `[from, to]`, both ends included; dates and times as text. A date without
    /// a time stands for the whole day.
    pub ranges: Vec<(&'static str, Option<String>, Option<String>)>,
    /// Lists of objects that must not be empty (`findings`).
    pub filled: Vec<&'static str>,
    /// Fields that must have no value.
    pub missing: Vec<&'static str>,
    /// The order of the hits, documents without the field last; `None`: by id, where the limit leaves none out.
    pub order: Option<(&'static str, Order)>,
    /// Hits wanted at most, up to 10,000.
    pub limit: usize,
    /// Fields that the hits come without: what is large and not looked at.
    pub without: Vec<&'static str>,
}

/// Ascending or descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

impl Query {
    /// Every document of `kind`, 10,000 at most.
    pub fn all(kind: Kind) -> Self {
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

    /// Only documents whose `field` is `value`.
    #[must_use]
    pub fn with(mut self, field: &'static str, value: impl ToString) -> Self {
        self.terms.push((field, value.to_string()));
        self
    }

    /// Only documents whose `field` is one of `values`.
    #[must_use]
    pub fn with_any(mut self, field: &'static str, values: Vec<String>) -> Self {
        self.any_of.push((field, values));
        self
    }

    /// Only documents whose `field` lies between `from` and `to`, both included.
    #[must_use]
    pub fn between(mut self, field: &'static str, from: impl ToString, to: impl ToString) -> Self {
        self.ranges.push((field, Some(from.to_string()), Some(to.to_string())));
        self
    }

    /// Only documents whose list of objects `field` is not empty.
    #[must_use]
    pub fn filled(mut self, field: &'static str) -> Self {
        self.filled.push(field);
        self
    }

    /// Only documents without a value of `field`.
    #[must_use]
    pub fn missing(mut self, field: &'static str) -> Self {
        self.missing.push(field);
        self
    }

    /// The hits in the order of `field`.
    #[must_use]
    pub fn sorted(mut self, field: &'static str, order: Order) -> Self {
        self.order = Some((field, order));
        self
    }

    /// The hits without `field`.
    #[must_use]
    pub fn without(mut self, field: &'static str) -> Self {
        self.without.push(field);
        self
    }

    /// At most `limit` hits.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// How many documents have a value of a field, and within which time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The value.
    pub value: String,
    /// How many documents have it.
    pub count: u64,
    /// The earliest time in them, in whole milliseconds; `None` when no document has one.
    pub first: Option<Timestamp>,
    /// The latest.
    pub last: Option<Timestamp>,
}

/// Where a [`crate::Store::scan`] goes on.
#[derive(Debug, Clone)]
pub struct Cursor(pub(crate) Position);

#[derive(Debug, Clone)]
pub(crate) enum Position {
    /// Behind this document of the local file; in an ordered scan also behind its value.
    Behind { mark: Option<Mark>, index: String, id: String },
    /// The search engine keeps the place under this name.
    Scroll(String),
}

/// The value by which an ordered scan goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    Number(i64),
    Text(String),
}

/// A document found.
#[derive(Debug)]
pub struct Hit {
    /// The index it lies in, without any prefix.
    pub index: String,
    /// Its id.
    pub id: String,
    /// Its external version.
    pub version: i64,
    /// The document.
    pub source: Box<RawValue>,
}
