//! The price of a plan: calls per class, share of the day's quota, and time. An estimate that states its basis.

mod history;
mod quota;
mod sum;

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use messages::zoom::{Event, Task};
use serde::{Deserialize, Serialize};

use self::history::History;
pub use self::quota::{Opens, Quota};
use self::sum::Sum;
use crate::calendar::{start_of, today};
use crate::coverage::{Coverage, Day};
use crate::numbers::{DAY, counted, duration, grouped};

/// The price of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Resource-intensive calls, for lists.
    pub resource_intensive: u64,
    /// Heavy calls, for details.
    pub heavy: u64,
    /// Number of detail jobs that the heavy calls are for.
    pub details: u64,
    /// Calls to a server without a quota.
    #[serde(default)]
    pub other: u64,
    /// Calls of both classes allowed per day; 0 without a quota.
    pub per_day: u64,
    /// Calls left today when the price was computed, if known.
    pub left_today: Option<u64>,
    /// Number of days whose quota the plan needs; at least 1.
    pub quota_days: u64,
    /// Minimum duration in seconds.
    pub seconds: u64,
    /// Earliest end.
    pub finish_at: Timestamp,
    /// Number of lists whose receipts give their cost.
    pub known: u64,
    /// Number of lists whose cost is the mean of others.
    pub estimated: u64,
    /// Number of lists whose cost is assumed, because the account has no earlier list.
    pub guessed: u64,
    /// Basis of the figures, part by part, for operators.
    pub basis: Vec<String>,
    /// When calls are allowed. Not stored, because it changes.
    #[serde(skip)]
    pub opens: Opens,
}

impl Price {
    /// Returns the price of calls that have no quota.
    pub(crate) fn without_quota(now: Timestamp, calls: u64, per_second: f64, basis: String) -> Self {
        let seconds = if per_second > 0.0 { whole(float(calls) / per_second) } else { 0 };
        Self {
            resource_intensive: 0,
            heavy: 0,
            details: 0,
            other: calls,
            per_day: 0,
            left_today: None,
            quota_days: 1,
            seconds,
            finish_at: after(now, seconds),
            known: 0,
            estimated: 0,
            guessed: 0,
            basis: vec![basis],
            opens: Opens::Now,
        }
    }

    /// Returns the calls of both classes.
    pub fn calls(&self) -> u64 {
        self.resource_intensive.saturating_add(self.heavy)
    }

    /// Returns the calls as a share of a full day's quota; 1.0 is all of it.
    pub fn share_of_day(&self) -> f64 {
        float(self.calls()) / float(self.per_day.max(1))
    }

    /// Returns the calls as a share of what is left today, if known. Above 1.0 the plan does not fit into today.
    pub fn share_of_left(&self) -> Option<f64> {
        self.left_today.map(|left| float(self.calls()) / float(left.max(1)))
    }

    /// Describes the share of today's quota.
    pub fn share(&self) -> String {
        if self.per_day == 0 {
            return "none: nobody counts these calls".to_owned();
        }
        match (self.left_today, self.share_of_left()) {
            (Some(left), Some(share)) if left > 0 => format!(
                "{:.1} % of the {} calls left today ({} a day)",
                share * 100.0,
                grouped(left),
                grouped(self.per_day)
            ),
            (Some(_), _) => format!("nothing is left of today's {} calls", grouped(self.per_day)),
            (None, _) => {
                format!("{:.1} % of a day's {} calls", self.share_of_day() * 100.0, grouped(self.per_day))
            }
        }
    }

    /// Describes until when calls are paused; `None` if they are allowed.
    pub fn paused(&self) -> Option<String> {
        match self.opens {
            Opens::Now => None,
            Opens::At(at) => Some(format!("paused until {}", hour(at))),
            Opens::ByHand => Some("paused until it is resumed (`ua resume`)".to_owned()),
        }
    }

    /// Describes the earliest end.
    pub fn finish(&self) -> String {
        if self.opens == Opens::ByHand {
            return format!("{} after it is resumed, at the earliest", duration(self.seconds));
        }
        format!("{} at the earliest ({})", hour(self.finish_at), duration(self.seconds))
    }

