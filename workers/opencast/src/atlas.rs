//! The error atlas: what an answer of Opencast means, as one pure function of status, headers and body.
//! The body is looked at only to tell a page for people from data; nothing of it is passed on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use messages::CauseClass;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use runtime::Failure;

use crate::endpoint::{Endpoint, Node};

#[cfg(test)]
mod tests;

/// How long a 429 that does not say how long is waited out; and the longest wait that is believed.
const SLOW: Duration = Duration::from_secs(30);
const SLOWEST: Duration = Duration::from_secs(3_600);

/// Why a call brought nothing, as far as a caller may act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Reason {
    /// There is no such endpoint, or no such thing.
    Absent,
    /// A parameter is refused.
    Parameter,
    /// Another address is named in place of an answer, or the user may not have one.
    Closed,
    /// The server, or something before it, is in trouble: this is no answer at all.
    Trouble,
    /// None of these.
    #[default]
    Other,
}

/// A call that brought nothing.
pub(crate) type Refusal = runtime::Refusal<Reason>;

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The answer is what was asked for, as far as one can see from outside.
    Fine,
    /// Whoever asked is not known: sign the request, or sign it anew.
    Unauthorised,
    /// No answer to work with.
    Refused(Refusal),
}

/// Judges an answer.
pub(crate) fn classify(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    endpoint: Endpoint,
    now: Timestamp,
) -> Verdict {
    let said = format!("{} answered {status}", endpoint.name());
    let refusal = match status {
        200..=299 if is_page(headers, body) => Refusal::refused(
            Reason::Other,
            format!(
                "{said} with a page for people: the sign-in is refused, check OPENCAST_USER and OPENCAST_PASSWORD"
            ),
        ),
        200..=299 if body.trim_ascii().is_empty() => {
            Refusal::retry(Reason::Other, CauseClass::BadShape, format!("{said} with an empty body"))
        }
        200..=299 => return Verdict::Fine,
        300..=399 => redirected(&said, headers, endpoint),
        400 => Refusal::reject(
            Reason::Parameter,
            CauseClass::BadShape,
            format!("{said}: a parameter is refused"),
        ),
        401 => return Verdict::Unauthorised,
        403 => Refusal::refused(
            Reason::Closed,
            format!(
                "{said}: the user may not do that, give it the role (ROLE_ADMIN, or the node's own) or another user"
            ),
        ),
        404 => absent(&said, endpoint),
        408 => {
            Refusal::retry(Reason::Trouble, CauseClass::AttemptsSpent, format!("{said}: it took too long"))
        }
        413 | 414 => {
            Refusal::reject(Reason::Other, CauseClass::TooLarge, format!("{said}: the request is too large"))
        }
        429 => slow(&said, headers, now).into(),
        500.. if is_page(headers, body) => Refusal::retry(
            Reason::Trouble,
            CauseClass::HtmlBlocked,
            format!("{said} with a page for people: the server, or a proxy before it, is in trouble"),
        ),
        500.. => Refusal::retry(
            Reason::Trouble,
            CauseClass::AttemptsSpent,
            format!("{said}: the server is in trouble"),
        ),
        _ => Refusal::retry(Reason::Other, CauseClass::BadShape, format!("{said}: an answer nobody knows")),
    };
    Verdict::Refused(refusal)
}

/// True when the answer is meant for a browser.
fn is_page(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("text/html") || body.trim_ascii_start().starts_with(b"<")
}

/// Nobody is followed to another address: with the address would go the password.
fn redirected(said: &str, headers: &HeaderMap, endpoint: Endpoint) -> Refusal {
    let to = headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    let path = to.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let cause = match path.contains("login") {
        true => format!(
            "{said} and names a page to sign in at: the sign-in is refused, check OPENCAST_USER, OPENCAST_PASSWORD and OPENCAST_AUTH"
        ),
        false => format!("{said} and names another address: set {} to it", variable(endpoint)),
    };
    Refusal::refused(Reason::Closed, cause)
}

fn absent(said: &str, endpoint: Endpoint) -> Refusal {
    match endpoint {
        Endpoint::Actions => Refusal::reject(Reason::Absent, CauseClass::PlanMissing, NO_TRACKING),
        Endpoint::EpisodeWorkflows | Endpoint::Workflows => Refusal::reject(
            Reason::Absent,
            CauseClass::Gone,
            format!("{said}: there are no workflows there, check {}", variable(endpoint)),
        ),
        _ => Refusal::refused(
            Reason::Absent,
            format!(
                "{said}: the endpoint is not there, check {} (it is the node that players use)",
                variable(endpoint)
            ),
        ),
    }
}

/// What is said of a server without user tracking.
pub(crate) const NO_TRACKING: &str = "the server has no /usertracking: Opencast 18 and later are without it, and from \
    13 on the plugin is off until opencast-plugin-usertracking is switched on; its past actions cannot be had";

fn variable(endpoint: Endpoint) -> &'static str {
    match endpoint.node() {
        Node::Engage => "OPENCAST_ENGAGE_URL",
        Node::Admin => "OPENCAST_ADMIN_URL",
    }
}

fn slow(said: &str, headers: &HeaderMap, now: Timestamp) -> Failure {
    let named = headers.get(RETRY_AFTER).and_then(|text| text.to_str().ok()).map(str::trim);
    let wait = named.and_then(|text| {
        let date = || {
            let until = Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()?;
            Duration::try_from(until.duration_since(now)).ok()
        };
        text.parse().map(Duration::from_secs).ok().or_else(date)
    });
    let wait = SignedDuration::try_from(wait.unwrap_or(SLOW).min(SLOWEST)).unwrap_or_default();
    Failure::hold(now.checked_add(wait).ok(), format!("{said}: the server asks to be let alone"))
}
