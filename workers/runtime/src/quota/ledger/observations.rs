//! Observations of the API: its clock, the day's calls, a spent day. A surprising one counts only when it is
//! repeated, because one wrong response must not hold a fleet until midnight.

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Ledger, Now};
use crate::quota::spent_until;

/// Smaller clock offsets in ms are ignored: the API reports whole seconds.
const SKEW_MS: i64 = 2_000;
/// Larger clock offsets in ms are invalid.
const MOST_SKEW_MS: i64 = 2 * 86_400_000;
/// Two counts of the day agree if they differ by at most this fraction (1/100) of the day's quota, since calls
/// continue meanwhile.
const ALIKE: u64 = 100;
/// Seconds of a new day in which a count without a date may belong to the previous day.
const OLD_DAY: i64 = 120;

/// Observations that count only when they are repeated.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Unconfirmed {
    skew_ms: i64,
    /// The day, and its reported calls.
    used: Option<(Date, u64)>,
}

impl Ledger {
    /// Records how far the API's clock is ahead of ours. Reverts a day that our clock began too early.
    pub(super) fn learn_skew(&mut self, skew_ms: Option<i64>, now: Now) {
        let Some(told) = skew_ms.filter(|skew| (-MOST_SKEW_MS..MOST_SKEW_MS).contains(skew)) else { return };
        let is_news = told.abs_diff(self.state.skew_ms) > SKEW_MS.unsigned_abs();
        if is_news && (told - self.unconfirmed.skew_ms).abs() <= SKEW_MS {
            self.state.skew_ms = if told.abs() > SKEW_MS { told } else { 0 };
            self.take_back(now);
            self.turn(now);
        }
        self.unconfirmed.skew_ms = told;
    }

    /// Records the calls that the account made on `day`, by us and by others.
    pub(super) fn learn_used(&mut self, used: Option<u64>, day: Option<Date>, now: Now) {
        let begun = self.api(now.time).duration_since(self.begin()).as_secs();
        let of_today = day.map_or(begun >= OLD_DAY, |day| day == self.state.day);
        // A count above the quota is invalid; capped, it holds the fleet as well.
        let Some(told) = used.map(|used| used.min(self.account.per_day)).filter(|_| of_today) else { return };
        if told <= self.state.used {
            self.unconfirmed.used = None;
            return;
        }
        let alike = self.account.per_day / ALIKE + 1;
        let again = self.unconfirmed.used.replace((self.state.day, told));
        if again.is_some_and(|(day, before)| day == self.state.day && before.abs_diff(told) <= alike) {
            self.state.uncounted = self.state.uncounted.saturating_add(told - self.state.used);
            self.state.used = told;
            self.unconfirmed.used = None;
        }
    }

    /// Records that the API reports the day as spent.
    pub(super) fn spend(&mut self, until: Option<Timestamp>, now: Now) {
        self.state.spent_until = Some(spent_until(until, self.api(now.time)));
    }
}
