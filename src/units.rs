//! Numbers and durations for operators.

use std::time::Duration;

use jiff::Timestamp;
pub(crate) use planner::numbers::{counted as some, grouped as count};

/// Formats a duration in its two largest units: `3 h 12 min`, `4 min`, `12 s`.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// Returns the duration from one time to a later one; zero if it is not later.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1, 12_340].map(|number| some(number, "job")), ["0 jobs", "1 job", "12,340 jobs"]);
    }

    #[test]
    fn spans_have_two_units() {
        let said = [5, 60, 3_600, 11_520, 11_579, 86_400, 190_000].map(|s| span(Duration::from_secs(s)));
        assert_eq!(said, ["5 s", "1 min", "1 h", "3 h 12 min", "3 h 12 min", "1 d", "2 d 4 h"]);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(between(at("2026-01-02T00:00:00Z"), at("2026-01-02T00:01:00Z")).as_secs(), 60);
        assert_eq!(between(at("2026-01-02T00:01:00Z"), at("2026-01-02T00:00:00Z")).as_secs(), 0);
    }
}
