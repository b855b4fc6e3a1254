//! Any document, serialised as Opencast's generations serialise it, is read as the same value; and the shapes that were
//! seen are read as what they mean.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod actions;
mod episodes;
mod jettison;
mod serialiser;
mod workflows;
