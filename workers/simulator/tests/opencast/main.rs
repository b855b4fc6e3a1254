//! The fake Opencast over HTTP: every service, both dialects, both serialisations, both kinds of credentials.
#![expect(clippy::unwrap_used, reason = "tests, and the helpers they share")]

mod actions;
mod auth;
mod catalogue;
mod own;
mod support;
mod truth;
