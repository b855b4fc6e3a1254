//! Parses timestamps in every format that the sources use.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Smallest number that counts as epoch seconds (1973). Smaller numbers have another meaning.
const FIRST_SECOND: i64 = 100_000_000;
/// Smallest number that counts as epoch milliseconds. As seconds it would be the year 5138.
const FIRST_MILLISECOND: i64 = 100_000_000_000;

/// Parses a timestamp in the years 1 to 9999.
///
/// Accepts RFC 3339 with any offset or without one (UTC, as in Zoom's answers), and epoch seconds or milliseconds.
/// Returns `None` for anything else, including a date without a time.
pub fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return moment_of(number);
    }
    let time = text.parse().ok().or_else(|| {
        let civil = text.contains(':').then(|| text.parse::<DateTime>().ok()).flatten()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    });
    time.filter(is_kept)
}

/// Converts epoch seconds or milliseconds to a timestamp.
pub fn moment_of(number: i64) -> Option<Timestamp> {
    let time = match number {
        FIRST_SECOND..FIRST_MILLISECOND => Timestamp::from_second(number).ok(),
        FIRST_MILLISECOND.. => Timestamp::from_millisecond(number).ok(),
        _ => None,
    };
    time.filter(is_kept)
}

/// True for the years that the store's date fields accept.
fn is_kept(time: &Timestamp) -> bool {
    (1..=9999).contains(&TimeZone::UTC.to_datetime(*time).year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form_or_not_at_all() {
        for (text, wanted) in [
            ("2026-01-02T03:04:05Z", Some("2026-01-02T03:04:05Z")),
            (" 2026-01-02T03:04:05.120Z ", Some("2026-01-02T03:04:05.12Z")),
            ("2026-01-02T03:04:05+01:00", Some("2026-01-02T02:04:05Z")),
            ("2026-01-02T03:04:05+0000", Some("2026-01-02T03:04:05Z")),
            ("2026-01-02T03:04:05.000-0500", Some("2026-01-02T08:04:05Z")),
            ("2026-01-02 03:04:05", Some("2026-01-02T03:04:05Z")),
            ("2026-01-02T03:04:05", Some("2026-01-02T03:04:05Z")),
            ("1796022154", Some("2026-11-30T07:02:34Z")),
            ("1796022154000", Some("2026-11-30T07:02:34Z")),
            ("0001-01-01T00:00:00Z", Some("0001-01-01T00:00:00Z")),
            ("-000001-01-01T00:00:00Z", None),
            ("0000-12-31T00:00:00Z", None),
            ("11/29/2026 10:00:00 AM", None),
            ("12/22/2021 16:20", None),
            ("2026-01-02", None),
            ("2026-13-02T03:04:05Z", None),
            ("2026-01-02T24:00:00Z", None),
            ("0", None),
            ("20260102", None),
            ("99999999999999999999", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(moment(text).map(|time| time.to_string()).as_deref(), wanted, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_seconds_or_milliseconds_by_their_size() {
        assert_eq!(moment_of(1_796_022_154), moment_of(1_796_022_154_000));
        for none in [i64::MIN, -1, 0, 99_999_999, i64::MAX] {
            assert_eq!(moment_of(none), None, "{none}");
        }
    }
}
