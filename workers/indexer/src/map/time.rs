//! Points in time and durations, in every form in which Zoom writes them.

use jiff::Timestamp;

/// A point in time; `None` for what cannot be read, the empty text included.
///
/// Only texts that name their offset are points in time. Output is UTC with `Z`; milliseconds survive.
pub(crate) fn point(text: Option<&str>) -> Option<Timestamp> {
    text?.trim().parse().ok()
}

/// Seconds from `start` to `end`, when both are known and in this order.
pub(crate) fn between(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<i64> {
    seconds(Some(end?.as_second() - start?.as_second()))
}

/// Seconds of a duration of the Dashboard: `MM:SS` or `HH:MM:SS`, read from the right.
///
/// A bare number is taken as **minutes**. Old samples hold such values and no source says what they
/// count; minutes are what every other whole-number duration of a meeting counts.
pub(crate) fn clock_seconds(text: Option<&str>) -> Option<i64> {
    let text = text?.trim();
    let mut parts = text.rsplit(':').map(whole);
    let last = parts.next()??;
    let Some(minutes) = parts.next() else { return seconds(Some(last * 60)) };
    let hours = parts.next().unwrap_or(Some(0))?;
    if parts.next().is_some() {
        return None;
    }
    seconds(Some(hours * 3_600 + minutes? * 60 + last))
}

/// Seconds of a duration in minutes, as reports give it for meetings.
pub(crate) fn minutes(minutes: Option<i64>) -> Option<i64> {
    seconds(minutes?.checked_mul(60))
}

/// A duration in seconds, as reports give it for participants. A negative one, or one of more than 68 years,
/// is none: the index holds durations in 32 bits and would refuse the whole document.
pub(crate) fn seconds(seconds: Option<i64>) -> Option<i64> {
    seconds.filter(|seconds| (0..=i64::from(i32::MAX)).contains(seconds))
}

fn whole(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_from_the_right() {
        let cases = [
            ("00:56", Some(56)),
            ("16:08", Some(968)),
            ("55:01", Some(3_301)),
            ("01:02:03", Some(3_723)),
            ("125:00", Some(7_500)),
            ("30", Some(1_800)),
            (" 16:08 ", Some(968)),
            ("", None),
            (":", None),
            ("1:2:3:4", None),
            ("-1:00", None),
            ("a:b", None),
            ("999999999:00:00", None),
            ("99999999999999999999", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(clock_seconds(Some(text)), seconds, "{text:?}");
        }
        assert_eq!(clock_seconds(None), None);
    }

    #[test]
    fn times_are_points_in_utc_or_nothing() {
        let cases = [
            ("2026-01-02T03:04:05Z", Some("2026-01-02T03:04:05Z")),
            ("2026-01-02T03:04:05.120Z", Some("2026-01-02T03:04:05.12Z")),
            ("2026-01-02T03:04:05+01:00", Some("2026-01-02T02:04:05Z")),
            ("12/22/2021 16:20", None),
            ("2026-01-02", None),
            ("2026-13-02T03:04:05Z", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(point(Some(text)).map(|time| time.to_string()).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn an_end_before_its_start_is_no_duration() {
        let (early, late) = (Timestamp::from_second(10).ok(), Timestamp::from_second(70).ok());
        assert_eq!(between(early, late), Some(60));
        assert_eq!(between(late, early), None);
        assert_eq!(between(None, late), None);
    }

    #[test]
    fn reports_count_minutes_for_meetings_and_seconds_for_participants() {
        assert_eq!(minutes(Some(4)), Some(240));
        assert_eq!(minutes(Some(i64::MAX)), None);
        assert_eq!(minutes(Some(i64::from(i32::MAX))), None);
        assert_eq!(seconds(Some(20)), Some(20));
        assert_eq!(seconds(Some(-1)), None);
    }
}
