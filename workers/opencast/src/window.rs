//! Converts dates of the server's time zone into request windows. Pure: times are passed in.
//!
//! A window is in the server's local time without an offset, so a time in the hour that a clock change repeats is
//! ambiguous. A window therefore begins before such an hour and ends after it. Additional actions are harmless, because
//! they overwrite themselves by id.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use messages::opencast::SETTLED_AFTER;
use messages::{Cause, CauseClass};

/// Allowed difference between two machines' clocks.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// Overlap of a continued reading with the previous one: its start is in local time, actions are in server time, and an
/// action is written a moment after its own time.
pub(crate) const OVERLAP: SignedDuration = SignedDuration::from_mins(5 + 2);
/// Step out of the hour that a clock change repeats.
const STEP: SignedDuration = SignedDuration::from_mins(30);
/// Maximum steps; no clock change repeats more.
const STEPS: usize = 6;

/// A window in the server's local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: DateTime,
    pub(crate) end: DateTime,
}

impl Window {
    /// Returns the window of a date with 23, 24 or 25 hours; `None` at the end of the calendar.
    pub(crate) fn of(date: Date, zone: &TimeZone) -> Option<Self> {
        let begin = |date: Date| zone.to_timestamp(date.at(0, 0, 0, 0)).ok();
        let start = outside(begin(date)?, zone, -STEP);
        let end = outside(begin(date.tomorrow().ok()?)?, zone, STEP);
        Some(Self { start, end })
    }

    /// Returns the window from shortly before `since`. Ignores a `since` in the future, which results from a wrong
    /// clock; one after the window's end leaves its last minutes.
    pub(crate) fn since(self, since: Timestamp, zone: &TimeZone, now: Timestamp) -> Self {
        if since > now + SKEW {
            return self;
        }
        let since = since.saturating_sub(OVERLAP).unwrap_or(since);
        let last = self.end.saturating_sub(OVERLAP);
        Self { start: outside(since, zone, -STEP).clamp(self.start, last), ..self }
    }
}

/// Formats a local time for the server: `20260102030405`.
pub(crate) fn stamp(time: DateTime) -> String {
    time.strftime("%Y%m%d%H%M%S").to_string()
}

/// Formats a date for the server: `20260102`.
pub(crate) fn day(date: Date) -> String {
    date.strftime("%Y%m%d").to_string()
}

/// Rejects a date that has not begun in the server's time zone.
///
/// # Errors
/// The cause of the rejection.
pub(crate) fn check(date: Date, zone: &TimeZone, now: Timestamp) -> Result<(), Cause> {
    let today = zone.to_datetime(now.saturating_add(SKEW).unwrap_or(now)).date();
    match date <= today {
        true => Ok(()),
        false => {
            let text = format!("{date} has not begun yet where the server is, today is {today} there");
            Err(Cause::new(CauseClass::BadShape, text))
        }
    }
}

/// True if a date no longer changes.
pub(crate) fn is_settled(date: Date, zone: &TimeZone, now: Timestamp) -> bool {
    let end = date.tomorrow().ok().and_then(|next| zone.to_timestamp(next.at(0, 0, 0, 0)).ok());
    end.and_then(|end| end.checked_add(SETTLED_AFTER).ok()).is_some_and(|settled| now >= settled)
}

