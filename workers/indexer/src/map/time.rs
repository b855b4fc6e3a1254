//! Durations, in every form in which Zoom writes them.

use jiff::Timestamp;

/// Seconds from `start` to `end`, when both are known and in this order.
pub(crate) fn between(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<i64> {
    seconds(Some(end?.as_second() - start?.as_second()))
}

/// Seconds of a duration of the Dashboard: `MM:SS` or `HH:MM:SS`, read from the right.
///
/// A bare number is taken as **minutes**. Old samples hold such values and no source says what they
/// count; minutes are what every other whole-number duration of a meeting counts.
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

/// Seconds of a duration in minutes, as reports give it for meetings.
pub(crate) fn minutes(minutes: i64) -> Option<i64> {
    seconds(minutes.checked_mul(60))
}

/// A duration in seconds, as reports give it for participants. A negative one, or one of more than 68 years,
/// is none: the index holds durations in 32 bits and would refuse the whole document.
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
