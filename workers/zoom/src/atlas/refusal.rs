//! Why a call to Zoom brought nothing, as far as a caller may act on it.

/// Why a call brought nothing, as far as a caller may act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    #[default]
    Other,
}

/// A call that brought nothing.
pub(crate) type Refusal = runtime::Refusal<Reason>;
