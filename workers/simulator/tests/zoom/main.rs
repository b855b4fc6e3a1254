//! The fake Zoom over HTTP: its world, its answers, its quota, and the troubles it makes.
#![expect(clippy::unwrap_used, reason = "what goes wrong in a test ends it")]

mod calls;
mod faults;
mod quota;
mod schema;
mod support;
mod truth;
mod world;
