#![doc = include_str!("../README.md")]

mod batch;
mod condition;
pub mod elasticsearch;
mod error;
mod id;
mod index;
pub mod local;
mod query;
mod report;
mod store;
mod tally;
mod template;
mod verdict;

pub use batch::{Batch, Item};
pub use elasticsearch::Elasticsearch;
pub use error::StoreError;
pub use index::{DocumentKind, Split};
pub use local::Local;
pub use query::{Cursor, Hit, Query, SortOrder, Span};
pub use report::{Change, Conflict, Findings, Health, Right, SetupReport, TemplateState};
pub use store::Store;
pub use tally::{Group, Grouping, TallyCursor};
pub use verdict::Verdict;
