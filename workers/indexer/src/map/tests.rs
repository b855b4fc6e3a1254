mod arbitrary;
mod odd;

use std::str::FromStr;

use jiff::Timestamp;
use messages::{RawDocument, RawKind};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use store::{Batch, Split};

use super::opencast::tests::{ACTIONS, EPISODE};
use super::{Target, Unusable, encode_page, single_row};
use crate::enrich::Enricher;
use crate::enrich::mmdb::{city, database};

pub(crate) const HOSTS: &str =
    r#"{"host_ids":{"ada.example@example.edu":"AdaHostId"},"host_id":null,"listing":"past"}"#;
pub(crate) const MEETING: &str = r#"{"meeting_uuid":"4444AAAiAAAAAiAiAiiAiA==","series_id":93201235621,"topic":"Linear Algebra","start_time":"2026-01-05T09:00:12Z","end_time":null,"host_id":"AdaHostId"}"#;

pub(super) fn raw<'a>(kind: RawKind, endpoint: &'a str, context: &'a str, body: &'a str) -> RawDocument<'a> {
    RawDocument::new(
        "job#1",
        "job".into(),
        "run".into(),
        kind,
        endpoint,
        Timestamp::from_str("2026-01-06T02:00:00Z").unwrap(),
        Some("2026-01-05".parse().unwrap()),
        serde_json::from_str::<&RawValue>(context).unwrap(),
        serde_json::from_str::<&RawValue>(body).unwrap(),
    )
}

pub(super) fn map(raw: &RawDocument<'_>) -> Result<(Vec<Value>, Vec<Unusable>), messages::Cause> {
    map_with(raw, &Enricher::default())
}

pub(super) fn map_with(
    raw: &RawDocument<'_>,
    enricher: &Enricher,
) -> Result<(Vec<Value>, Vec<Unusable>), messages::Cause> {
    let mut batch = Batch::new();
    let target = Target { prefix: "", split: Split::Month, ua_version: "0.1.0", enricher };
    let encoded = encode_page(raw, &target, &mut batch)?;
    assert_eq!(encoded.items, 0..batch.len());
    let documents = batch.items().map(|item| {
        let source: Value = serde_json::from_slice(item.source).unwrap();
        item.kind.check(item.source).unwrap();
        json!({"_index": item.index, "_id": item.id, "_version": item.version, "_source": source})
    });
    Ok((documents.collect(), encoded.unusable))
}

/// Returns the documents of a fixture, and the causes of its unusable rows.
pub(super) fn mapped(kind: RawKind, endpoint: &str, context: &str, body: &str) -> Value {
    let (documents, unusable) = map(&raw(kind, endpoint, context, body)).unwrap();
    let unusable: Vec<_> = unusable.iter().map(|row| row.cause.to_string()).collect();
    json!({"documents": documents, "unusable": unusable})
}

#[test]
fn a_page_of_dashboard_meetings() {
    let body = include_str!("../fixtures/metrics_meetings.json");
    insta::assert_json_snapshot!(mapped(RawKind::ZoomMetricsMeetings, "GET /metrics/meetings", HOSTS, body));
}

#[test]
fn a_page_of_dashboard_participants() {
    let body = include_str!("../fixtures/metrics_participants.json");
    let endpoint = "GET /metrics/meetings/{uuid}/participants";
    insta::assert_json_snapshot!(mapped(RawKind::ZoomMetricsParticipants, endpoint, MEETING, body));
}

#[test]
fn a_page_of_dashboard_webinars() {
    let body = include_str!("../fixtures/metrics_webinars.json");
    insta::assert_json_snapshot!(mapped(RawKind::ZoomMetricsWebinars, "GET /metrics/webinars", HOSTS, body));
}

#[test]
fn a_header_of_a_dashboard_meeting() {
    let body = include_str!("../fixtures/metrics_meeting.json");
    insta::assert_json_snapshot!(mapped(
        RawKind::ZoomMetricsMeeting,
        "GET /metrics/meetings/{uuid}",
        HOSTS,
        body
    ));
}

#[test]
fn a_page_of_reported_meetings() {
    let body = include_str!("../fixtures/report_meetings.json");
    let hosts = r#"{"host_ids":{},"host_id":"AdaHostId","listing":"past"}"#;
    insta::assert_json_snapshot!(mapped(
        RawKind::ZoomReportMeetings,
        "GET /report/users/{id}/meetings",
        hosts,
        body
    ));
}

#[test]
fn a_page_of_reported_participants() {
    let body = include_str!("../fixtures/report_participants.json");
    let endpoint = "GET /report/meetings/{uuid}/participants";
    insta::assert_json_snapshot!(mapped(RawKind::ZoomReportParticipants, endpoint, MEETING, body));
}

#[test]
fn the_header_of_a_webinar_is_told_by_its_endpoint() {
    let body = include_str!("../fixtures/metrics_meeting.json");
    let found = mapped(RawKind::ZoomMetricsMeeting, "GET /metrics/webinars/{uuid}", HOSTS, body);
    assert_eq!(found["documents"][0]["_source"]["event"], "webinar");
}

