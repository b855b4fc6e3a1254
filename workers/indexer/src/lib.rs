#![doc = include_str!("../README.md")]

mod ahead;
pub mod archive;
pub mod desk;
mod enrich;
mod expiry;
mod filing;
#[doc(hidden)]
pub mod fuzz;
mod indexer;
mod load;
mod map;
pub mod metrics;
mod refusals;
mod settle;

pub use enrich::{Enricher, PlacesError};
pub use filing::DeadLetterDesk;
pub use indexer::{Indexer, Settings};
pub use map::{Dropped, Encoded, Target, Unusable, encode_page};
