#![doc = include_str!("../README.md")]

mod ahead;
pub mod archive;
mod bulk_builder;
pub mod desk;
mod enrich;
mod expiry;
#[doc(hidden)]
pub mod fuzz;
mod indexer;
mod map;
pub mod metrics;
mod refusals;
mod settle;

pub use desk::DeadLetterDesk;
pub use enrich::{Enricher, PlacesError};
pub use indexer::{Indexer, IndexerSettings};
pub use map::{Dropped, Encoded, Target, Unusable, encode_page};
