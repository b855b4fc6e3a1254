//! Dates in documents and queries, checked without allocation.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// End of a range that a date without a time stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// The first millisecond of the day.
    Start,
    /// The last millisecond of the day.
    End,
}

impl Edge {
    /// Milliseconds since 1970 of `text`: a date, a time with offset, or the number itself.
    pub(crate) fn millisecond(self, text: &str) -> Option<i64> {
        if let Ok(date) = text.parse::<Date>()
            && is_day(text.as_bytes())
        {
            let start = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
            return Some(match self {
                Self::Start => start.as_millisecond(),
                Self::End => (start + SignedDuration::from_hours(24)).as_millisecond() - 1,
            });
        }
        text.parse::<Timestamp>().map(Timestamp::as_millisecond).ok().or_else(|| text.parse().ok())
    }
}

/// Returns true for a day such as `2026-01-02`.
pub(super) fn is_day(text: &[u8]) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return false };
    let (Some(century), Some(year)) = (two(y1, y2), two(y3, y4)) else { return false };
    let (Some(month), Some(day)) = (two(m1, m2), two(d1, d2)) else { return false };
    let year = u16::from(century) * 100 + u16::from(year);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u8::from(leap),
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// Returns true for a day, optionally with a time: `2026-01-02T03:04[:05[.678]][Z|+01:00]`.
pub(super) fn is_date(text: &[u8]) -> bool {
    let Some((day, rest)) = text.split_at_checked(10) else { return false };
    is_day(day) && (rest.is_empty() || rest.strip_prefix(b"T").is_some_and(is_time))
}

fn is_time(text: &[u8]) -> bool {
    let [h1, h2, b':', m1, m2, rest @ ..] = text else { return false };
    if !below(*h1, *h2, 24) || !below(*m1, *m2, 60) {
        return false;
    }
    let rest = match rest {
        [b':', s1, s2, rest @ ..] if below(*s1, *s2, 60) => fraction(rest),
        rest => Some(rest),
    };
    rest.is_some_and(is_offset)
}

/// Skips a fraction of a second.
fn fraction(text: &[u8]) -> Option<&[u8]> {
    let [b'.', rest @ ..] = text else { return Some(text) };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=9).contains(&digits).then(|| &rest[digits..])
}

fn is_offset(text: &[u8]) -> bool {
    match text {
        [] | b"Z" => true,
        [b'+' | b'-', h1, h2, rest @ ..] if below(*h1, *h2, 19) => match rest {
            [] => true,
            [b':', m1, m2] | [m1, m2] => below(*m1, *m2, 60),
            _ => false,
        },
        _ => false,
    }
}

fn below(tens: u8, ones: u8, limit: u8) -> bool {
    two(tens, ones).is_some_and(|number| number < limit)
}

fn two(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + ones - b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_date_and_what_is_not() {
        for good in [
            "2026-01-02",
            "2024-02-29",
            "2026-01-02T03:04Z",
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05.123456789Z",
            "2026-01-02T23:59:59+01:00",
            "2026-01-02T03:04:05-0330",
            "2026-01-02T03:04:05",
        ] {
            assert!(is_date(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "yesterday",
            "2026-02-29",
            "2026-13-01",
            "2026-1-2",
            "2026-01-02 03:04:05",
            "2026-01-02T24:00:00Z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05z",
            "2026-01-02T",
            "02.01.2026",
            "2026-01-02Z",
        ] {
            assert!(!is_date(bad.as_bytes()), "{bad}");
        }
        assert!(!is_day(b"2026-01-02T03:04:05Z"));
    }

    #[test]
    fn a_day_as_the_upper_end_is_the_whole_day() {
        assert_eq!(Edge::Start.millisecond("1970-01-02"), Some(86_400_000));
        assert_eq!(Edge::End.millisecond("1970-01-02"), Some(2 * 86_400_000 - 1));
        assert_eq!(Edge::End.millisecond("1970-01-01T00:00:00.5Z"), Some(500));
        assert_eq!(Edge::Start.millisecond("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(Edge::Start.millisecond("7"), Some(7));
        assert_eq!(Edge::Start.millisecond("soon"), None);
    }
}
