//! Checks that a request names this server, against DNS rebinding: a page on another site can make its own name resolve
//! to this machine, and its requests then carry that name. IP addresses are always admitted, because they cannot be
//! rebound and probes and Prometheus use them.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Names of a server, in addition to IP addresses, `localhost` and this machine's host name.
#[derive(Debug, Clone, Default)]
pub struct Names(Vec<String>);

/// Why a request is not for this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misdirected {
    /// The request has no Host header, several, or one that contradicts its URI.
    Unclear,
    /// The request names another server.
    Elsewhere,
}

impl Misdirected {
    /// Returns the status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Unclear => StatusCode::BAD_REQUEST,
            Self::Elsewhere => StatusCode::MISDIRECTED_REQUEST,
        }
    }
}

impl Names {
    /// Adds `names` to the host name of this machine.
    pub fn new(names: Vec<String>) -> Self {
        let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let own = own.trim();
        let own = (!own.is_empty()).then(|| own.to_owned());
        Self(names.into_iter().chain(own).collect())
    }

    /// Checks that a request with this URI and these headers is for this server.
    ///
    /// # Errors
    /// Returns the reason if it is not.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Misdirected> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(Misdirected::Unclear) };
        let host = host.to_str().map_err(|_| Misdirected::Unclear)?;
        if let Some(authority) = uri.authority() {
            if !self.knows(authority.as_str()) {
                return Err(Misdirected::Elsewhere);
            }
            if !is_the_same(authority, host) {
                return Err(Misdirected::Unclear);
            }
        }
        if self.knows(host) { Ok(()) } else { Err(Misdirected::Elsewhere) }
    }

    fn knows(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        name.eq_ignore_ascii_case("localhost")
            || bare.parse::<IpAddr>().is_ok()
            || self.0.iter().any(|known| name.eq_ignore_ascii_case(known))
    }
}

fn is_the_same(authority: &Authority, host: &str) -> bool {
    authority.as_str().eq_ignore_ascii_case(host)
}

/// Middleware that admits only GET and HEAD requests without a body that name this server.
pub async fn admit(State(names): State<Arc<Names>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match refusal(&names, &parts) {
        Some((status, why)) => (status, format!("{why}\n")).into_response(),
        None => next.run(Request::from_parts(parts, body)).await,
    }
}

fn refusal(names: &Names, parts: &Parts) -> Option<(StatusCode, &'static str)> {
    if let Err(misdirected) = names.check(&parts.uri, &parts.headers) {
        let why = match misdirected {
            Misdirected::Unclear => "a request needs one Host header, which agrees with its address",
            Misdirected::Elsewhere => {
                "this server is not known by that name: use its IP address, localhost, or a name it was started with"
            }
        };
        return Some((misdirected.status(), why));
    }
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Some((StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only"));
    }
    has_body(&parts.headers).then_some((StatusCode::PAYLOAD_TOO_LARGE, "a request has no body here"))
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(uri: &str, hosts: &[&str]) -> Result<(), Misdirected> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        Names::new(vec!["ua.example.org".to_owned()]).check(&uri.parse().unwrap(), &headers)
    }

    #[test]
    fn addresses_and_own_names_are_admitted_and_foreign_names_are_not() {
        for host in [
            "localhost",
            "LocalHost:9465",
            "127.0.0.1:9465",
            "[::1]:9465",
            "[::1]",
            "10.42.0.17:9464",
            "UA.example.org",
            "ua.example.org:80",
        ] {
            assert_eq!(check("/", &[host]), Ok(()), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:9465",
            "127.0.0.1.evil.example",
            "a:b:c",
            "localhost:80@evil.example",
            "ua.example.org.",
            "localhost, evil.example",
        ] {
            assert_eq!(check("/", &[host]), Err(Misdirected::Elsewhere), "{host}");
        }
    }

    #[test]
    fn one_host_is_needed_and_the_address_agrees_with_it() {
        assert_eq!(check("/", &[]), Err(Misdirected::Unclear));
        assert_eq!(check("/", &["localhost", "localhost"]), Err(Misdirected::Unclear));
        assert_eq!(check("/", &["localhost", "evil.example"]), Err(Misdirected::Unclear));
        assert_eq!(check("/", &["\u{fc}"]), Err(Misdirected::Unclear));
        assert_eq!(check("http://localhost:1/metrics", &["localhost:1"]), Ok(()));
        assert_eq!(check("http://evil.example/metrics", &["localhost"]), Err(Misdirected::Elsewhere));
        assert_eq!(check("http://a@localhost/metrics", &["localhost"]), Err(Misdirected::Elsewhere));
        assert_eq!(check("http://127.0.0.1/metrics", &["localhost"]), Err(Misdirected::Unclear));
        assert_eq!(check("evil.example:443", &["localhost"]), Err(Misdirected::Elsewhere));
    }
}
