//! The error of a failed API call: its default outcome for the job, and a reason on which a caller may act. Independent
//! of the reasons that a source has.

use messages::{Cause, CauseClass};

use crate::{Failure, OutboxError};

/// A failed call; `R` is the reason, where a caller may act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError<R> {
    /// The reason; `R::default()` where no caller can act on it.
    pub reason: R,
    /// Default outcome of the failed call.
    pub failure: Failure,
}

impl<R> CallError<R> {
    /// Returns a refusal of credentials, rights, a scope or a licence.
    pub fn refused(reason: R, cause: String) -> Self {
        Self { reason, failure: Failure::Refused { cause } }
    }

    /// Returns a permanent failure.
    pub fn reject(reason: R, class: CauseClass, text: impl Into<String>) -> Self {
        Self { reason, failure: Failure::reject(Cause::new(class, text)) }
    }

    /// Returns a transient failure.
    pub fn retry(reason: R, class: CauseClass, text: impl Into<String>) -> Self {
        Self { reason, failure: Failure::retry(Cause::new(class, text)) }
    }
}

impl<R: Default> From<Failure> for CallError<R> {
    fn from(failure: Failure) -> Self {
        Self { reason: R::default(), failure }
    }
}

impl<R: Default> From<OutboxError> for CallError<R> {
    fn from(error: OutboxError) -> Self {
        Failure::from(error).into()
    }
}

impl<R> From<CallError<R>> for Failure {
    fn from(error: CallError<R>) -> Self {
        error.failure
    }
}
