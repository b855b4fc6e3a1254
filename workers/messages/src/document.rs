//! What fetch workers send to the index role: API answers as received, and receipts.

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
    /// What jobs say of themselves; several travel together.
    Receipts(Vec<Receipt>),
}

/// Which answer a raw document holds; it chooses the map function of the indexer.
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
    /// One result of `GET /search/episode.json`, as it stands in the answer of either generation.
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
    /// The job that fetched it.
    pub job_id: JobId,
    /// The run the job belongs to.
    pub run: RunId,
    /// What `body` is.
    pub kind: RawKind,
    /// The call, without host and query, for example `GET /metrics/meetings`.
    #[serde(borrow)]
    pub endpoint: Cow<'a, str>,
    /// When the answer was received: the external version of every document made of it.
    pub fetched_at: Timestamp,
    /// The UTC date the job asked for, where it asked for one.
    pub date: Option<Date>,
    /// What the mapping needs and the answer does not say; its type is fixed by `kind`.
    #[serde(borrow)]
    pub context: &'a RawValue,
    /// The answer, byte for byte.
    #[serde(borrow)]
    pub body: &'a RawValue,
}

impl<'a> RawDocument<'a> {
    /// A raw document of `job` with everything but its version, which is this program's.
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
        Self { version: Version, id, job_id, run, kind, endpoint, fetched_at, date, context, body }
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
    fn another_version_is_named() {
        let error = decode::<Document<'_>>(br#"{"raw":{"version":9,"new":true}}"#).unwrap_err();
        assert!(matches!(error, DecodeError::UnknownVersion { found: 9 }), "{error}");
        let error = decode::<Document<'_>>(br#"{"raw":{"version":1,"#).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed { .. }), "{error}");
    }
}
