//! A refusal: what befalls the job if nobody knows better, and the reason by which somebody may.

use messages::{Cause, CauseClass};
use runtime::{Failure, OutboxError};

/// Why a call brought nothing, as far as a caller may act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The token lacks the scopes of the call.
    Scopes,
    /// The plan has no Dashboard.
    Wall,
    /// The page token is invalid or expired: read the list from the beginning.
    RestartListing,
    /// A parameter is refused.
    Parameter,
    /// The user is gone, or is not of this account.
    UserGone,
    /// There is no such meeting, or not yet.
    Missing,
    /// The API, or something before it, is in trouble: this is no answer at all.
    Trouble,
    /// None of these.
    Other,
}

/// A call that brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    /// What befalls the job if nobody knows better.
    pub(crate) failure: Failure,
}

impl Refusal {
    pub(crate) fn halt(reason: Reason, cause: String) -> Self {
        Self { reason, failure: Failure::Halt { cause } }
    }

    pub(crate) fn reject(reason: Reason, class: CauseClass, text: impl Into<String>) -> Self {
        Self { reason, failure: Failure::reject(Cause::new(class, text)) }
    }

    pub(crate) fn retry(reason: Reason, class: CauseClass, text: impl Into<String>) -> Self {
        Self { reason, failure: Failure::retry(Cause::new(class, text)) }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { reason: Reason::Other, failure }
    }
}

impl From<OutboxError> for Refusal {
    fn from(error: OutboxError) -> Self {
        Failure::from(error).into()
    }
}
