//! The indexer and the desk on the real local store and broker; and on a store in trouble, over HTTP.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod desk;
mod filing;
mod fixture;
mod pages;
mod trouble;
