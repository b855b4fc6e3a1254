//! Reasons of failed calls that callers distinguish.

/// Reason of a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Reason {
    /// The token lacks the call's scopes.
    Scopes,
    /// The plan has no Dashboard.
    Wall,
    /// The page token is invalid or expired: read the list from the start.
    RestartListing,
    /// The API refuses a parameter.
    Parameter,
    /// The user does not exist, or belongs to another account.
    UserGone,
    /// The meeting does not exist, or is not ready yet.
    Missing,
    /// The API, or a proxy before it, fails.
    Trouble,
    /// Any other reason.
    #[default]
    Other,
}

/// A failed call.
pub(crate) type ZoomError = runtime::CallError<Reason>;
