//! What an answer means, and what a missing one means: for the request as a whole.

use ::elasticsearch::http::StatusCode;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::StoreError;

/// An answer that came, whatever it says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// Who answered.
    pub(super) name: String,
}

/// The error object of an answer or of an item of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fault {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) reason: Option<String>,
}

#[derive(Deserialize)]
struct Failed {
    error: Fault,
}

impl Answer {
    /// The answer, if it is one of success.
    pub(super) fn accepted(self) -> Result<Self, StoreError> {
        let (status, name) = (self.status, &self.name);
        match status.as_u16() {
            200..=299 => Ok(self),
            401 => Err(StoreError::Refused(format!(
                "{name} does not accept the credentials (401); look at ES_USER and ES_PASSWORD, or ES_API_KEY"
            ))),
            // Nobody lacks a right: the server takes nothing from anybody for a while, as it does with a full disk.
            403 if self.reason().starts_with("cluster_block_exception") => {
                Err(StoreError::Away(format!("{name} takes no writes (403): {}", self.reason())))
            }
            403 => Err(StoreError::Refused(format!(
                "{name} forbids this (403): {}; give the user the right to write and to manage the indices",
                self.reason()
            ))),
            429 => Err(StoreError::Busy),
            408 | 500..=599 => Err(StoreError::Away(format!("{name} answers {status}: {}", self.reason()))),
            300..=399 => Err(StoreError::Refused(format!(
                "{name} sends elsewhere ({status}); set ES_HOST to where the search engine itself answers"
            ))),
            _ => {
                Err(StoreError::Refused(format!("{name} refuses the request ({status}): {}", self.reason())))
            }
        }
    }

    /// The body as JSON of the expected shape.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_slice(&self.body).map_err(|error| self.unreadable(&error))
    }

    /// The body is not what was expected: something stands between here and the search engine, or it broke off.
    pub(super) fn unreadable(&self, error: &serde_json::Error) -> StoreError {
        let Self { status, name, body } = self;
        let what = if body.starts_with(b"<") { "a page for people" } else { "something unreadable" };
        StoreError::Away(format!(
            "{name} answers {status} with {what} ({:?}, byte {}); is a proxy in between?",
            error.classify(),
            error.column()
        ))
    }

    /// The server's own words, if it has any.
    pub(super) fn reason(&self) -> String {
        let failed: Option<Failed> = serde_json::from_slice(&self.body).ok();
        failed.map_or_else(|| "it does not say why".to_owned(), |failed| failed.error.in_one_line())
    }
}

impl Fault {
    /// Type and reason in one line, without the values of a document.
    pub(super) fn in_one_line(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or_default();
        let end = ["Preview of field's value", "The prefix of the first immense term", "original message"]
            .iter()
            .filter_map(|marker| reason.find(marker))
            .min()
            .unwrap_or(reason.len());
        let words = reason[..end].split_whitespace().collect::<Vec<_>>().join(" ");
        let words = words.trim_end_matches([' ', '.', ',', ':']);
        let text = if words.is_empty() { self.kind.clone() } else { format!("{}: {words}", self.kind) };
        text.chars().take(500).collect()
    }
}

/// No answer came.
pub(super) fn away(name: &str, error: &::elasticsearch::Error) -> StoreError {
    // The client's text repeats the whole URL; the innermost cause says what happened.
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let why = if error.is_timeout() { "no answer in time".to_owned() } else { cause.to_string() };
    StoreError::Away(format!("{name} cannot be reached: {why}; is it running, and is ES_HOST right?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, body: Bytes::from_static(body.as_bytes()), name: "http://h:1/".to_owned() }
    }

    #[test]
    fn every_status_means_something() {
        let means = |status, body| answer(status, body).accepted().unwrap_err();
        assert!(answer(201, "").accepted().is_ok());
        assert_eq!(means(429, ""), StoreError::Busy);
        for status in [408, 500, 502, 503, 504] {
            assert!(matches!(means(status, "<html>"), StoreError::Away(_)), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 405] {
            assert!(matches!(means(status, "{}"), StoreError::Refused(_)), "{status}");
        }
        let error =
            means(403, r#"{"error":{"type":"security_exception","reason":"no\npermissions"},"status":403}"#);
        assert!(error.to_string().contains("security_exception: no permissions"), "{error}");
        let blocked = r#"{"error":{"type":"cluster_block_exception","reason":"blocked by: [FORBIDDEN/13/cluster read-only / allow delete (api)];"},"status":403}"#;
        assert!(
            matches!(means(403, blocked), StoreError::Away(_)),
            "a cluster that is read-only for a while"
        );
    }

    #[test]
    fn a_reason_shows_no_value_of_the_document() {
        for reason in [
            "failed to parse field [duration] of type [integer] in document with id 'a'. Preview of field's value: 'canary'",
            "Document contains at least one immense term in field=\"x\", The prefix of the first immense term is: '[canary]...'",
        ] {
            let fault = Fault { kind: "mapper_parsing_exception".into(), reason: Some(reason.into()) };
            let line = fault.in_one_line();
            assert!(line.starts_with("mapper_parsing_exception: ") && !line.contains("canary"), "{line}");
        }
    }
}
