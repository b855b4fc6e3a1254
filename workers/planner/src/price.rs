//! What a plan will cost: calls per class, share of the day's quota, time. An estimate that says what it rests on.

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
use crate::figures::{DAY, counted, duration, grouped};

/// The price of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Resource-intensive calls: the lists.
    pub resource_intensive: u64,
    /// Heavy calls: the details.
    pub heavy: u64,
    /// Detail jobs that the heavy calls are for.
    pub details: u64,
    /// Calls to a server that has no quota.
    #[serde(default)]
    pub other: u64,
    /// Calls of both classes that a day allows; 0 where there is no quota.
    pub per_day: u64,
    /// How many of them were left when this was reckoned, where that was known.
    pub left_today: Option<u64>,
    /// How many days' quota it needs; 1 when it is no more than one day allows.
    pub quota_days: u64,
    /// Seconds it takes at the very least.
    pub seconds: u64,
    /// When it is done at the earliest.
    pub finish_at: Timestamp,
    /// Lists whose receipts say what they will cost.
    pub known: u64,
    /// Lists whose cost is the mean of others.
    pub estimated: u64,
    /// Lists of which nothing is known, nor of any other.
    pub guessed: u64,
    /// What the figures rest on, part by part, in words.
    pub basis: Vec<String>,
    /// From when on the calls may be made; not kept, since it changes.
    #[serde(skip)]
    pub opens: Opens,
}

impl Price {
    /// The price of calls that no quota counts.
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

    /// Calls of both classes.
    pub fn calls(&self) -> u64 {
        self.resource_intensive.saturating_add(self.heavy)
    }

    /// Part of a whole day's quota; 1.0 is all of it.
    pub fn share_of_day(&self) -> f64 {
        float(self.calls()) / float(self.per_day.max(1))
    }

    /// Part of what was left of the day's quota, where that was known; above 1.0 it does not fit into today.
    pub fn share_of_left(&self) -> Option<f64> {
        self.left_today.map(|left| float(self.calls()) / float(left.max(1)))
    }

    /// The share of today's quota in words.
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

    /// Until when nothing may be called, in words; `None` where calls may be made.
    pub fn paused(&self) -> Option<String> {
        match self.opens {
            Opens::Now => None,
            Opens::At(at) => Some(format!("paused until {}", hour(at))),
            Opens::ByHand => Some("paused until it is resumed (`ua resume`)".to_owned()),
        }
    }

    /// When it is done, in words.
    pub fn finish(&self) -> String {
        if self.opens == Opens::ByHand {
            return format!("{} after it is resumed, at the earliest", duration(self.seconds));
        }
        format!("{} at the earliest ({})", hour(self.finish_at), duration(self.seconds))
    }

    /// All of it in a sentence; `whom` is called, by name.
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

/// A time to the minute: nobody plans by seconds.
fn hour(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The price of publishing `tasks`.
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
            // Two lists of one host, a page each.
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

/// The least time: at the rates, and not before the midnights at which enough quota has come back.
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

/// Seconds until the midnight with which the last of the days begins that so many calls need, and what is called on
/// that day; `None` where today's are enough.
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

/// Rounded up; half a call is a call.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative, saturates")]
pub(crate) fn whole(value: f64) -> u64 {
    (value - 1e-9).ceil().max(0.0) as u64
}
