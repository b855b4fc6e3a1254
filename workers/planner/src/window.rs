//! Splits a range of UTC dates into days, or into windows that one query may span.

use jiff::ToSpan;
use jiff::civil::Date;

/// Dates from `from` to `to`, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// The first date.
    pub from: Date,
    /// The last date.
    pub to: Date,
}

/// Why a range is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The range ends before it begins.
    #[error("the range begins on {from} and ends before that, on {to}: swap the two dates")]
    Reversed {
        /// First date of the range.
        from: Date,
        /// Last date of the range.
        to: Date,
    },
}

/// Returns every date of a range, in order.
///
/// # Errors
/// Returns an error if `from` is after `to`.
pub fn days(from: Date, to: Date) -> Result<Vec<Date>, WindowError> {
    Ok(windows(from, to)?.into_iter().map(|window| window.from).collect())
}

/// Splits a range into windows of one day, one per list job.
///
/// # Errors
/// Returns an error if `from` is after `to`.
pub fn windows(from: Date, to: Date) -> Result<Vec<Window>, WindowError> {
    tile(from, to, Some)
}

/// Splits a range into windows that one query may span: from a day to the day before the same day of the next month, at
/// most a calendar month.
///
/// # Errors
/// Returns an error if `from` is after `to`.
pub fn query_windows(from: Date, to: Date) -> Result<Vec<Window>, WindowError> {
    tile(from, to, |first| first.checked_add(1.month()).ok()?.yesterday().ok())
}

/// Splits a range into windows without overlap or gap, in order. `last` returns the end of a window that begins on a
/// day.
fn tile(from: Date, to: Date, last: impl Fn(Date) -> Option<Date>) -> Result<Vec<Window>, WindowError> {
    if from > to {
        return Err(WindowError::Reversed { from, to });
    }
    let mut windows = Vec::new();
    let mut next = Some(from);
    while let Some(first) = next.filter(|first| *first <= to) {
        // Past the end of the calendar `last` returns `None`: the window ends with the range.
        let end = last(first).unwrap_or(to).clamp(first, to);
        windows.push(Window { from: first, to: end });
        next = end.tomorrow().ok();
    }
    Ok(windows)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn dates() -> impl Strategy<Value = (Date, Date)> {
        (0..40_000_i64, 0..500_i64).prop_map(|(start, length)| {
            let from = date(1970, 1, 1).checked_add(start.days()).unwrap();
            (from, from.checked_add(length.days()).unwrap())
        })
    }

    fn assert_tiled(windows: &[Window], from: Date, to: Date) {
        assert_eq!((windows[0].from, windows[windows.len() - 1].to), (from, to));
        assert!(windows.iter().all(|window| window.from <= window.to), "{windows:?}");
        let meet = |pair: &[Window]| pair[0].to.tomorrow().unwrap() == pair[1].from;
        assert!(windows.windows(2).all(meet), "{windows:?}");
    }

    proptest! {
        #[test]
        fn days_tile_the_range((from, to) in dates()) {
            let windows = windows(from, to).unwrap();
            assert_tiled(&windows, from, to);
            prop_assert!(windows.iter().all(|window| window.from == window.to));
            prop_assert_eq!(days(from, to).unwrap().len(), windows.len());
        }

        #[test]
        fn queries_tile_the_range_and_span_a_month_at_most((from, to) in dates()) {
            let windows = query_windows(from, to).unwrap();
            assert_tiled(&windows, from, to);
            for window in windows {
                prop_assert!(window.to < window.from.checked_add(1.month()).unwrap());
            }
        }
    }

    #[test]
    fn a_reversed_range_says_so() {
        let error = days(date(2026, 1, 2), date(2026, 1, 1)).unwrap_err();
        assert_eq!(error, WindowError::Reversed { from: date(2026, 1, 2), to: date(2026, 1, 1) });
        assert!(error.to_string().contains("2026-01-02"), "{error}");
    }

    #[test]
    fn the_end_of_the_calendar_ends_a_range() {
        assert_eq!(days(Date::MAX, Date::MAX).unwrap(), [Date::MAX]);
        assert_eq!(query_windows(Date::MAX, Date::MAX).unwrap().len(), 1);
    }
}
