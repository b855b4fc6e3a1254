//! The fake Opencast over HTTP: every service, both dialects, both serialisations, both kinds of credentials.
#![expect(clippy::unwrap_used, reason = "tests, and the helpers they share")]

#[path = "opencast/support.rs"]
mod support;

#[path = "opencast/actions.rs"]
mod actions;
#[path = "opencast/auth.rs"]
mod auth;
#[path = "opencast/catalogue.rs"]
mod catalogue;
#[path = "opencast/own.rs"]
mod own;
#[path = "opencast/truth.rs"]
mod truth;
