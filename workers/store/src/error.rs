//! Why the store could not answer as a whole; what became of a single item is a [`crate::Verdict`].

/// Why a call to the store failed. Each text is one line: what, where, what to do; never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store is down, out of reach or full: hold the work and ask again.
    #[error("store away: {0}")]
    Away(String),
    /// The store refuses this program (credentials, rights, settings): somebody has to correct something.
    #[error("store refuses: {0}")]
    Refused(String),
    /// The store is overloaded: send the same again, a little later.
    #[error("store busy: it has more requests than it can take (429); try again later")]
    Busy,
}
