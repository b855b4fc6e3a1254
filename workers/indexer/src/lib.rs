#![doc = include_str!("../README.md")]

pub mod desk;
mod expiry;
pub mod figures;
mod filing;
mod indexer;
mod load;
mod map;
mod settle;

pub use filing::DeadLetterDesk;
pub use indexer::{Indexer, Settings};
pub use map::{Encoded, Target, Unusable, encode_page};
