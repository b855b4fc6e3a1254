//! Outcomes of a job that is not done. The code that knows the cause chooses one; the runtime settles the job by it.

use std::time::Duration;

use jiff::Timestamp;
use messages::Cause;

/// Why a job is not done, which determines its settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A transient failure: counts an attempt and parks the job.
    Retry {
        /// Delay; `None` takes the ladder's delay for the number of attempts.
        after: Option<Duration>,
        /// What failed; its class becomes the dead letter's after the last attempt.
        cause: Cause,
    },
    /// A permanent failure: the job becomes a dead letter.
    Reject {
        /// Why.
        cause: Cause,
    },
    /// The quota is spent, or the store or the API is down: requeues the job without counting an attempt, and holds the
    /// role.
    Hold {
        /// Latest time of the next try; `None` asks [`crate::Worker::healthy`] with growing delays.
        until: Option<Timestamp>,
        /// Reason, for the operator.
        why: String,
        /// Index of the paused limit of the account's quota; `None` for another cause.
        limit: Option<usize>,
    },
    /// This job must wait and others need not: parks it without counting an attempt.
    Defer {
        /// Time at which the job can go on, if known.
        until: Option<Timestamp>,
        /// Reason, for the operator.
        why: String,
    },
    /// A peer refuses credentials, rights, a scope or a licence: requeues the job without counting an attempt. The role
    /// holds with growing delays. It ends only when everything was refused for 5 minutes from its start; see
    /// [`crate::Policy`].
    Refused {
        /// What was refused, the likely causes, and what to do next.
        cause: String,
    },
    /// The configuration is wrong: requeues the job without counting an attempt, and ends the role.
    Halt {
        /// What is wrong and how to correct it.
        cause: String,
    },
}

impl Failure {
    /// Returns a transient failure with the ladder's delay.
    pub fn retry(cause: Cause) -> Self {
        Self::Retry { after: None, cause }
    }

    /// Returns a transient failure with a delay of about `after`.
    pub fn retry_after(after: Duration, cause: Cause) -> Self {
        Self::Retry { after: Some(after), cause }
    }

    /// Returns a hold for another cause than a pause of the quota.
    pub fn hold(until: Option<Timestamp>, why: String) -> Self {
        Self::Hold { until, why, limit: None }
    }

    /// Returns a refusal by a peer, which may be temporary.
    pub fn refused(cause: impl Into<String>) -> Self {
        Self::Refused { cause: cause.into() }
    }

    /// Returns a permanent failure.
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
