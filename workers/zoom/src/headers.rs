//! Rate-limit headers of an answer. All are optional, and each has several formats.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The limit that the headers describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Calls per second; for Resource-intensive calls, per minute.
    Rate,
    /// Calls per UTC day.
    Day,
}

/// The rate-limit headers of one answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RateHeaders {
    /// The limit's kind; `None` if the answer does not name it.
    pub(crate) limit: Option<Limit>,
    /// Calls allowed.
    pub(crate) allowed: Option<u64>,
    /// Calls left.
    pub(crate) remaining: Option<u64>,
    /// Time of the next allowed call.
    pub(crate) retry_at: Option<Timestamp>,
}

impl RateHeaders {
    pub(crate) fn read(headers: &HeaderMap, now: Timestamp) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let number = |name: &str| text(name).and_then(|text| text.parse().ok());
        let limit = text("x-ratelimit-type").map(str::to_ascii_lowercase).and_then(|kind| match &*kind {
            _ if kind.contains("daily") || kind.contains("day") => Some(Limit::Day),
            _ if kind.contains("qps") || kind.contains("second") || kind.contains("minute") => {
                Some(Limit::Rate)
            }
            _ => None,
        });
        Self {
            limit,
            allowed: number("x-ratelimit-limit"),
            remaining: number("x-ratelimit-remaining"),
            retry_at: text(RETRY_AFTER.as_str()).and_then(|text| instant(text, now)),
        }
    }
}

/// Returns the server's time of the answer, in whole seconds.
pub(crate) fn served_at(headers: &HeaderMap) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Timestamp::try_from(date).ok()
}

/// Parses Retry-After as seconds, an HTTP date, or ISO 8601 with or without a zone (then UTC).
fn instant(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<f64>() {
        let wait = Duration::try_from_secs_f64(seconds).ok()?;
        return now.checked_add(SignedDuration::try_from(wait).ok()?).ok();
    }
    if let Ok(date) = httpdate::parse_http_date(text) {
        return Timestamp::try_from(date).ok();
    }
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let civil: DateTime = text.parse().ok()?;
    Offset::UTC.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> RateHeaders {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let pairs = pairs.iter().map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        });
        RateHeaders::read(&pairs.collect(), now)
    }

    #[test]
    fn retry_after_is_read_in_all_its_forms() {
        let at = |text: &str| read(&[("retry-after", text)]).retry_at.map(|instant| instant.to_string());
        assert_eq!(at("30").as_deref(), Some("2026-01-02T03:04:35Z"));
        assert_eq!(at("1.5").as_deref(), Some("2026-01-02T03:04:06.5Z"));
        assert_eq!(at("Sat, 03 Jan 2026 00:00:00 GMT").as_deref(), Some("2026-01-03T00:00:00Z"));
        assert_eq!(at("2026-01-03T00:00:00Z").as_deref(), Some("2026-01-03T00:00:00Z"));
        assert_eq!(at("2026-01-03T00:00:00").as_deref(), Some("2026-01-03T00:00:00Z"));
        for useless in ["soon", "-5", "1e300", ""] {
            assert_eq!(at(useless), None, "{useless}");
        }
    }

    #[test]
    fn limits_are_told_apart_by_type() {
        let kind = |text: &str| read(&[("X-RateLimit-Type", text)]).limit;
        assert_eq!(
            (kind("QPS"), kind("Daily"), kind("Daily-limit")),
            (Some(Limit::Rate), Some(Limit::Day), Some(Limit::Day))
        );
        assert_eq!(kind("other"), None);
        assert_eq!(read(&[]), RateHeaders::default());
        let all = read(&[("x-ratelimit-limit", "60000"), ("x-ratelimit-remaining", " 41 ")]);
        assert_eq!((all.allowed, all.remaining), (Some(60_000), Some(41)));
    }
}
