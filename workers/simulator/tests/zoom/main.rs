//! The fake Zoom over HTTP: world, answers, quota and faults.
#![expect(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod calls;
mod faults;
mod quota;
mod schema;
mod support;
mod truth;
mod world;
