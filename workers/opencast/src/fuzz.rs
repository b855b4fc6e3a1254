//! Entry points for the fuzz targets: classify answers and sign in without a server.

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use secrecy::SecretString;

use crate::atlas::{Answered, Verdict, classify};
use crate::auth::{Challenge, Credentials, Sign};
use crate::completeness::Dates;
use crate::config::Auth;
use crate::endpoint::Endpoint;
use crate::probe;

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

/// The Authorization header after a 401 with this challenge; `None` where the challenge is refused.
pub fn challenged(challenge: &[u8], password: &str) -> Option<String> {
    let credentials = Credentials { user: "user".to_owned(), password: SecretString::from(password) };
    let sign = Sign::new(Some(credentials), Auth::Auto);
    let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, HeaderValue::from_bytes(challenge).ok()?)]);
    match sign.challenged(&headers) {
        Challenge::Refused => None,
        Challenge::Again => {
            let signed = sign.authorization("/info/me.json");
            Some(signed.and_then(|header| Some(header.to_str().ok()?.to_owned())).unwrap_or_default())
        }
    }
}

pub use probe::probed;
