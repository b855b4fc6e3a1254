//! The dates that Zoom lists: not the future, and six calendar months back. Pure; the command line uses it, too.

use jiff::ToSpan;
use jiff::civil::Date;

/// Error of a date that cannot be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The date is in the future.
    #[error("{date} is in the future (today is {today}, UTC): choose {today} or earlier")]
    Future {
        /// The requested date.
        date: Date,
        /// The current UTC date.
        today: Date,
    },
    /// Zoom no longer lists the date.
    #[error("{date} is more than six months ago: zoom lists nothing before {earliest}, choose a later date")]
    TooOld {
        /// The requested date.
        date: Date,
        /// The earliest date that can be listed.
        earliest: Date,
    },
}

/// Returns the earliest date that can be listed on `today`.
pub fn earliest(today: Date) -> Date {
    today.checked_sub(6.months()).unwrap_or(Date::MIN)
}

/// Checks whether `date` can be listed on `today` (both UTC).
///
/// # Errors
/// If it is in the future or more than six calendar months ago.
pub fn check(date: Date, today: Date) -> Result<(), WindowError> {
    if date > today {
        return Err(WindowError::Future { date, today });
    }
    let earliest = earliest(today);
    if date < earliest {
        return Err(WindowError::TooOld { date, earliest });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn six_months_back_are_listed_and_nothing_else() {
        let today = date(2026, 8, 31);
        assert_eq!(check(today, today), Ok(()));
        assert_eq!(check(date(2026, 2, 28), today), Ok(()));
        let error = check(date(2026, 2, 27), today).unwrap_err();
        assert_eq!(error, WindowError::TooOld { date: date(2026, 2, 27), earliest: date(2026, 2, 28) });
        assert!(error.to_string().contains("nothing before 2026-02-28"), "{error}");
        let error = check(date(2026, 9, 1), today).unwrap_err();
        assert!(error.to_string().contains("in the future"), "{error}");
    }
}