    /// Describes the whole price in a sentence; `whom` is the name of the called server.
    pub fn sentence(&self, whom: &str) -> String {
        if self.other > 0 {
            return format!("about {} to {whom}, done {}", counted(self.other, "call"), self.finish());
        }
        let lists = counted(self.resource_intensive, "resource-intensive call");
        let mut text = format!("{lists} and {}: {}, ", counted(self.heavy, "heavy call"), self.share());
        if self.quota_days > 1 {
            text.push_str(&format!("{} quota days, ", self.quota_days));
        }
        if let Some(paused) = self.paused() {
            text.push_str(&format!("{paused}, "));
        }
        text + "done " + &self.finish()
    }
}

/// Formats a time to the minute.
fn hour(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Computes the price of publishing `tasks`.
pub(crate) fn of(
    now: Timestamp,
    tasks: &[Task],
    days: &BTreeMap<Date, Day<'_>>,
    coverage: &Coverage,
    quota: &Quota,
) -> Price {
    let history = History::new(days, coverage.experience(), now);
    let mut sum = Sum::default();
    for task in tasks {
        match task {
            Task::Meetings { date } => sum.list(Event::Meeting, *date, days.get(date), &history, now),
            Task::Webinars { date } => sum.list(Event::Webinar, *date, days.get(date), &history, now),
            // Two lists of one host, one page each.
            Task::HostMeetings { .. } => sum.detail(2.0),
            Task::Participants { header, .. } => {
                sum.detail(history.calls_per_detail() + f64::from(u8::from(*header)));
            }
        }
    }
    let (lists, heavy) = (whole(sum.lists), whole(sum.heavy));
    let calls = lists.saturating_add(heavy);
    let seconds = seconds(now, lists, heavy, quota);
    Price {
        resource_intensive: lists,
        heavy,
        details: whole(sum.details),
        other: 0,
        per_day: quota.per_day,
        left_today: quota.left_today(now),
        quota_days: calls.div_ceil(quota.per_day.max(1)).max(1),
        seconds,
        finish_at: after(now, seconds),
        known: sum.known,
        estimated: sum.estimated(),
        guessed: sum.guessed,
        basis: sum.basis(&history),
        opens: quota.opens,
    }
}

fn after(now: Timestamp, seconds: u64) -> Timestamp {
    let wait = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Returns the minimum duration: limited by the rates, and by the midnights that renew the quota.
fn seconds(now: Timestamp, lists: u64, heavy: u64, quota: &Quota) -> u64 {
    let at = |calls: u64, rate: f64| if rate > 0.0 { whole(float(calls) / rate) } else { 0 };
    let by_rate = at(lists, quota.resource_intensive_per_second).max(at(heavy, quota.heavy_per_second));
    let per_day = quota.per_day.max(1);
    let left = quota.left_today(now).unwrap_or(quota.per_day);
    let by_day = match waited(now, lists.saturating_add(heavy), left, per_day) {
        Some((waited, last_day)) => waited.saturating_add(at(last_day, quota.heavy_per_second).min(DAY)),
        None => 0,
    };
    let paused = match quota.opens {
        Opens::At(at) => u64::try_from(at.duration_since(now).as_secs()).unwrap_or(0),
        Opens::Now | Opens::ByHand => 0,
    };
    by_rate.saturating_add(paused).max(by_day)
}

/// Returns the seconds until the midnight that begins the last day that `calls` need, and the calls on that day. `None`
/// if today's quota is enough.
pub(crate) fn waited(now: Timestamp, calls: u64, left_today: u64, per_day: u64) -> Option<(u64, u64)> {
    let over = calls.saturating_sub(left_today);
    if over == 0 || per_day == 0 {
        return None;
    }
    let full_days = over.div_ceil(per_day) - 1;
    Some((until_midnight(now).saturating_add(full_days.saturating_mul(DAY)), over - full_days * per_day))
}

fn until_midnight(now: Timestamp) -> u64 {
    let midnight = today(now).tomorrow().ok().and_then(start_of);
    midnight.map_or(DAY, |midnight| u64::try_from(midnight.as_second() - now.as_second()).unwrap_or(0))
}

#[expect(clippy::cast_precision_loss, reason = "calls are far below 2^52")]
pub(crate) fn float(value: u64) -> f64 {
    value as f64
}

/// Rounds up: half a call is a call.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative, saturates")]
pub(crate) fn whole(value: f64) -> u64 {
    (value - 1e-9).ceil().max(0.0) as u64
}
