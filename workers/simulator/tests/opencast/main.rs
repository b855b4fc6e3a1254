//! The fake Opencast over HTTP: all services, dialects, serialisations and kinds of credentials.
#![expect(clippy::unwrap_used, reason = "tests, and the helpers they share")]

mod actions;
mod auth;
mod catalogue;
mod own;
mod support;
mod truth;
