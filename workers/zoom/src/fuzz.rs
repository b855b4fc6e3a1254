//! Entries for the fuzz targets: an answer on its way from bytes to rows, without a server.

use std::collections::HashSet;

use jiff::Timestamp;
use messages::repair;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;

use crate::atlas::{Call, Verdict, classify};
use crate::endpoint::Endpoint;
use crate::headers::{RateHeaders, served_at};
use crate::hosts::ByEmail;
use crate::wire::{self, TokenAnswer, UserRow};
use crate::{auth, client, rows};

/// The endpoints, as [`judge`] numbers them.
const ENDPOINTS: [Endpoint; 11] = [
    Endpoint::Users,
    Endpoint::MetricsMeetings,
    Endpoint::MetricsMeeting,
    Endpoint::MetricsMeetingParticipants,
    Endpoint::MetricsWebinars,
    Endpoint::MetricsWebinarParticipants,
    Endpoint::ReportUsers,
    Endpoint::ReportUserMeetings,
    Endpoint::ReportMeeting,
    Endpoint::ReportMeetingParticipants,
    Endpoint::ReportWebinarParticipants,
];

/// What an answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// A page of so many rows; `None` for an answer that is one object.
    Page(Option<u64>),
    /// Anything else, in words.
    Refused(String),
}

/// Judges an answer of one of the endpoints, as the client does.
pub fn judge(endpoint: usize, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Judged {
    let now = Timestamp::UNIX_EPOCH;
    let headers = map(headers);
    let call = Call { endpoint: ENDPOINTS[endpoint % ENDPOINTS.len()], meeting_end: Some(now), paging: true };
    match classify(status, &headers, &repair::text(body.to_vec()), &call, now) {
        Verdict::Fine(head) => Judged::Page(head.rows),
        Verdict::Refused(refusal) => Judged::Refused(refusal.failure.to_string()),
        other => Judged::Refused(format!("{other:?}")),
    }
}

/// A body as the client hands it on.
pub fn json(body: &[u8]) -> Option<Box<RawValue>> {
    client::json(repair::text(body.to_vec()))
}

/// The rows of a list as the list job sorts them: meetings, those a page before has named, and rows without a uuid.
pub fn sort(page: &RawValue) -> (usize, usize, usize) {
    let ids = ByEmail::from([("a@example.edu".to_owned(), "host-a".to_owned())]);
    let mut seen = HashSet::new();
    let sorted = rows::sort(page, &ids, &mut seen);
    let (fresh, unusable) = (sorted.fresh.len(), sorted.unusable.len());
    assert_eq!(seen.len(), fresh, "one job for each meeting");
    (fresh, wire::rows(page).len() - fresh - unusable, unusable)
}

/// The users of a page.
pub fn users(page: &RawValue) -> usize {
    wire::rows(page).into_iter().map(wire::row::<UserRow>).count()
}

/// What the token endpoint's answer comes to: the number of scopes, or what is said of it.
pub fn token(status: u16, body: &[u8]) -> Result<usize, String> {
    let answer: TokenAnswer = serde_json::from_slice(body).unwrap_or_default();
    auth::fuzz(status, answer)
}

/// When the headers of an answer ask for the next call, in seconds from now.
pub fn retry_after(headers: &[(&str, &str)]) -> Option<i64> {
    let headers = map(headers);
    let _ = served_at(&headers);
    RateHeaders::read(&headers, Timestamp::UNIX_EPOCH).retry_at.map(Timestamp::as_second)
}

fn map(headers: &[(&str, &str)]) -> HeaderMap {
    let pairs = headers.iter().filter_map(|(name, value)| {
        Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
    });
    pairs.collect()
}
