//! Entry points for the fuzz targets: classify answers without a server.

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::atlas::{Answered, Verdict, classify};
use crate::completeness::Dates;
use crate::endpoint::Endpoint;

const ENDPOINTS: [Endpoint; 8] = [
    Endpoint::Actions,
    Endpoint::Detail,
    Endpoint::Search,
    Endpoint::EpisodeWorkflows,
    Endpoint::Workflows,
    Endpoint::Version,
    Endpoint::Components,
    Endpoint::Me,
];

/// Classifies an answer of an endpoint: the error text, or `None` for success.
pub fn judge(endpoint: usize, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Option<String> {
    let pairs = headers.iter().filter_map(|(name, value)| {
        Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
    });
    let headers: HeaderMap = pairs.collect();
    let now: Timestamp = Timestamp::UNIX_EPOCH;
    let _ = Dates::default().answered(Some(now), &headers);
    let answered = Answered { node: "https://opencast.example.org", status, headers: &headers, body };
    match classify(answered, ENDPOINTS[endpoint % ENDPOINTS.len()], now) {
        Verdict::Fine => None,
        Verdict::Unauthorised => Some("unauthorised".to_owned()),
        Verdict::Refused(error) => Some(error.failure.to_string()),
    }
}
