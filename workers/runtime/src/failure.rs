//! The six ways in which work does not succeed. Decided where the knowledge is, settled by the runtime.

use std::time::Duration;

use jiff::Timestamp;
use messages::Cause;

/// Why a job is not done, and so what happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// This job failed in a way that may pass: counted, and parked for a while.
    Retry {
        /// How long to wait; `None` follows the ladder by the number of attempts made.
        after: Option<Duration>,
        /// What failed; its class becomes the dead letter's when the attempts are spent.
        cause: Cause,
    },
    /// This job will never work as it is: a dead letter at once.
    Reject {
        /// Why.
        cause: Cause,
    },
    /// The job is innocent: the quota is spent, the store or the API is down. Handed back, not counted.
    Hold {
        /// When to try again at the latest; `None` asks [`crate::Worker::healthy`] every few seconds.
        until: Option<Timestamp>,
        /// Why, in words for the operator.
        why: String,
        /// The limit of the account's quota whose pause this is, by its place; `None`: something else is the cause.
        limit: Option<usize>,
    },
    /// The job is innocent, and others are not concerned: parked for a while, not counted.
    Defer {
        /// When to try again at the latest.
        until: Option<Timestamp>,
        /// Why, in words for the operator.
        why: String,
    },
    /// A peer refuses credentials, rights, a scope or a licence: handed back, not counted. The worker holds with growing
    /// delays. It ends only when everything was refused for 5 minutes from its start; see [`crate::Policy`].
    Refused {
        /// What was refused, the likely causes, and what to do next.
        cause: String,
    },
    /// Our own configuration is wrong: handed back, not counted, and the worker ends at once.
    Halt {
        /// What is wrong and how to correct it.
        cause: String,
    },
}

impl Failure {
    /// A failure that may pass, to be tried again by the ladder.
    pub fn retry(cause: Cause) -> Self {
        Self::Retry { after: None, cause }
    }

    /// A failure that may pass, to be tried again after about `after`.
    pub fn retry_after(after: Duration, cause: Cause) -> Self {
        Self::Retry { after: Some(after), cause }
    }

    /// A hold for another reason than a pause of the quota.
    pub fn hold(until: Option<Timestamp>, why: String) -> Self {
        Self::Hold { until, why, limit: None }
    }

    /// A refusal by a peer, which may pass.
    pub fn refused(cause: impl Into<String>) -> Self {
        Self::Refused { cause: cause.into() }
    }

    /// A failure that will not pass.
    pub fn reject(cause: Cause) -> Self {
        Self::Reject { cause }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Retry { cause, .. } => write!(f, "will be tried again: {cause}"),
            Self::Reject { cause } => write!(f, "dead letter: {cause}"),
            Self::Hold { until: Some(until), why, .. } => write!(f, "on hold until {until}: {why}"),
            Self::Hold { until: None, why, .. } => write!(f, "on hold: {why}"),
            Self::Defer { why, .. } => write!(f, "put off: {why}"),
            Self::Refused { cause } => write!(f, "refused: {cause}"),
            Self::Halt { cause } => write!(f, "stopped: {cause}"),
        }
    }
}
