//! Errors of a whole call. The outcome of a single item is a [`crate::Verdict`].

/// Error of a call to the store. Each text is one line that says what failed, where, and what to do. It never holds
/// secrets or document content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store is down, unreachable, full, or lacks a shard: hold the work and ask again.
    #[error("store away: {0}")]
    Away(String),
    /// The store or a proxy refuses a request for another reason than credentials or rights, for example with a redirect.
    /// Can be temporary, or need the operator.
    #[error("store refuses: {0}")]
    Refused(String),
    /// The store or a proxy refuses credentials or rights. Can be temporary while the store starts.
    #[error("store refuses: {0}")]
    Denied(String),
    /// A setting is unusable, or the store's templates differ from those of `ua setup`.
    #[error("store misconfigured: {0}")]
    Misconfigured(String),
    /// The store is overloaded: send the same request again a little later.
    #[error("store busy: {0}; try again later")]
    Busy(String),
}
