//! Receipts in the store: reads them as coverage; writes them and the records of runs.

pub mod read;
pub(crate) mod write;
