//! Why the store could not answer as a whole; what became of a single item is a [`crate::Verdict`].

/// Why a call to the store failed. Each text is one line: what, where, what to do; never a secret, and nothing of a
/// document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store is down, out of reach, full, or lacks a shard: hold the work and ask again.
    #[error("store away: {0}")]
    Away(String),
    /// The store, or what stands in front of it, refuses this program: its credentials, its rights, its address. That
    /// may pass, and may need the operator.
    #[error("store refuses: {0}")]
    Refused(String),
    /// A setting of this program cannot be used, or what the store is set up with is not what `ua setup` makes.
    #[error("store misconfigured: {0}")]
    Misconfigured(String),
    /// The store is overloaded: send the same again, a little later.
    #[error("store busy: {0}; try again later")]
    Busy(String),
}
