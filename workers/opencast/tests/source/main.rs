//! The source against a simulated Opencast of every generation, and against scripted servers.
#![expect(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod actions;
mod bench;
mod capabilities;
mod episodes;
mod hostile;
mod odd;
mod proof;
mod refused;
mod signing;
mod workflows;
