//! The rate limits of an account, and our share of each. Plain values.

use std::time::Duration;

/// Calls in a window, or in a day, where there is no limit: more than can be made.
pub const UNLIMITED: f64 = 1e9;

/// A maximum number of calls in any window of time.
#[derive(Debug, Clone, PartialEq)]
pub struct RateLimit {
    /// The name in commands, status and sentences.
    pub name: &'static str,
    /// Calls that the account may make in one window.
    pub per_window: f64,
    /// The window, which slides.
    pub window: Duration,
    /// True when the day's calls are counted, too.
    pub daily: bool,
    /// True when the API counts, and refuses what is over: the rate leaves room for calls that come late. False: the rate
    /// is our own rule, and held as it is.
    pub strict: bool,
}

impl RateLimit {
    /// True where whoever needs several calls waits for each of them: less than one a second. Then jobs are served one
    /// after the other, and do not take turns.
    pub(crate) fn is_slow(&self) -> bool {
        self.per_window < self.window.as_secs_f64()
    }
}

/// An account whose quota is shared out.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Whose quota it is, for example `zoom`.
    pub source: &'static str,
    /// Which of its accounts: letters, digits, `-` and `_`.
    pub label: String,
    /// Its limits.
    pub limits: Vec<RateLimit>,
    /// The share of every limit that is ours, unless a command changes it: above 0, at most 1.
    pub share: f64,
    /// Calls that the account may make in a UTC day, all daily limits together.
    pub per_day: u64,
    /// Calls of the day that are left to others, unless a command changes it.
    pub reserve: u64,
}

impl Account {
    /// Whose quota it is, in words.
    pub fn title(&self) -> String {
        title(self.source, &self.label, self.limits.iter().map(|limit| limit.name))
    }

    /// The name that this account's quota is led by.
    pub fn lead_name(&self) -> String {
        format!("quota.{}.{}", self.source, self.label)
    }

    /// The place of the limit with this name.
    pub fn limit(&self, name: &str) -> Option<usize> {
        self.limits.iter().position(|limit| limit.name == name)
    }
}

/// `zoom account main`; a source that has no accounts has one limit of its own name.
pub(super) fn title<'a>(source: &str, label: &str, limits: impl Iterator<Item = &'a str>) -> String {
    if limits.eq([source]) { source.to_owned() } else { format!("{source} account {label}") }
}
