//! Parses durations in all of Zoom's formats.

use jiff::Timestamp;

/// Returns the seconds from `start` to `end`, if both are known and in order.
pub(crate) fn between(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<i64> {
    seconds(Some(end?.as_second() - start?.as_second()))
}

/// Parses a duration of the Dashboard, `MM:SS` or `HH:MM:SS`, into seconds.
///
/// A bare number counts **minutes**: it occurs in old samples without a documented unit, and all other whole-number
/// durations of a meeting are minutes.
pub(crate) fn clock_seconds(text: &str) -> Option<i64> {
    let mut parts = text.rsplit(':').map(whole);
    let last = parts.next()??;
    let Some(minutes) = parts.next() else { return seconds(Some(last * 60)) };
    let hours = parts.next().unwrap_or(Some(0))?;
    if parts.next().is_some() {
        return None;
    }
    seconds(Some(hours * 3_600 + minutes? * 60 + last))
}

/// Converts minutes, the unit of meetings in reports, into seconds.
pub(crate) fn minutes(minutes: i64) -> Option<i64> {
    seconds(minutes.checked_mul(60))
}

/// Returns the seconds, the unit of participants in reports. `None` if negative or above 68 years: the index stores 32
/// bits and would refuse the whole document.
fn seconds(seconds: Option<i64>) -> Option<i64> {
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
            ("", None),
            (":", None),
            ("1:2:3:4", None),
            ("-1:00", None),
            ("a:b", None),
            ("999999999:00:00", None),
            ("99999999999999999999", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(clock_seconds(text), seconds, "{text:?}");
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
        assert_eq!(minutes(4), Some(240));
        assert_eq!(minutes(i64::MAX), None);
        assert_eq!(minutes(i64::from(i32::MAX)), None);
        assert_eq!(seconds(Some(20)), Some(20));
        assert_eq!(seconds(Some(-1)), None);
    }
}
