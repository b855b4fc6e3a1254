//! What every back end has to do.

pub(crate) mod expiry;
pub(crate) mod mapping;
pub(crate) mod read;
pub(crate) mod tally;
pub(crate) mod templates;
pub(crate) mod write;
