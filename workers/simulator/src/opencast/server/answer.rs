//! Answers as values: status, headers and body, and the answers of faults.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{HeaderName, LOCATION, WWW_AUTHENTICATE};
use axum::response::Response;
use serde::Serialize;

use super::super::gate::GateRefusal;
use crate::faults::{BAD_GATEWAY, Fault, HTML_PAGE};
use crate::transport::respond;

const JSON: &str = "application/json";
const HTML: &str = "text/html;charset=utf-8";

/// The answer to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpencastAnswer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    header: Option<(HeaderName, String)>,
}

impl OpencastAnswer {
    pub(super) fn json(body: &impl Serialize) -> Self {
        let mut bytes = Vec::new();
        if let Err(error) = serde_json::to_writer(&mut bytes, body) {
            tracing::error!(%error, "a value of the simulated world could not be serialised");
        }
        Self::json_text(bytes)
    }

    /// An answer with serialised JSON.
    pub(super) fn json_text(body: Vec<u8>) -> Self {
        Self::new(200, JSON, body)
    }

    pub(super) fn of_type(self, content_type: &'static str) -> Self {
        Self { content_type, ..self }
    }

    pub(super) fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type, body: body.into(), header: None }
    }

    /// An error page of the servlet container.
    pub(super) fn error(status: u16, reason: &str) -> Self {
        let body = format!(
            "<html>\n<head><title>Error {status} {reason}</title></head>\n<body><h2>HTTP ERROR {status} {reason}</h2></body>\n</html>\n"
        );
        Self::new(status, HTML, body)
    }

    pub(super) fn bad_request() -> Self {
        Self::error(400, "Bad Request")
    }

    pub(super) fn not_found() -> Self {
        Self::error(404, "Not Found")
    }

    pub(super) fn login_page() -> Self {
        let body = "<!DOCTYPE html>\n<html><head><title>Opencast</title></head><body><form action=\"/j_spring_security_check\" method=\"post\"></form></body></html>\n";
        Self::new(200, HTML, body)
    }

    pub(super) fn refused(refusal: GateRefusal, base: &str) -> Self {
        let (status, header) = match refusal {
            GateRefusal::Challenge(challenge) => (401, (WWW_AUTHENTICATE, challenge)),
            GateRefusal::Login => (302, (LOCATION, format!("{base}/login.html"))),
            GateRefusal::Malformed => return Self::bad_request(),
        };
        let body = if status == 401 { Self::error(status, "Unauthorized").body } else { Vec::new() };
        Self { header: Some(header), ..Self::new(status, HTML, body) }
    }

    /// Answer that a fault puts in place of the service's; `None` if the service answers.
    pub(super) fn instead(fault: Fault) -> Option<Self> {
        match fault {
            Fault::InternalError => Some(Self::error(500, "Server Error")),
            Fault::BadGateway => Some(Self::new(502, HTML, BAD_GATEWAY)),
            Fault::HtmlPage => Some(Self::new(200, HTML, HTML_PAGE)),
            _ => None,
        }
    }

    pub(super) fn deliver(self) -> Response {
        let mut response = respond(self.status, self.content_type, Body::from(self.body));
        if let Some((name, text)) = self.header
            && let Ok(value) = HeaderValue::from_str(&text)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
