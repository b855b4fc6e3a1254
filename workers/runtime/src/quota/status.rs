//! The status of an account's quota, as values and as sentences.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use super::{Pause, UNLIMITED, rate_limit};

/// The status of an account's quota.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuotaStatus {
    /// The source.
    pub source: String,
    /// The label of the account.
    pub account: String,
    /// Time of the status.
    pub at: Timestamp,
    /// The UTC day that is counted, by the API's clock.
    pub day: Date,
    /// Calls per day reserved for other apps.
    pub reserve: u64,
    /// The limits.
    #[serde(rename = "meters")]
    pub limits: Vec<LimitStatus>,
    /// Number of processes that wait for a token.
    pub waiting: u64,
    /// Process id of the leader; `None` for a persisted state without a leader.
    #[serde(rename = "keeper")]
    pub leader_pid: Option<u32>,
    /// How far the API's clock is ahead of ours, in milliseconds.
    pub skew_ms: i64,
}

/// The status of one limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LimitStatus {
    /// Name of the limit.
    pub name: String,
    /// Our share of the quota.
    pub share: f64,
    /// Calls per minute that the share allows.
    pub per_minute: f64,
    /// Calls of the day so far, for all daily limits together; `None` without a daily limit.
    pub used: Option<u64>,
    /// Maximum number of calls of the day.
    pub allowed: Option<u64>,
    /// The pause, if the limit is paused.
    pub pause: Option<Pause>,
}

impl QuotaStatus {
    /// Readable name of the account.
    pub fn title(&self) -> String {
        rate_limit::title(&self.source, &self.account, self.limits.iter().map(|limit| limit.name.as_str()))
    }
}

impl LimitStatus {
    /// Describes the limit in a sentence.
    pub fn sentence(&self) -> String {
        let name = &self.name;
        if let Some(pause) = &self.pause {
            return paused(name, pause);
        }
        if self.is_unlimited() {
            return format!("{name}: no limit");
        }
        let mut text =
            format!("{name}: {} calls a minute ({:.0} %)", rounded(self.per_minute), self.share * 100.0);
        if let (Some(used), Some(allowed)) = (self.used, self.allowed) {
            let _ = write!(text, ", {} of {} used today", grouped(used), grouped(allowed));
        }
        text
    }

    /// Returns true when the limit does not restrict calls.
    pub fn is_unlimited(&self) -> bool {
        self.per_minute >= UNLIMITED
    }
}

/// `heavy: paused until 00:00 UTC (daily limit, 48,000 of 48,000 used)`.
pub(super) fn paused(name: &str, pause: &Pause) -> String {
    let until = match pause.until {
        // An end after tomorrow needs its date.
        Some(until) => {
            let until = Offset::UTC.to_datetime(until + std::time::Duration::from_millis(500));
            let today = Offset::UTC.to_datetime(crate::clock::now()).date();
            let soon = until.date() == today || Some(until.date()) == today.tomorrow().ok();
            let format = if soon { "until %H:%M UTC" } else { "until %Y-%m-%d %H:%M UTC" };
            until.strftime(format).to_string()
        }
        None => "until it is resumed".to_owned(),
    };
    format!("{name}: paused {until} ({})", pause.why)
}

fn rounded(number: f64) -> String {
    if number < 100.0 && (number - number.round()).abs() > 0.05 {
        format!("{number:.1}")
    } else {
        grouped(number.round() as u64)
    }
}

/// Formats a number with commas.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 48_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "48,000", "1,234,567"]
        );
        assert_eq!([16.0, 1_920.0, 2.5].map(rounded), ["16", "1,920", "2.5"]);
    }

    #[test]
    fn a_meter_is_told_in_a_sentence() {
        let mut heavy = LimitStatus {
            name: "heavy".into(),
            share: 0.8,
            per_minute: 1_920.0,
            used: Some(12),
            allowed: Some(48_000),
            pause: None,
        };
        assert_eq!(heavy.sentence(), "heavy: 1,920 calls a minute (80 %), 12 of 48,000 used today");
        heavy.pause = Some(Pause { until: None, why: "moving house".into() });
        assert_eq!(heavy.sentence(), "heavy: paused until it is resumed (moving house)");
        heavy.pause = Some(Pause { until: Some("2031-02-03T04:05:00Z".parse().unwrap()), why: "x".into() });
        assert_eq!(heavy.sentence(), "heavy: paused until 2031-02-03 04:05 UTC (x)");
        let free = LimitStatus { per_minute: 60.0 * UNLIMITED, pause: None, ..heavy };
        assert_eq!(free.sentence(), "heavy: no limit");
    }
}
