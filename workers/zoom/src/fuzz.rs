//! Entry points for the fuzz targets: an answer from bytes to rows, without a server.

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

/// The endpoints in the order of [`judge`]'s index.
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

/// Classification of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// Number of rows of a page; `None` for an answer that is one object.
    Page(Option<u64>),
    /// Text of an error.
    Refused(String),
}

/// Classifies an answer of one endpoint, as the client does.
pub fn judge(endpoint: usize, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Judged {
    let now = Timestamp::UNIX_EPOCH;
    let headers = map(headers);
    let call = Call { endpoint: ENDPOINTS[endpoint % ENDPOINTS.len()], meeting_end: Some(now), paging: true };
    match classify(status, &headers, &repair::text(body), &call, now) {
        Verdict::Fine(head) => Judged::Page(head.rows),
        Verdict::Refused(error) => Judged::Refused(error.failure.to_string()),
        other => Judged::Refused(format!("{other:?}")),
    }
}

/// Returns a body as the client forwards it.
pub fn json(body: &[u8]) -> Option<Box<RawValue>> {
    client::json(body.to_vec()).map(|(json, _)| json)
}

/// Sorts the rows of a list as the list job does. Counts new meetings, repeated ones, and rows without a uuid.
pub fn sort(page: &RawValue) -> (usize, usize, usize) {
    let ids = ByEmail::from([("a@example.edu".to_owned(), "host-a".to_owned())]);
    let mut seen = HashSet::new();
    let sorted = rows::sort(page, &ids, &mut seen);
    let (fresh, unusable) = (sorted.fresh.len(), sorted.unusable.len());
    assert_eq!(seen.len(), fresh, "one job for each meeting");
    (fresh, wire::rows(page).len() - fresh - unusable, unusable)
}

/// Counts the users of a page.
pub fn users(page: &RawValue) -> usize {
    wire::rows(page).into_iter().map(wire::row::<UserRow>).count()
}

/// Classifies an answer of the token endpoint: the number of scopes, or the error text.
pub fn token(status: u16, body: &[u8]) -> Result<usize, String> {
    let answer: TokenAnswer = serde_json::from_slice(body).unwrap_or_default();
    auth::fuzz(status, answer)
}

/// Returns when to retry by an answer's headers, in seconds from now.
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