#[test]
fn nothing_that_names_a_persons_devices_gets_into_a_session() {
    let body = include_str!("../fixtures/metrics_participants.json");
    let found = mapped(RawKind::ZoomMetricsParticipants, "GET x", MEETING, body).to_string();
    for personal in
        ["Array (Example)", "Example speaker", "Example HD", "ADA-PC", "f85e", "Disk01", "4131", "15550100"]
    {
        assert!(!found.contains(personal), "{personal}");
    }
}

#[test]
fn a_session_has_the_place_of_its_address_beside_what_zoom_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("places.mmdb");
    let record = city("London", "England", ("GB", "United Kingdom"), (51.5, -0.1));
    std::fs::write(&path, database("DBIP-City-Lite", [("81.2.69.0/24", record)])).unwrap();
    let enricher = Enricher::with_places(&path).unwrap();
    let body = r#"{"participants":[
        {"user_id":"1","ip_address":"anonymous, 81.2.69.9","location":"San Jose (US)"},
        {"user_id":"2","ip_address":"10.0.0.1"}, {"user_id":"3","ip_address":"none"}]}"#;
    let page = raw(RawKind::ZoomMetricsParticipants, "GET x", MEETING, body);
    let (documents, unusable) = map_with(&page, &enricher).unwrap();
    assert!(unusable.is_empty());
    let of = |row: usize| &documents[row]["_source"];
    assert_eq!(of(0)["geoip"]["city_name"], "London");
    assert_eq!(of(0)["geoip"]["ip"], "81.2.69.9");
    assert_eq!(of(0)["location"], json!({"raw": "San Jose (US)", "city": "San Jose", "country": "US"}));
    assert!(of(1).get("geoip").is_none() && of(2).get("geoip").is_none());
}

#[test]
fn a_session_follows_its_meeting_into_the_index() {
    let kind = RawKind::ZoomMetricsParticipants;
    let body = r#"{"participants":[{"user_id":"1","join_time":"2025-12-31T00:00:01Z"}]}"#;
    let index = |context: &str| mapped(kind, "GET x", context, body)["documents"][0]["_index"].clone();
    let began = MEETING.replace("2026-01-05T09", "2026-03-05T09");
    let mut later = raw(kind, "GET x", &began, body);
    later.date = Some("2026-03-04".parse().unwrap());
    let document = map(&later).unwrap().0.remove(0);
    assert_eq!(document["_index"], "sessions-2026.03");
    assert_eq!(document["_source"].get("time_implausible"), None);
    let far = mapped(kind, "GET x", &began, body)["documents"][0].clone();
    assert_eq!(
        (&far["_index"], &far["_source"]["time_implausible"]),
        (&json!("sessions-2026.01"), &json!(true))
    );
    let unknown = MEETING.replace("\"2026-01-05T09:00:12Z\"", "null");
    assert_eq!(index(&unknown), "sessions-2026.01", "the date of the job");
    let mut dateless = raw(kind, "GET x", &unknown, body);
    dateless.date = None;
    assert_eq!(map(&dateless).unwrap().0[0]["_index"], "sessions-2025.12", "its own start");
    let mut blank = raw(kind, "GET x", &unknown, r#"{"participants":[{"user_id":"1"}]}"#);
    blank.date = None;
    assert_eq!(map(&blank).unwrap().0[0]["_index"], "sessions-2026.01", "the time of the answer");
}

#[test]
fn a_page_that_is_none_is_refused_as_a_whole() {
    let kind = RawKind::ZoomMetricsParticipants;
    for body in ["{}", "[]", "null", r#"{"code":300,"message":"no"}"#, r#"{"participants":3}"#] {
        let cause = map(&raw(kind, "GET x", MEETING, body)).unwrap_err();
        assert!(cause.text.contains("`participants`"), "{cause}");
    }
    let cause = map(&raw(kind, "GET x", HOSTS, r#"{"participants":[]}"#)).unwrap_err();
    assert!(cause.text.contains("context"), "{cause}");
}

#[test]
fn one_row_is_cut_out_of_its_page_with_its_key() {
    let body = include_str!("../fixtures/metrics_participants.json");
    let page = raw(RawKind::ZoomMetricsParticipants, "GET x", MEETING, body);
    let only = single_row(&page, 3).unwrap();
    assert_eq!(only.key, "16780288");
    let alone = mapped(RawKind::ZoomMetricsParticipants, "GET x", MEETING, &only.body);
    assert_eq!(alone["documents"][0]["_id"], "4444AAAiAAAAAiAiAiiAiA==/16780288");
    let nameless = single_row(&page, 2).unwrap();
    let again = raw(RawKind::ZoomMetricsParticipants, "GET x", MEETING, &nameless.body);
    assert!(nameless.key.starts_with("row-"), "{}", nameless.key);
    assert_eq!(
        single_row(&again, 0).unwrap().key,
        nameless.key,
        "the same row keeps its key on its own page"
    );
    assert!(single_row(&page, 5).is_none());
}
