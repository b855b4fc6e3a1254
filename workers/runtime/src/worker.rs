//! What a kind of work has to say of itself. Two traits: one job at a time, or many as one batch.

use std::future::Future;

use jiff::Timestamp;
use messages::Calls;
use serde::de::DeserializeOwned;

use crate::{Failure, Message, Outbox};

/// What a worker may know about the attempt it makes, and what it counts of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// This attempt's number, from 1.
    pub number: u32,
    /// True when a [`Failure::Retry`] of this attempt will be a dead letter.
    pub last: bool,
    /// When the attempt began.
    pub started_at: Timestamp,
    /// API calls made for the job since it was published: those of earlier attempts, to which the worker adds its own.
    /// They go on with the job however this attempt ends, unless its process dies or its lease is lost:
    /// then those of this attempt are known to the API alone.
    pub calls: Calls,
}

/// Does one kind of work, one job at a time.
pub trait Worker: Send + Sync + 'static {
    /// The name in logs and status, for example `zoom.list`.
    const NAME: &'static str;
    /// The message it takes.
    type Job: DeserializeOwned + Send + 'static;

    /// Does the job; what it produces goes to `outbox`, which is confirmed before the job is acked. It may be dropped at any
    /// `await`, when the lease is lost or the stop's grace is over: then somebody does the job from its beginning.
    fn perform(
        &self,
        job: Self::Job,
        attempt: &mut Attempt,
        outbox: &mut Outbox,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Says, during a hold without an end, whether work can go on. Asks the dependency, not a job's luck.
    fn healthy(&self) -> impl Future<Output = bool> + Send {
        std::future::ready(true)
    }

    /// An order has lifted a hold: what the worker itself waits for is tried at once.
    fn resumed(&self) {}

    /// Says, during a pause of `limit` of the quota, whether it is over before its time: somebody has lifted it.
    fn lifted(&self, limit: usize) -> impl Future<Output = bool> + Send {
        let _ = limit;
        std::future::ready(false)
    }
}

/// Does one kind of work in batches. Messages are not decoded by the runtime: one that cannot be read is
/// rejected alone, by its own verdict.
pub trait BatchWorker: Send + Sync + 'static {
    /// The name in logs and status, for example `index`.
    const NAME: &'static str;

    /// Does a batch: one verdict per message, in the order of the messages.
    fn perform(
        &self,
        batch: &[Message],
        outbox: &mut Outbox,
    ) -> impl Future<Output = Vec<Result<(), Failure>>> + Send;

    /// Says, during a hold without an end, whether work can go on.
    fn healthy(&self) -> impl Future<Output = bool> + Send {
        std::future::ready(true)
    }
}
