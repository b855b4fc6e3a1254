//! Tests of the indexer and the desk on the local store and broker, and over HTTP on a failing store.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod desk;
mod fixture;
mod intake;
mod pages;
mod trouble;
