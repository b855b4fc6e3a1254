//! What every back end has to do.

pub mod mapping;
pub mod read;
pub mod templates;
pub mod write;
