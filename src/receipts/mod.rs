//! Receipts in the store: reading them as coverage, and writing them with the records of runs.

pub mod read;
pub(crate) mod write;
