//! The count of one UTC day for the classes that share a daily cap. Pure: the time is handed in.

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use runtime::Failure;

use crate::{Plan, RateClass};

/// Heavy and Resource-intensive calls of one UTC day.
#[derive(Debug)]
pub(super) struct Day {
    allowed: u64,
    date: Date,
    /// Our calls, or the account's where the API told of more.
    used: u64,
    told: bool,
    spent_until: Option<Timestamp>,
}

/// The day's calls that may be used.
pub(super) fn allowed(plan: Plan, share: f64, speed: f64) -> u64 {
    // The small addend keeps binary fractions from losing a call.
    (plan.per_day() as f64 * share * speed + 1e-6) as u64
}

impl Day {
    pub(super) fn new(allowed: u64, now: Timestamp) -> Self {
        Self { allowed, date: date_of(now), used: 0, told: false, spent_until: None }
    }

    /// Counts one call, or says until when there is none left.
    pub(super) fn take(&mut self, class: RateClass, now: Timestamp) -> Result<(), Failure> {
        self.turn(now);
        if let Some(until) = self.spent_until {
            return Err(self.hold(class, until));
        }
        if self.used >= self.allowed {
            return Err(self.hold(class, midnight(now)));
        }
        self.used += 1;
        Ok(())
    }

    /// Takes over the account's count where it is higher; true the first time it is much higher.
    pub(super) fn correct(&mut self, used: u64, now: Timestamp) -> bool {
        self.turn(now);
        let much = used > self.used.saturating_add(self.allowed / 100);
        self.used = self.used.max(used);
        much && !std::mem::replace(&mut self.told, true)
    }

    /// The API says the day is spent.
    pub(super) fn spend(&mut self, class: RateClass, until: Option<Timestamp>, now: Timestamp) -> Failure {
        self.turn(now);
        // A time that has passed, or that is days away, is a mistake: the day ends at 00:00 UTC.
        let latest = midnight(now);
        let until = until.filter(|until| (now..=latest).contains(until)).unwrap_or(latest);
        self.spent_until = Some(until);
        self.hold(class, until)
    }

    fn turn(&mut self, now: Timestamp) {
        let today = date_of(now);
        if today != self.date {
            *self = Self { date: today, ..Self::new(self.allowed, now) };
        }
        self.spent_until = self.spent_until.filter(|until| *until > now);
    }

    fn hold(&self, class: RateClass, until: Timestamp) -> Failure {
        let (used, allowed) = (grouped(self.used), grouped(self.allowed));
        let clock = Offset::UTC.to_datetime(until).strftime("%H:%M").to_string();
        let why = format!("{class}: paused until {clock} UTC, daily limit, {used} of {allowed} used");
        Failure::Hold { until: Some(until), why }
    }
}

fn date_of(now: Timestamp) -> Date {
    Offset::UTC.to_datetime(now).date()
}

fn midnight(now: Timestamp) -> Timestamp {
    let tomorrow = date_of(now).checked_add(1.day()).unwrap_or(Date::MAX);
    Offset::UTC.to_timestamp(tomorrow.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX)
}

fn grouped(number: u64) -> String {
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

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_that_is_used_up_holds_until_midnight_and_begins_anew() {
        let mut day = Day::new(2, at("2026-01-02T10:00:00Z"));
        day.take(RateClass::Heavy, at("2026-01-02T10:00:00Z")).unwrap();
        day.take(RateClass::ResourceIntensive, at("2026-01-02T11:00:00Z")).unwrap();
        let held = day.take(RateClass::Heavy, at("2026-01-02T12:00:00Z")).unwrap_err();
        let why = "heavy: paused until 00:00 UTC, daily limit, 2 of 2 used".to_owned();
        assert_eq!(held, Failure::Hold { until: Some(at("2026-01-03T00:00:00Z")), why });
        day.take(RateClass::Heavy, at("2026-01-03T00:00:00Z")).unwrap();
    }

    #[test]
    fn the_accounts_count_wins_where_it_is_higher() {
        let mut day = Day::new(48_000, at("2026-01-02T10:00:00Z"));
        assert!(day.correct(47_999, at("2026-01-02T10:00:00Z")));
        assert!(!day.correct(47_000, at("2026-01-02T10:00:00Z")), "told once");
        day.take(RateClass::Heavy, at("2026-01-02T10:00:01Z")).unwrap();
        let held = day.take(RateClass::Heavy, at("2026-01-02T10:00:02Z")).unwrap_err();
        assert!(held.to_string().contains("48,000 of 48,000 used"), "{held}");
    }

    #[test]
    fn a_day_the_api_says_is_spent_is_held_until_the_time_it_names() {
        let now = at("2026-01-02T10:00:00Z");
        for (named, kept) in [
            (Some("2026-01-02T23:00:00Z"), "2026-01-02T23:00:00Z"),
            (Some("2020-05-31T00:00:00Z"), "2026-01-03T00:00:00Z"),
            (Some("2026-02-01T00:00:00Z"), "2026-01-03T00:00:00Z"),
            (None, "2026-01-03T00:00:00Z"),
        ] {
            let mut day = Day::new(10, now);
            let held = day.spend(RateClass::Heavy, named.map(at), now);
            assert!(matches!(held, Failure::Hold { until: Some(until), .. } if until == at(kept)), "{held}");
            assert!(day.take(RateClass::Heavy, now).is_err());
            assert!(day.take(RateClass::Heavy, at(kept)).is_ok());
        }
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 48_000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "48,000", "1,234,567"]
        );
        assert_eq!((allowed(Plan::Business, 0.8, 1.0), allowed(Plan::Pro, 0.7, 1.0)), (48_000, 21_000));
    }

    #[test]
    fn a_count_beyond_all_bounds_holds_and_is_no_panic() {
        let now = at("2026-01-02T10:00:00Z");
        let mut day = Day::new(1_000, now);
        assert!(day.correct(u64::MAX, now));
        assert!(!day.correct(u64::MAX, now));
        assert!(day.take(RateClass::Heavy, now).is_err());
    }
}
