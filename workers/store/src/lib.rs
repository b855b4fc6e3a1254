#![doc = include_str!("../README.md")]

mod batch;
mod index;
mod query;

pub use batch::{Batch, Item, Verdict};
pub use index::{Kind, Split};
pub use query::{Hit, Order, Query};
