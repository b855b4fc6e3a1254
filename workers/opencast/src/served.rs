//! When a server took a request up, by its own clock and no other: it was not before the `Date` of an answer that had
//! come by then, and not after the `Date` of its own. Must not know what the requests are.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap};
use tokio::time::Instant;

/// Between which two whole seconds, both included, a request was taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) after: Timestamp,
    pub(crate) before: Timestamp,
}

/// The `Date` of the answer that came last from a node: its time in whole seconds, and when it was heard.
#[derive(Debug, Default)]
pub(crate) struct Dates {
    heard: Mutex<Option<(Timestamp, Instant)>>,
    /// Held by whoever asks what time it is, for all that want to know.
    pub(crate) asking: tokio::sync::Mutex<()>,
}

impl Dates {
    pub(crate) fn last(&self) -> Option<Timestamp> {
        self.heard().map(|(date, _)| date)
    }

    pub(crate) fn heard(&self) -> Option<(Timestamp, Instant)> {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an answer whose request was sent when `after` was the last date; `None` when it bears none, and when the
    /// server's clock was set back.
    pub(crate) fn answered(&self, after: Option<Timestamp>, headers: &HeaderMap) -> Option<Served> {
        let date = headers.get(DATE)?.to_str().ok()?;
        let before = Timestamp::try_from(httpdate::parse_http_date(date).ok()?).ok()?;
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some((before, Instant::now()));
        // Before the first answer it may have been any second.
        let after = after.unwrap_or(Timestamp::UNIX_EPOCH);
        (after <= before).then_some(Served { after, before })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(dates: &Dates, after: Option<Timestamp>, date: &str) -> Option<Served> {
        dates.answered(after, &HeaderMap::from_iter([(DATE, date.parse().unwrap())]))
    }

    #[test]
    fn a_request_was_taken_up_between_two_dates() {
        let dates = Dates::default();
        let first = answered(&dates, dates.last(), "Fri, 20 Mar 2026 12:00:58 GMT").unwrap();
        assert_eq!(first.after, Timestamp::UNIX_EPOCH);
        let after = dates.last();
        let second = answered(&dates, after, "Fri, 20 Mar 2026 12:00:59 GMT").unwrap();
        assert_eq!((second.after, second.before.as_second() % 60), (first.before, 59));
        assert_eq!(answered(&dates, dates.last(), "Fri, 20 Mar 2026 11:00:00 GMT"), None, "set back");
        assert_eq!(answered(&dates, dates.last(), "today"), None);
        assert_eq!(dates.answered(None, &HeaderMap::new()), None);
    }
}
