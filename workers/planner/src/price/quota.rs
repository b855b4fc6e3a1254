//! The account's quota for a price: rates, calls per day, and pauses.

use jiff::Timestamp;

use crate::calendar::today;

/// The configured share of the account's quota.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// Heavy calls per second.
    pub heavy_per_second: f64,
    /// Resource-intensive calls per second.
    pub resource_intensive_per_second: f64,
    /// Heavy and Resource-intensive calls together per UTC day.
    pub per_day: u64,
    /// Number of these calls made today, if known.
    pub used_today: Option<u64>,
    /// When calls are allowed.
    pub opens: Opens,
}

/// When calls of an account are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Opens {
    /// Now.
    #[default]
    Now,
    /// At the end of a pause.
    At(Timestamp),
    /// After an operator resumes them.
    ByHand,
}

impl Opens {
    /// Returns the later of two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::ByHand, _) | (_, Self::ByHand) => Self::ByHand,
            (Self::At(one), Self::At(other)) => Self::At(one.max(other)),
            (Self::Now, other) => other,
            (one, Self::Now) => one,
        }
    }
}

impl Quota {
    /// Returns the number of calls left today, if known.
    pub fn left_today(&self, now: Timestamp) -> Option<u64> {
        if matches!(self.opens, Opens::At(at) if today(at) > today(now)) {
            return Some(0);
        }
        self.used_today.map(|used| self.per_day.saturating_sub(used))
    }
}
