//! Determines when the server took a request, by its own clock: not before the `Date` of an earlier answer, and not
//! after the `Date` of its own answer. Independent of the requests.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{AGE, DATE, HeaderMap, SERVER, VIA};
use tokio::time::Instant;

/// Range of whole seconds, both inclusive, in which the server took a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerTime {
    pub(crate) after: Timestamp,
    pub(crate) before: Timestamp,
}

/// Origin of a node's `Date` headers, on which the proof of a day depends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clock {
    /// No answer has a usable `Date`.
    Untold,
    /// The server writes it.
    Own {
        /// Server time minus local time.
        ahead: SignedDuration,
    },
    /// A proxy overwrites it with its own time.
    Proxy {
        /// The proxy's name.
        name: String,
        /// Proxy time minus local time.
        ahead: SignedDuration,
    },
}

/// The last `Date` of a node in whole seconds, and when it arrived.
#[derive(Debug, Default)]
pub(crate) struct Dates {
    heard: Mutex<Option<(Timestamp, Instant)>>,
    /// The proxy that writes the header, if any.
    proxy: Mutex<Option<String>>,
    /// Held while one job asks for the time, on behalf of all.
    pub(crate) asking: tokio::sync::Mutex<()>,
}

impl Dates {
    pub(crate) fn last(&self) -> Option<Timestamp> {
        self.heard().map(|(date, _)| date)
    }

    pub(crate) fn heard(&self) -> Option<(Timestamp, Instant)> {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the node's clock as known so far.
    pub(crate) fn clock(&self, now: Timestamp) -> Clock {
        let Some((date, at)) = self.heard() else { return Clock::Untold };
        let there = date.saturating_add(at.elapsed()).unwrap_or(date);
        let ahead = there.duration_since(now);
        match &*self.proxy.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(name) => Clock::Proxy { name: name.clone(), ahead },
            None => Clock::Own { ahead },
        }
    }

    /// Records an answer; `after` was the last date when its request was sent. Returns `None` without a `Date`, or if
    /// the server's clock went back.
    pub(crate) fn answered(&self, after: Option<Timestamp>, headers: &HeaderMap) -> Option<ServerTime> {
        let text = |name| headers.get(name).and_then(|text| text.to_str().ok());
        // A cached answer has the `Date` of another request.
        if text(AGE).is_some_and(|age| age.trim() != "0") {
            return None;
        }
        let before = Timestamp::try_from(httpdate::parse_http_date(text(DATE)?).ok()?).ok()?;
        // One answer of a proxy suffices: it may name itself on some paths only.
        if let Some(name) = proxy(text(SERVER), text(VIA)) {
            *self.proxy.lock().unwrap_or_else(PoisonError::into_inner) = Some(name);
        }
        runtime::clock::heard(runtime::clock::Peer::Opencast, before);
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some((before, Instant::now()));
        // Before the first answer, the second is unknown.
        let after = after.unwrap_or(Timestamp::UNIX_EPOCH);
        (after <= before).then_some(ServerTime { after, before })
    }
}

/// Returns the name of a proxy that writes its own `Date`. Opencast's server is named Jetty; nginx and others replace
/// the name and the time.
fn proxy(server: Option<&str>, via: Option<&str>) -> Option<String> {
    let name = |text: &str| text.split(['/', ' ', ',', '(']).next().unwrap_or_default().to_owned();
    let is_plain = |name: &String| {
        (1..=32).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    match server.map(name) {
        Some(name) if name.to_ascii_lowercase().starts_with("jetty") => None,
        Some(name) => Some(name).filter(is_plain).or_else(|| Some("unnamed".to_owned())),
        None => via.map(|_| "unnamed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(dates: &Dates, after: Option<Timestamp>, date: &str) -> Option<ServerTime> {
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

    #[test]
    fn a_date_out_of_a_cache_or_of_a_proxy_is_known_as_such() {
        let dates = Dates::default();
        let now: Timestamp = "2026-03-20T12:00:00Z".parse().unwrap();
        assert_eq!(dates.clock(now), Clock::Untold);
        let answer = |server: &'static str, age: &'static str| {
            let pairs = [("date", "Fri, 20 Mar 2026 12:00:30 GMT"), ("server", server), ("age", age)];
            HeaderMap::from_iter(pairs.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())))
        };
        assert_eq!(dates.answered(None, &answer("Jetty", "17")), None);
        assert_eq!(dates.clock(now), Clock::Untold);
        assert!(dates.answered(None, &answer("Jetty(9.4.54)", "0")).is_some());
        let Clock::Own { ahead } = dates.clock(now) else { panic!("{:?}", dates.clock(now)) };
        assert!((30..35).contains(&ahead.as_secs()), "{ahead}");
        dates.answered(None, &answer("nginx/1.24.0 (Ubuntu)", "0"));
        assert!(matches!(dates.clock(now), Clock::Proxy { name, .. } if name == "nginx"));
        assert_eq!(proxy(None, Some("1.1 cache")).as_deref(), Some("unnamed"));
        assert_eq!(proxy(Some("\u{1b}[1m"), None).as_deref(), Some("unnamed"));
        assert_eq!(proxy(None, None), None);
    }
}
