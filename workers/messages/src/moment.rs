//! Points in time in every form in which sources write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The first epoch number that is taken for a time, in 1973: what is smaller counts something else.
const FIRST_SECOND: i64 = 100_000_000;
/// The first number that counts milliseconds; as seconds it would lie in the year 5138.
const FIRST_MILLISECOND: i64 = 100_000_000_000;

/// The point in time that a text names, in the years 1 to 9999.
///
/// Takes RFC 3339 with any offset, the same without one (taken as UTC, as Zoom's times are), and epoch seconds or
/// milliseconds in digits. A date alone is no point in time.
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

/// The point in time of epoch seconds or milliseconds.
pub fn moment_of(number: i64) -> Option<Timestamp> {
    let time = match number {
        FIRST_SECOND..FIRST_MILLISECOND => Timestamp::from_second(number).ok(),
        FIRST_MILLISECOND.. => Timestamp::from_millisecond(number).ok(),
        _ => None,
    };
    time.filter(is_kept)
}

/// What the store's date fields take.
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
