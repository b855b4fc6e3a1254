//! The indexer and the desk on the local store and broker, on a failing store over HTTP, and on search engines.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod desk;
mod fixture;
mod intake;
mod pages;
mod pipelines;
#[path = "../../../store/tests/contract/target.rs"]
#[expect(dead_code, reason = "the contract of the store uses the rest")]
mod target;
mod trouble;
