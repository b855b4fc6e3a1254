//! The rate limits of an account, and our share of each. Plain values.

use std::time::Duration;

/// Calls per window or day without a limit: more than can be made.
pub const UNLIMITED: f64 = 1e9;

/// A maximum number of calls in any window of time.
#[derive(Debug, Clone, PartialEq)]
pub struct RateLimit {
    /// Name in commands and in the status.
    pub name: &'static str,
    /// Calls that the account may make in one window.
    pub per_window: f64,
    /// Length of the sliding window.
    pub window: Duration,
    /// True if calls also count against the day's quota.
    pub daily: bool,
    /// True if the API enforces the limit: the rate leaves room for late calls. False if the limit is our own rule,
    /// which needs no such room.
    pub strict: bool,
}

impl RateLimit {
    /// Returns true for less than one call per second. Jobs with several calls are then served one after the other
    /// instead of round robin.
    pub(crate) fn is_slow(&self) -> bool {
        self.per_window < self.window.as_secs_f64()
    }
}

/// An account with a shared quota.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The source, for example `zoom`.
    pub source: &'static str,
    /// The label of the account: letters, digits, `-` and `_`.
    pub label: String,
    /// The limits.
    pub limits: Vec<RateLimit>,
    /// Our default share of every limit: above 0, at most 1.
    pub share: f64,
    /// Calls per UTC day, for all daily limits together.
    pub per_day: u64,
    /// Default number of calls per day that are reserved for other apps.
    pub reserve: u64,
}

impl Account {
    /// Readable name of the account.
    pub fn title(&self) -> String {
        title(self.source, &self.label, self.limits.iter().map(|limit| limit.name))
    }

    /// Leadership name of this account's quota.
    pub fn lead_name(&self) -> String {
        format!("quota.{}.{}", self.source, self.label)
    }

    /// Index of the limit with this name.
    pub fn limit(&self, name: &str) -> Option<usize> {
        self.limits.iter().position(|limit| limit.name == name)
    }
}

/// `zoom account main`; only the source for one without accounts, which has a single limit of the same name.
pub(super) fn title<'a>(source: &str, label: &str, limits: impl Iterator<Item = &'a str>) -> String {
    if limits.eq([source]) { source.to_owned() } else { format!("{source} account {label}") }
}