/// Returns the local time of an instant, moved in steps out of a repeated hour.
fn outside(mut instant: Timestamp, zone: &TimeZone, step: SignedDuration) -> DateTime {
    for _ in 0..STEPS {
        if !zone.to_ambiguous_timestamp(zone.to_datetime(instant)).is_ambiguous() {
            break;
        }
        instant = instant.saturating_add(step).unwrap_or(instant);
    }
    zone.to_datetime(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn window(date: &str, name: &str) -> (String, String) {
        let window = Window::of(date.parse().unwrap(), &zone(name)).unwrap();
        (stamp(window.start), stamp(window.end))
    }

    fn pair(start: &str, end: &str) -> (String, String) {
        (start.to_owned(), end.to_owned())
    }

    #[test]
    fn a_date_is_a_window_from_midnight_to_midnight() {
        assert_eq!(window("2026-01-02", "UTC"), pair("20260102000000", "20260103000000"));
        assert_eq!(window("2026-12-31", "Europe/Berlin"), pair("20261231000000", "20270101000000"));
    }

    #[test]
    fn a_span_of_more_than_a_day_is_windows_of_whole_days_that_meet() {
        // Across a month's end, and both clock changes.
        for first in ["2026-01-30", "2026-03-28", "2026-10-24"] {
            let days = first.parse::<Date>().unwrap().series(jiff::Span::new().days(1));
            let windows: Vec<_> =
                days.take(3).map(|date| window(&date.to_string(), "Europe/Berlin")).collect();
            assert!(windows.windows(2).all(|pair| pair[0].1 == pair[1].0), "{windows:?}");
            assert!(windows.iter().all(|(start, _)| start.ends_with("000000")), "{windows:?}");
        }
    }

    #[test]
    fn a_date_of_23_or_25_hours_is_whole() {
        assert_eq!(window("2026-03-08", "America/New_York"), pair("20260308000000", "20260309000000"));
        assert_eq!(window("2026-11-01", "America/New_York"), pair("20261101000000", "20261102000000"));
    }

    #[test]
    fn a_midnight_that_is_skipped_or_happens_twice_loses_nothing() {
        // The clocks changed from 24:00 to 01:00, and back from 01:00 to 00:00.
        assert_eq!(window("2018-11-04", "America/Sao_Paulo").0, "20181104010000");
        assert_eq!(window("2018-11-03", "America/Sao_Paulo").1, "20181104010000");
        assert_eq!(window("2025-11-02", "America/Havana").0, "20251101233000");
        assert_eq!(window("2025-11-01", "America/Havana").1, "20251102010000");
    }

    #[test]
    fn a_reading_goes_on_a_little_before_where_the_last_one_ended() {
        let berlin = zone("Europe/Berlin");
        let whole = Window::of("2026-10-25".parse().unwrap(), &berlin).unwrap();
        let now = "2026-10-26T12:00:00Z".parse().unwrap();
        let start = |since: &str| stamp(whole.since(since.parse().unwrap(), &berlin, now).start);
        assert_eq!(start("2026-10-25T10:00:00Z"), "20261025105300");
        // 02:30 occurs twice that night: both are requested.
        assert_eq!(start("2026-10-25T00:37:00Z"), "20261025013000");
        assert_eq!(start("2026-10-25T01:37:00Z"), "20261025013000");
        assert_eq!(start("2020-01-01T00:00:00Z"), "20261025000000", "never before the date");
        assert_eq!(start("2026-10-26T11:00:00Z"), "20261025235300", "never behind it");
        assert_eq!(
            start("2030-01-01T00:00:00Z"),
            "20261025000000",
            "a time that is not past counts for nothing"
        );
    }

    #[test]
    fn a_date_is_settled_hours_after_its_end_where_the_server_is() {
        let settled = |now: &str| {
            is_settled("2026-03-08".parse().unwrap(), &zone("America/New_York"), now.parse().unwrap())
        };
        assert!(!settled("2026-03-09T09:59:59Z") && settled("2026-03-09T10:00:00Z"));
    }

    #[test]
    fn a_date_that_has_not_begun_is_refused_by_the_server_s_calendar() {
        let now = "2026-01-02T23:30:00Z".parse().unwrap();
        let date = "2026-01-03".parse().unwrap();
        assert!(check(date, &zone("Europe/Berlin"), now).is_ok());
        let cause = check(date, &TimeZone::UTC, now).unwrap_err();
        assert_eq!(cause.text, "2026-01-03 has not begun yet where the server is, today is 2026-01-02 there");
    }
}
