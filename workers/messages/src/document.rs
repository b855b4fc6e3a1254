//! Messages from fetch workers to the index role: API answers as received, and receipts.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::codec::Version;
use crate::{JobId, Receipt, RunId};

/// A message of the queue `ua.documents`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Document<'a> {
    /// One API answer.
    #[serde(borrow)]
    Raw(RawDocument<'a>),
    /// Receipts of one or more jobs.
    Receipts(Vec<Receipt>),
}

/// Type of answer in a raw document. It selects the indexer's map function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RawKind {
    /// A page of `GET /metrics/meetings`.
    #[serde(rename = "zoom.metrics.meetings")]
    ZoomMetricsMeetings,
    /// The answer of `GET /metrics/meetings/{uuid}`.
    #[serde(rename = "zoom.metrics.meeting")]
    ZoomMetricsMeeting,
    /// A page of `GET /metrics/meetings/{uuid}/participants`.
    #[serde(rename = "zoom.metrics.participants")]
    ZoomMetricsParticipants,
    /// A page of `GET /metrics/webinars`.
    #[serde(rename = "zoom.metrics.webinars")]
    ZoomMetricsWebinars,
    /// A page of `GET /metrics/webinars/{uuid}/participants`.
    #[serde(rename = "zoom.metrics.webinar_participants")]
    ZoomMetricsWebinarParticipants,
    /// A page of `GET /report/users/{id}/meetings`.
    #[serde(rename = "zoom.report.meetings")]
    ZoomReportMeetings,
    /// The answer of `GET /report/meetings/{uuid}`.
    #[serde(rename = "zoom.report.meeting")]
    ZoomReportMeeting,
    /// A page of `GET /report/meetings/{uuid}/participants`.
    #[serde(rename = "zoom.report.participants")]
    ZoomReportParticipants,
    /// A page of `GET /report/webinars/{uuid}/participants`.
    #[serde(rename = "zoom.report.webinar_participants")]
    ZoomReportWebinarParticipants,
    /// A page of `GET /usertracking/actions.json`, in either dialect.
    #[serde(rename = "opencast.actions")]
    OpencastActions,
    /// One result of `GET /search/episode.json`, in the form of either Opencast generation.
    #[serde(rename = "opencast.episode")]
    OpencastEpisode,
}

/// One API answer, exactly as received, with its provenance.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawDocument<'a> {
    version: Version,
    /// Deterministic: job id and page, for example `zoom:meetings:2026-01-02#past.1`.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// The job that fetched the answer.
    pub job_id: JobId,
    /// The run the job belongs to.
    pub run: RunId,
    /// The type of `body`.
    pub kind: RawKind,
    /// The method and path of the call, without host and query, for example `GET /metrics/meetings`.
    #[serde(borrow)]
    pub endpoint: Cow<'a, str>,
    /// When the answer was received. It becomes the external version of every document mapped from the answer.
    pub fetched_at: Timestamp,
    /// The UTC date the job asked for, if any.
    pub date: Option<Date>,
    /// Values the mapping needs and the answer does not contain. `kind` determines the type.
    #[serde(borrow)]
    pub context: &'a RawValue,
    /// The answer as JSON, for the mapping.
    #[serde(borrow)]
    pub body: &'a RawValue,
    /// The answer as received, if `body` differs from it; see [`RawDocument::answer`].
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    received: Option<Received<'a>>,
}

