//! The error atlas: classifies an answer of Opencast, as a pure function of status, headers and body. The body is
//! inspected only to distinguish a web page from data; messages never quote it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use messages::CauseClass;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use runtime::Failure;
use runtime::body::target_host;

use crate::endpoint::{Endpoint, Node};

#[cfg(test)]
mod tests;

/// Wait after a 429 without `Retry-After`, and the longest accepted wait.
const SLOW: Duration = Duration::from_secs(30);
const SLOWEST: Duration = Duration::from_secs(3_600);

/// Bytes of a body that are inspected.
const PAGE_HEAD: usize = 64 << 10;

/// Reason of a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Reason {
    /// The endpoint or the object does not exist.
    Absent,
    /// The API refuses a parameter.
    Parameter,
    /// The user has no permission, or the answer is a redirect.
    Closed,
    /// The API refuses the credentials.
    Unauthorised,
    /// A web page that is not the login page, often a proxy's page for an unknown path.
    Page,
    /// The server, or a proxy before it, fails.
    Trouble,
    /// Any other reason.
    #[default]
    Other,
}

/// A failed call.
pub(crate) type OpencastError = runtime::CallError<Reason>;

/// Meaning of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Success, judged without parsing the data.
    Fine,
    /// Authentication is required: sign the request, or sign it again.
    Unauthorised,
    /// An error.
    Refused(OpencastError),
}

/// An answer, and its node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered<'a> {
    pub(crate) node: &'a str,
    pub(crate) status: u16,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// Classifies an answer.
pub(crate) fn classify(answered: Answered<'_>, endpoint: Endpoint, now: Timestamp) -> Verdict {
    let Answered { status, headers, body, .. } = answered;
    let said = format!("{} answered {status}", endpoint.name());
    let error = match status {
        200..=299 => match unusable(answered, &said, endpoint) {
            Some(error) => error,
            None => return Verdict::Fine,
        },
        300..=399 => redirected(answered, &said, endpoint),
        // The parameters are the same for every date, so a 400 is not about them.
        400 if endpoint == Endpoint::Actions => OpencastError::retry(
            Reason::Parameter,
            CauseClass::BadShape,
            format!("{said}: the server, or a proxy before it, does not take the request"),
        ),
        400 => OpencastError::reject(
            Reason::Parameter,
            CauseClass::BadShape,
            format!("{said}: a parameter is refused"),
        ),
        401 => return Verdict::Unauthorised,
        403 => OpencastError::refused(
            Reason::Closed,
            format!(
                "{said}: the user has not the right (ROLE_ADMIN, or the node's own role), or a firewall before the server refuses the call"
            ),
        ),
        // A starting node answers either for missing endpoints.
        404 | 405 => absent(&said, endpoint),
        408 => OpencastError::retry(
            Reason::Trouble,
            CauseClass::AttemptsSpent,
            format!("{said}: it took too long"),
        ),
        413 | 414 => OpencastError::reject(
            Reason::Other,
            CauseClass::TooLarge,
            format!("{said}: the request is too large"),
        ),
        429 => slow(&said, headers, now).into(),
        500.. if is_page(headers, body) => OpencastError::retry(
            Reason::Trouble,
            CauseClass::HtmlBlocked,
            format!("{said} with a page for people: the server, or a proxy before it, is in trouble"),
        ),
        500.. => OpencastError::retry(
            Reason::Trouble,
            CauseClass::AttemptsSpent,
            format!("{said}: the server is in trouble"),
        ),
        _ => OpencastError::retry(
            Reason::Other,
            CauseClass::BadShape,
            format!("{said}: Opencast gives no such answer, a proxy before it may"),
        ),
    };
    Verdict::Refused(error)
}

