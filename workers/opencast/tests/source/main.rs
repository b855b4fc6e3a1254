//! The source against a simulated Opencast of every generation, and against scripted servers.
#![expect(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod actions;
mod bench;
mod capabilities;
mod completeness;
mod episodes;
mod hostile;
mod odd;
mod refused;
mod signing;
mod workflows;
