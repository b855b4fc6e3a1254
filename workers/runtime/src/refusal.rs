//! A refusal: what befalls a job if nobody knows better, and the reason by which somebody may. Must not know which
//! reasons a source has.

use messages::{Cause, CauseClass};

use crate::{Failure, OutboxError};

/// A call that brought nothing; `R` is why, as far as a caller may act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal<R> {
    /// Why; `R::default()` where no caller can act on it.
    pub reason: R,
    /// What befalls the job if nobody knows better.
    pub failure: Failure,
}

impl<R> Refusal<R> {
    /// The peer refuses credentials, rights, a scope or a licence.
    pub fn refused(reason: R, cause: String) -> Self {
        Self { reason, failure: Failure::Refused { cause } }
    }

    /// A failure that will not pass.
    pub fn reject(reason: R, class: CauseClass, text: impl Into<String>) -> Self {
        Self { reason, failure: Failure::reject(Cause::new(class, text)) }
    }

    /// A failure that may pass.
    pub fn retry(reason: R, class: CauseClass, text: impl Into<String>) -> Self {
        Self { reason, failure: Failure::retry(Cause::new(class, text)) }
    }
}

impl<R: Default> From<Failure> for Refusal<R> {
    fn from(failure: Failure) -> Self {
        Self { reason: R::default(), failure }
    }
}

impl<R: Default> From<OutboxError> for Refusal<R> {
    fn from(error: OutboxError) -> Self {
        Failure::from(error).into()
    }
}

impl<R> From<Refusal<R>> for Failure {
    fn from(refusal: Refusal<R>) -> Self {
        refusal.failure
    }
}
