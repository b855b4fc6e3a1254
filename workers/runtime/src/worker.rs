//! The traits of workers: [`Worker`] does one job at a time, [`BatchWorker`] does many as one batch.

use std::future::Future;

use jiff::Timestamp;
use messages::Calls;
use serde::de::DeserializeOwned;

use crate::{Failure, Message, Outbox};

/// One attempt at a job, and its count of API calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// This attempt's number, from 1.
    pub number: u32,
    /// True when a [`Failure::Retry`] of this attempt becomes a dead letter.
    pub last: bool,
    /// When the attempt began.
    pub started_at: Timestamp,
    /// API calls made for the job since its first publish; the worker adds those of this attempt. The job keeps the
    /// count after every outcome. If the process dies or the lease is lost, only the API knows this attempt's calls.
    pub calls: Calls,
}

/// Does one kind of work, one job at a time.
pub trait Worker: Send + Sync + 'static {
    /// Name in logs and status, for example `zoom.list`.
    const NAME: &'static str;
    /// Type of its messages.
    type Job: DeserializeOwned + Send + 'static;

    /// Does the job. Its messages go to `outbox`, which is confirmed before the job is acked. The future may be dropped
    /// at any `await`, when the lease is lost or the stop's grace is over; then another worker starts the job again.
    fn perform(
        &self,
        job: Self::Job,
        attempt: &mut Attempt,
        outbox: &mut Outbox,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Returns true when work can go on after a hold without an end. Asks the dependency; one job's success proves
    /// nothing.
    fn healthy(&self) -> impl Future<Output = bool> + Send {
        std::future::ready(true)
    }

    /// Reacts to a command that lifts a hold: the worker retries at once what it waits for itself.
    fn resumed(&self) {}

    /// Returns true when an operator has lifted a pause of the quota's `limit` before its end.
    fn lifted(&self, limit: usize) -> impl Future<Output = bool> + Send {
        let _ = limit;
        std::future::ready(false)
    }
}

/// Does one kind of work in batches. The runtime does not decode the messages, so that an unreadable one is rejected
/// alone, by its own verdict.
pub trait BatchWorker: Send + Sync + 'static {
    /// Name in logs and status, for example `index`.
    const NAME: &'static str;

    /// Does a batch; returns one verdict per message, in the order of the messages.
    fn perform(
        &self,
        batch: &[Message],
        outbox: &mut Outbox,
    ) -> impl Future<Output = Vec<Result<(), Failure>>> + Send;

    /// Returns true when work can go on after a hold without an end.
    fn healthy(&self) -> impl Future<Output = bool> + Send {
        std::future::ready(true)
    }
}