/// Difference between the received bytes and `body`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Received<'a> {
    /// White space before and after the JSON.
    Spaced(#[serde(borrow)] Cow<'a, str>, #[serde(borrow)] Cow<'a, str>),
    /// All bytes, as base64: they are not JSON or not UTF-8.
    Base64(#[serde(borrow)] Cow<'a, str>),
}

impl<'a> RawDocument<'a> {
    /// Creates a raw document with this program's message version.
    #[expect(clippy::too_many_arguments, reason = "a constructor of a wire record; every field is required")]
    pub fn new(
        id: impl Into<Cow<'a, str>>,
        job_id: JobId,
        run: RunId,
        kind: RawKind,
        endpoint: impl Into<Cow<'a, str>>,
        fetched_at: Timestamp,
        date: Option<Date>,
        context: &'a RawValue,
        body: &'a RawValue,
    ) -> Self {
        let (id, endpoint) = (id.into(), endpoint.into());
        let received = None;
        Self { version: Version, id, job_id, run, kind, endpoint, fetched_at, date, context, body, received }
    }

    /// Adds the received bytes if they differ from `body`. Mappings never read them; the raw archive stores them.
    #[must_use]
    pub fn with_received(mut self, bytes: &'a [u8]) -> Self {
        self.received = (bytes != self.body.get().as_bytes()).then(|| Received::of(bytes, self.body.get()));
        self
    }

    /// Returns the answer, byte for byte as received.
    ///
    /// # Errors
    /// Returns an error if the message was altered and its bytes are no longer valid base64.
    pub fn answer(&self) -> Result<Cow<'_, [u8]>, base64::DecodeError> {
        use base64::Engine as _;
        let body = self.body.get();
        Ok(match &self.received {
            None => Cow::Borrowed(body.as_bytes()),
            Some(Received::Spaced(before, after)) => Cow::Owned([before, body, after].concat().into_bytes()),
            Some(Received::Base64(bytes)) => {
                Cow::Owned(base64::engine::general_purpose::STANDARD.decode(bytes.as_ref())?)
            }
        })
    }
}

impl<'a> Received<'a> {
    fn of(bytes: &'a [u8], body: &str) -> Self {
        use base64::Engine as _;
        let around = str::from_utf8(bytes).ok().and_then(|text| {
            let trimmed = text.trim_ascii_start();
            let (before, after) = (&text[..text.len() - trimmed.len()], trimmed.strip_prefix(body)?);
            after.trim_ascii().is_empty().then_some((before, after))
        });
        match around {
            Some((before, after)) => Self::Spaced(before.into(), after.into()),
            None => Self::Base64(base64::engine::general_purpose::STANDARD.encode(bytes).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DecodeError, decode, encode};

    #[test]
    fn the_body_survives_byte_for_byte() {
        let body: &RawValue = serde_json::from_str(r#"{ "a" : 1.0,  "b":"\u00e4" }"#).unwrap();
        let context: &RawValue = serde_json::from_str("{}").unwrap();
        let raw = RawDocument::new(
            "j#1",
            "j".into(),
            "r".into(),
            RawKind::ZoomMetricsMeetings,
            "GET /metrics/meetings",
            Timestamp::UNIX_EPOCH,
            None,
            context,
            body,
        );
        let bytes = encode(&Document::Raw(raw)).unwrap();
        let Document::Raw(read) = decode(&bytes).unwrap() else { panic!("a raw document was written") };
        assert_eq!(read.body.get(), body.get());
        assert!(matches!(read.id, Cow::Borrowed("j#1")));
    }

    #[test]
    fn the_answer_is_kept_as_received_whatever_its_bytes() {
        let context: &RawValue = serde_json::from_str("{}").unwrap();
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        let cases: [(&[u8], &str, usize); 5] = [
            (br#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#, 0),
            (deep.as_bytes(), &deep, 0),
            (b"\r\n {\"a\":1}\n", r#"{"a":1}"#, 40),
            (b"{\"a\":\"\xe4\"}", "{\"a\":\"\u{fffd}\"}", 50),
            (b"\xef\xbb\xbf{}", "{}", 50),
        ];
        for (bytes, body, more) in cases {
            let body = RawValue::from_string(body.to_owned()).unwrap();
            let (kind, at) = (RawKind::ZoomMetricsMeetings, Timestamp::UNIX_EPOCH);
            let make =
                || RawDocument::new("j#1", "j".into(), "r".into(), kind, "GET", at, None, context, &body);
            let plain = encode(&Document::Raw(make())).unwrap();
            let message = encode(&Document::Raw(make().with_received(bytes))).unwrap();
            assert!(message.len() - plain.len() <= more, "{more}: {}", String::from_utf8_lossy(&message));
            let Document::Raw(read) = decode(&message).unwrap() else { panic!("a raw document was written") };
            assert_eq!(read.answer().unwrap().as_ref(), bytes);
            assert_eq!(read.body.get(), body.get());
        }
    }

    #[test]
    fn another_version_is_named() {
        let error = decode::<Document<'_>>(br#"{"raw":{"version":9,"new":true}}"#).unwrap_err();
        assert!(matches!(error, DecodeError::UnknownVersion { found: 9 }), "{error}");
        let error = decode::<Document<'_>>(br#"{"raw":{"version":1,"#).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed { .. }), "{error}");
    }
}
