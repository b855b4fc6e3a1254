//! What may be called, as far as a price has to know: rates, the day, and a pause.

use jiff::Timestamp;

use crate::calendar::today;

/// What may be called: the account's quota, the configured share of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// Heavy calls a second.
    pub heavy_per_second: f64,
    /// Resource-intensive calls a second.
    pub resource_intensive_per_second: f64,
    /// Heavy and Resource-intensive calls together a day, until 00:00 UTC.
    pub per_day: u64,
    /// How many of them were made today, where that is known.
    pub used_today: Option<u64>,
    /// From when on calls may be made.
    pub opens: Opens,
}

/// From when on an account's calls may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Opens {
    /// Now.
    #[default]
    Now,
    /// When a pause ends.
    At(Timestamp),
    /// When somebody resumes it by hand.
    ByHand,
}

impl Opens {
    /// The later of two.
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
    /// What may still be called today, where it is known.
    pub fn left_today(&self, now: Timestamp) -> Option<u64> {
        if matches!(self.opens, Opens::At(at) if today(at) > today(now)) {
            return Some(0);
        }
        self.used_today.map(|used| self.per_day.saturating_sub(used))
    }
}
