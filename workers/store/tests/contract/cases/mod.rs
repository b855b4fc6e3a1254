//! Cases for every back end.

pub(crate) mod expiry;
pub(crate) mod mapping;
pub(crate) mod read;
pub(crate) mod tally;
pub(crate) mod templates;
pub(crate) mod write;
