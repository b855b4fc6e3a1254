//! Interprets an answer for the request as a whole.

use bytes::Bytes;
use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fault::{Fault, FaultContext, Meaning};
use crate::StoreError;

/// An answer of any status.
#[derive(Debug)]
pub(super) struct StoreResponse {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// The hosts, for errors.
    pub(super) name: String,
    /// Host of a redirect.
    pub(super) target: Option<String>,
}

#[derive(Deserialize)]
struct Failed {
    error: Fault,
}

impl StoreResponse {
    /// Returns the answer if its status is a success.
    pub(super) fn accepted(self) -> Result<Self, StoreError> {
        let Self { status, name, .. } = &self;
        match status.as_u16() {
            200..=299 => Ok(self),
            300..=399 => {
                let target = self.target.as_deref().unwrap_or("another place");
                Err(StoreError::Refused(format!(
                    "{name} redirects to {target} ({status}), and nothing is sent there; \
                     set ES_HOST to where the search engine itself answers"
                )))
            }
            _ => Err(self.fault().map_or_else(|| self.faceless(), |fault| self.judged(&fault))),
        }
    }

    /// Returns the answer, unless it is a 404 of a proxy or load balancer: that says nothing about what exists.
    ///
    /// # Errors
    /// When a proxy or load balancer has answered 404.
    pub(super) fn of_search_engine(self) -> Result<Self, StoreError> {
        let is_object = self.body.is_empty() || self.body.trim_ascii_start().starts_with(b"{");
        if self.status == StatusCode::NOT_FOUND && !is_object { Err(self.faceless()) } else { Ok(self) }
    }

    /// Like [`StoreResponse::accepted`], for a request without documents, whose error may show the server's own text.
    pub(super) fn accepted_aloud(self) -> Result<Self, StoreError> {
        match self.fault() {
            Some(fault) if self.status == StatusCode::BAD_REQUEST => Err(StoreError::Misconfigured(format!(
                "{} refuses the request: {}",
                self.name,
                fault.aloud()
            ))),
            _ => self.accepted(),
        }
    }

    /// Checks `acknowledged` in the answer to an administrative request.
    pub(super) fn acknowledged(&self) -> Result<(), StoreError> {
        #[derive(Deserialize)]
        struct Acknowledged {
            #[serde(default)]
            acknowledged: bool,
        }
        let Acknowledged { acknowledged } = self.json()?;
        let unconfirmed = || {
            StoreError::Away(format!("{} did not confirm the change in time; repeat the command", self.name))
        };
        acknowledged.then_some(()).ok_or_else(unconfirmed)
    }

    /// Parses the body as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_slice(&self.body).map_err(|error| self.unreadable(&error))
    }

    /// Error for an unexpected body: from a proxy, or cut short.
    pub(super) fn unreadable(&self, error: &serde_json::Error) -> StoreError {
        let Self { status, name, body, .. } = self;
        let what = if body.starts_with(b"<") { "a page for people" } else { "something unreadable" };
        StoreError::Away(format!(
            "{name} answers {status} with {what} ({:?}, byte {}); is a proxy in between?",
            error.classify(),
            error.column()
        ))
    }

    /// Returns the error object, if there is one.
    pub(super) fn fault(&self) -> Option<Fault> {
        serde_json::from_slice(&self.body).ok().map(|failed: Failed| failed.error)
    }

    /// Type of the error and the safe part of its text.
    pub(super) fn reason(&self) -> String {
        self.fault().map_or_else(|| "it does not say why".to_owned(), |fault| fault.shown(None))
    }

    fn judged(&self, fault: &Fault) -> StoreError {
        let Self { status, name, .. } = self;
        let (meaning, words) = fault.judge(status.as_u16(), FaultContext { kind: None, index: None });
        let text = format!("{name}: {words}");
        match meaning {
            Meaning::Busy if status.as_u16() == 429 && !fault.is_block() => StoreError::Busy(text),
            Meaning::Busy | Meaning::Failed => StoreError::Away(text),
            Meaning::Denied if matches!(status.as_u16(), 401 | 403) => StoreError::Denied(text),
            Meaning::Denied => StoreError::Refused(text),
            Meaning::Refused => {
                StoreError::Refused(format!("{name} refuses the request ({status} {})", fault.shown(None)))
            }
        }
    }

    /// Error for an answer without a search engine's error object.
    fn faceless(&self) -> StoreError {
        let Self { status, name, body, .. } = self;
        let what = if body.starts_with(b"<") { "a page for people" } else { "no error of a search engine" };
        let text = format!("{name} answers {status} with {what}");
        match status.as_u16() {
            429 => StoreError::Busy(format!("{text}; it takes no more requests for now")),
            408 | 500..=599 => StoreError::Away(format!("{text}; is a proxy or load balancer in between?")),
            401 | 403 => StoreError::Denied(format!(
                "{text}; is a proxy or load balancer in between, and are ES_USER and ES_PASSWORD, or ES_API_KEY, right?"
            )),
            _ => StoreError::Refused(format!(
                "{text}; is a proxy or load balancer in between, and is ES_HOST the search engine's own address?"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> StoreResponse {
        let status = StatusCode::from_u16(status).unwrap();
        let name = "http://h:1/".to_owned();
        StoreResponse { status, body: Bytes::from_static(body.as_bytes()), name, target: None }
    }

    #[test]
    fn every_status_means_something() {
        let means = |status, body| answer(status, body).accepted().unwrap_err();
        assert!(answer(201, "").accepted().is_ok());
        assert!(matches!(means(429, ""), StoreError::Busy(_)));
        for status in [408, 500, 502, 503, 504] {
            assert!(matches!(means(status, "<html>"), StoreError::Away(_)), "{status}");
        }
        for status in [301, 400, 404, 405] {
            assert!(matches!(means(status, "{}"), StoreError::Refused(_)), "{status}");
        }
        for status in [401, 403] {
            assert!(matches!(means(status, "{}"), StoreError::Denied(_)), "{status}");
        }
        let error =
            means(403, r#"{"error":{"type":"security_exception","reason":"no\npermissions"},"status":403}"#);
        assert!(error.to_string().contains("security_exception"), "{error}");
        let blocked = r#"{"error":{"type":"cluster_block_exception","reason":"blocked by: [FORBIDDEN/13/cluster read-only / allow delete (api)];"},"status":403}"#;
        let error = means(403, blocked);
        assert!(matches!(&error, StoreError::Away(text) if text.contains("disk")), "{error}");
    }

    #[test]
    fn a_404_of_a_load_balancer_does_not_say_that_something_is_missing() {
        for body in ["<html>", "404 page not found"] {
            let error = answer(404, body).of_search_engine().unwrap_err();
            assert!(matches!(&error, StoreError::Refused(text) if text.contains("load balancer")), "{error}");
        }
        for (status, body) in [(404, r#"{"found":false}"#), (404, ""), (200, "<html>"), (401, "<html>")] {
            assert!(answer(status, body).of_search_engine().is_ok(), "{status} {body}");
        }
    }

    #[test]
    fn a_change_that_is_not_acknowledged_is_not_done() {
        assert_eq!(answer(200, r#"{"acknowledged":true}"#).acknowledged(), Ok(()));
        for body in [r#"{"acknowledged":false}"#, "{}", "<html>"] {
            assert!(matches!(answer(200, body).acknowledged(), Err(StoreError::Away(_))), "{body}");
        }
    }
}
