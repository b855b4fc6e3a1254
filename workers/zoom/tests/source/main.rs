//! The source against a simulated Zoom, and against scripted servers.
#![expect(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod answers;
mod dashboard;
mod doubt;
mod optional;
mod report;
mod support;
mod trouble;