/// Returns the error of a success whose body is obviously no data.
fn unusable(answered: Answered<'_>, said: &str, endpoint: Endpoint) -> Option<OpencastError> {
    let Answered { headers, body, .. } = answered;
    let shape =
        |text| Some(OpencastError::retry(Reason::Other, CauseClass::BadShape, format!("{said} {text}")));
    if body.trim_ascii().is_empty() {
        return shape("with an empty body");
    }
    if is_xml(headers, body) {
        return shape("with XML where JSON was asked for: a proxy may drop the header Accept");
    }
    if !is_page(headers, body) {
        return None;
    }
    let (reason, cause) = match is_login(body) {
        true => (
            Reason::Closed,
            "with a login page: the sign-in is refused, check OPENCAST_USER, OPENCAST_PASSWORD and OPENCAST_AUTH"
                .to_owned(),
        ),
        false => (
            Reason::Page,
            format!(
                "with a page for people: a proxy answers in place of Opencast (maintenance, or a path that it does not pass on), or the sign-in is refused; check {}, OPENCAST_USER and OPENCAST_PASSWORD",
                variable(endpoint)
            ),
        ),
    };
    Some(OpencastError::refused(reason, format!("{said} {cause}")))
}

/// True if the answer is a web page.
fn is_page(headers: &HeaderMap, body: &[u8]) -> bool {
    content_type(headers).starts_with("text/html") || body.trim_ascii_start().starts_with(b"<")
}

fn is_xml(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = content_type(headers);
    let is_html = kind.contains("html") || contains(body, b"<html") || contains(body, b"<!doctype html");
    !is_html && (kind.contains("xml") || body.trim_ascii_start().starts_with(b"<?xml"))
}

/// True for a page with a password form.
fn is_login(body: &[u8]) -> bool {
    let marks: [&[u8]; 4] =
        [b"j_spring_security_check", b"type=\"password\"", b"type='password'", b"type=password"];
    marks.into_iter().any(|mark| contains(body, mark))
}

/// Searches the start of a body, ignoring case.
fn contains(body: &[u8], part: &[u8]) -> bool {
    let head = body.get(..PAGE_HEAD).unwrap_or(body);
    head.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

fn content_type(headers: &HeaderMap) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase()
}

/// Describes a redirect, which is not followed because it would send the password along.
fn redirected(answered: Answered<'_>, said: &str, endpoint: Endpoint) -> OpencastError {
    let to = answered.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    let host = answered.node.parse().ok().and_then(|asked| target_host(&asked, to));
    let signs_in = is_sign_in(to);
    let cause = match host {
        Some(host) if signs_in => format!(
            "{said} and leads to {host}, which looks like an identity provider (single sign-on): ua signs in with OPENCAST_USER and OPENCAST_PASSWORD alone; exempt these paths from the single sign-on"
        ),
        Some(host) => {
            format!(
                "{said} and leads to {host}: set {} to the address that answers itself",
                variable(endpoint)
            )
        }
        None if signs_in => format!(
            "{said} and leads to the login page: the sign-in is refused, or the node is starting; check OPENCAST_USER, OPENCAST_PASSWORD and OPENCAST_AUTH"
        ),
        None => format!("{said} and leads to another path of the same host: check {}", variable(endpoint)),
    };
    OpencastError::refused(Reason::Closed, cause)
}

/// True for an address whose path or host contains a word of sign-in pages.
fn is_sign_in(address: &str) -> bool {
    let address = address.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let mut words = address.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| SIGN_IN.contains(&word) || word.contains("login") || word.contains("shibboleth"))
}

/// Words in the addresses of login pages and identity providers.
const SIGN_IN: [&str; 14] = [
    "adfs", "auth", "authn", "cas", "idp", "keycloak", "oauth", "oauth2", "oidc", "openid", "saml", "saml2",
    "signin", "sso",
];

fn absent(said: &str, endpoint: Endpoint) -> OpencastError {
    match endpoint {
        Endpoint::Actions => OpencastError::reject(Reason::Absent, CauseClass::PlanMissing, NO_TRACKING),
        Endpoint::EpisodeWorkflows | Endpoint::Workflows => OpencastError::reject(
            Reason::Absent,
            CauseClass::Gone,
            format!("{said}: there are no workflows there, check {}", variable(endpoint)),
        ),
        _ => OpencastError::refused(
            Reason::Absent,
            format!(
                "{said}: the endpoint is not there; the node may be starting, or {} is not the node that players use",
                variable(endpoint)
            ),
        ),
    }
}

/// Message about a server without user tracking.
pub(crate) const NO_TRACKING: &str = "the server has no /usertracking: opencast-plugin-usertracking is off, which is the \
    default since Opencast 13; actions of the time before it is switched on do not exist";

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
