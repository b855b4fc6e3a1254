//! Any document, serialised as each Opencast generation does, decodes to the same value. Known forms decode to their
//! meaning.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod actions;
mod episodes;
mod jettison;
mod serialiser;
mod workflows;
