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

/// What was left out of the documents of a page.
fn dropped(kind: RawKind, context: &str, body: &str) -> Vec<(&'static str, u64)> {
    let enricher = Enricher::default();
    let (page, mut batch) = (raw(kind, "GET x", context, body), Batch::new());
    let target = Target { prefix: "", split: Split::Month, ua_version: "0.1.0", enricher: &enricher };
    encode_page(&page, &target, &mut batch).unwrap().dropped.iter().collect()
}

/// A row as JSON text with one member added, which may stand in it a second time.
fn with(row: &str, member: &str) -> String {
    format!("{},{member}}}", row.strip_suffix('}').unwrap())
}

#[test]
fn a_field_that_cannot_be_used_costs_itself_alone() {
    use RawKind as K;
    let uuid = r#"{"uuid":"4444AAAiAAAAAiAiAiiAiA=="}"#;
    let join = r#"{"user_id":"16778240"}"#;
    let lists = [
        (K::ZoomMetricsMeetings, "meetings", HOSTS, uuid),
        (K::ZoomMetricsWebinars, "webinars", HOSTS, uuid),
        (K::ZoomReportMeetings, "meetings", HOSTS, uuid),
    ];
    let of_meetings = [
        ("id", "99999999999999999999"),
        ("id", "-1"),
        ("id", r#"{"a":1}"#),
        ("topic", r#"["a"]"#),
        ("topic", r#""half \ud83d""#),
        ("topic", r#""\ude00""#),
        ("topic", "1e999"),
        ("type", "2147483648"),
        ("start_time", r#""11/29/2026 10:00:00 AM""#),
        ("start_time", "true"),
        ("start_time", "-5"),
        ("end_time", r#""2026-01-05T24:00:00Z""#),
        ("end_time", r#""-000001-01-01T00:00:00Z""#),
        ("duration", r#""soon""#),
        ("duration", "-60"),
        ("duration", "[60]"),
        ("has_recording", "3"),
        ("has_recording", r#""yes""#),
        ("has_screen_share", "{}"),
        ("has_external_participant", r#""no""#),
        ("tracking_fields", r#"[{"field":"f","value":["x"]}]"#),
        ("tracking_fields", "7"),
        ("host_id", "[]"),
    ];
    for (kind, list, context, row) in lists {
        for (field, value) in of_meetings {
            one_is_dropped(kind, (list, context), &with(row, &format!("\"{field}\":{value}")), field);
        }
    }
    let counts = [
        (K::ZoomMetricsMeetings, "meetings", "participants"),
        (K::ZoomReportMeetings, "meetings", "participants_count"),
    ];
    for (kind, list, field) in counts {
        for value in [r#""many""#, "-2", "2.5", "3000000000", "1e999", "[2]", r#"{"total":2}"#, "true"] {
            one_is_dropped(kind, (list, HOSTS), &with(uuid, &format!("\"{field}\":{value}")), field);
        }
    }
    let of_both = [
        ("join_time", r#""11/29/2026 10:00:00 AM""#),
        ("leave_time", r#"{"at":"2026-01-05T09:00:00Z"}"#),
        ("registrant_id", "[1]"),
        ("customer_key", "{}"),
        ("status", "[]"),
        ("bo_mtg_id", r#""\ud83d\ud83d""#),
    ];
    let of_the_dashboard = [
        ("user_name", r#""Ada \ud83d""#),
        ("device", r#"["Windows","iOS"]"#),
        ("ip_address", r#""10.0.0""#),
        ("ip_address", r#"["10.0.0.1"]"#),
        ("internal_ip_addresses", r#"["10.0.0.1",{}]"#),
        ("recording", r#""Yes""#),
        ("share_desktop", "2"),
        ("share_whiteboard", "0.5"),
        ("in_room_participants", r#""N/A""#),
        ("in_room_participants", "2.5"),
        ("location", r#"{"city":"x"}"#),
        ("leave_reason", "[]"),
    ];
    let of_the_reports =
        [("name", "[]"), ("duration", "-20"), ("duration", r#""long""#), ("failover", r#""maybe""#)];
    let sessions = [
        (K::ZoomMetricsParticipants, &of_the_dashboard[..]),
        (K::ZoomMetricsWebinarParticipants, &of_the_dashboard[..]),
        (K::ZoomReportParticipants, &of_the_reports[..]),
        (K::ZoomReportWebinarParticipants, &of_the_reports[..]),
    ];
    for (kind, own) in sessions {
        for (field, value) in own.iter().chain(&of_both) {
            one_is_dropped(
                kind,
                ("participants", MEETING),
                &with(join, &format!("\"{field}\":{value}")),
                field,
            );
        }
        let twice = with(&with(join, r#""user_id":"9""#), r#""user_id":"7""#);
        let body = format!(r#"{{"participants":[{twice}]}}"#);
        assert_eq!(
            dropped(kind, MEETING, &body),
            [("user_id", 2)],
            "the last one counts, the others are counted"
        );
        let found = mapped(kind, "GET x", MEETING, &body);
        assert_eq!(found["documents"][0]["_source"]["user_id"], "7", "{found}");
    }
}

/// The row is a document between its neighbours, goes without one value of `field`, and fits its template.
fn one_is_dropped(kind: RawKind, (list, context): (&str, &str), row: &str, field: &str) {
    let neighbour = row.split_once(',').map_or(row.to_owned(), |(id, _)| format!("{id}}}"));
    let body = format!(r#"{{"{list}":[{neighbour},{row},{neighbour}]}}"#);
    let (documents, unusable) = map(&raw(kind, "GET x", context, &body)).unwrap();
    assert_eq!((documents.len(), unusable.len()), (3, 0), "{kind:?} {row}: {unusable:?}");
    let dropped = dropped(kind, context, &body);
    assert_eq!(dropped.len(), 1, "{kind:?} {row}: {dropped:?}");
    assert_eq!(dropped[0].0, field, "{kind:?} {row}");
}

#[test]
fn only_what_names_a_row_costs_it() {
    for row in
        ["null", "7", "[]", "\"x\"", "{}", r#"{"user_id":null}"#, r#"{"user_id":{}}"#, r#"{"user_id":[1]}"#]
    {
        let body = format!(r#"{{"participants":[{{"user_id":"1"}},{row},{{"user_id":2}}]}}"#);
        for kind in [RawKind::ZoomMetricsParticipants, RawKind::ZoomReportWebinarParticipants] {
            let (documents, unusable) = map(&raw(kind, "GET x", MEETING, &body)).unwrap();
            assert_eq!((documents.len(), unusable.len()), (2, 1), "{row}");
            assert_eq!(unusable[0].position, 1, "{row}");
        }
    }
}

#[test]
fn large_and_odd_texts_and_numbers_are_documents() {
    let topic = "x".repeat(64 << 10);
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    for member in [
        format!(r#""topic":"{topic}""#),
        r#""topic":"a\u0000b""#.to_owned(),
        r#""topic":true"#.to_owned(),
        r#""id":"91000000000""#.to_owned(),
        r#""id":91000000000.0"#.to_owned(),
        r#""participants":"12""#.to_owned(),
        r#""start_time":1796022154"#.to_owned(),
        r#""unheard_of":1e999"#.to_owned(),
        format!(r#""unheard_of":{deep}"#),
        r#""tracking_fields":{}"#.to_owned(),
        r#""tracking_fields":[null]"#.to_owned(),
    ] {
        let row = with(r#"{"uuid":"4444AAAiAAAAAiAiAiiAiA=="}"#, &member);
        let body = format!(r#"{{"meetings":[{row},{{"uuid":"a+bcAAAiAAAAAiAiAiiAiA=="}}]}}"#);
        let (documents, unusable) = map(&raw(RawKind::ZoomMetricsMeetings, "GET x", HOSTS, &body)).unwrap();
        assert_eq!(
            (documents.len(), unusable.len()),
            (2, 0),
            "{}",
            member.chars().take(80).collect::<String>()
        );
        assert_eq!(dropped(RawKind::ZoomMetricsMeetings, HOSTS, &body), []);
    }
}

#[test]
fn times_are_read_in_every_form_or_counted() {
    let page = |join: &str| {
        let body = format!(r#"{{"participants":[{{"user_id":"1","join_time":{join}}}]}}"#);
        let found = mapped(RawKind::ZoomMetricsParticipants, "GET x", MEETING, &body);
        (
            found["documents"][0]["_source"]["join_time"].clone(),
            dropped(RawKind::ZoomMetricsParticipants, MEETING, &body),
        )
    };
    for read in [
        r#""2026-01-05T09:00:00Z""#,
        r#""2026-01-05T09:00:00.0000000+00:00""#,
        r#""2026-01-05T10:00:00+0100""#,
        r#""2026-01-05 09:00:00""#,
        "1767603600",
        "1767603600000",
        r#""1767603600""#,
    ] {
        assert_eq!(page(read), (json!("2026-01-05T09:00:00Z"), vec![]), "{read}");
    }
    for counted in [r#""11/29/2026 10:00:00 AM""#, r#""2026-01-05T24:00:00Z""#, r#""2026-01-05""#, "7", "[]"]
    {
        assert_eq!(page(counted), (Value::Null, vec![("join_time", 1)]), "{counted}");
    }
    for blank in ["null", r#""""#] {
        assert_eq!(page(blank), (Value::Null, vec![]), "{blank}");
    }
}

mod arbitrary {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            Just(String::new()),
            "[ -~äß<>:()+]{0,24}",
            "20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
            "[0-9]{1,3}(:[0-9]{1,3}){0,4}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map("[a-z_]{0,8}", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn rows() -> impl Strategy<Value = Vec<Value>> {
        let name = prop::sample::select(vec![
            "user_id",
            "uuid",
            "id",
            "user_name",
            "name",
            "device",
            "os",
            "location",
            "leave_reason",
            "join_time",
            "leave_time",
            "start_time",
            "end_time",
            "duration",
            "ip_address",
            "internal_ip_addresses",
            "tracking_fields",
            "recording",
            "participants",
            "type",
            "in_room_participants",
            "failover",
            "unheard_of",
            "mediapackageId",
            "sessionId",
            "userId",
            "userIp",
            "userAgent",
            "inpoint",
            "isPlaying",
            "created",
            "mediapackage",
            "dc",
            "dcTitle",
            "dcCreated",
            "dcExtent",
        ]);
        let row = proptest::collection::btree_map(name, value(), 0..12).prop_map(|map| {
            Value::Object(map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        });
        proptest::collection::vec(prop_oneof![9 => row, 1 => value()], 0..6)
    }

    /// Actions that mostly are ones, with some fields that are anything.
    fn actions() -> impl Strategy<Value = Vec<Value>> {
        let name = prop::sample::select(vec![
            "id",
            "mediapackageId",
            "sessionId",
            "inpoint",
            "type",
            "isPlaying",
            "created",
        ]);
        let session = proptest::collection::btree_map(
            prop::sample::select(vec!["sessionId", "userId", "userIp", "userAgent"]),
            value(),
            0..4,
        );
        let odd = proptest::collection::btree_map(name, value(), 0..2);
        let row = (any::<i64>(), session, odd).prop_map(|(id, session, odd)| {
            let mut row = json!({"id": id, "mediapackageId": "m", "sessionId": session, "type": "PLAY",
                "isPlaying": 2, "created": "2026-01-15T10:01:00-05:00"});
            for (name, value) in odd {
                row[name] = value;
            }
            row
        });
        proptest::collection::vec(row, 0..4)
    }

    /// True when no field of a document is null or empty.
    fn whole(document: &Value) -> bool {
        document["_source"].as_object().unwrap().values().all(|value| !value.is_null() && *value != "")
    }

    proptest! {
        #[test]
        fn every_row_is_a_document_or_is_named(rows in rows()) {
            let kinds = [
                (RawKind::ZoomMetricsMeetings, "meetings", HOSTS),
                (RawKind::ZoomMetricsParticipants, "participants", MEETING),
                (RawKind::ZoomReportMeetings, "meetings", HOSTS),
                (RawKind::ZoomReportParticipants, "participants", MEETING),
            ];
            for (kind, list, context) in kinds {
                let body = json!({list: rows}).to_string();
                let (documents, unusable) = map(&raw(kind, "GET x", context, &body)).unwrap();
                prop_assert_eq!(documents.len() + unusable.len(), rows.len());
                prop_assert!(documents.iter().all(whole), "{:?}", documents);
                let name = if list == "meetings" { "uuid" } else { "user_id" };
                let named = |row: &&Value| row[name].as_str().is_some_and(|name| !name.is_empty());
                prop_assert!(documents.len() >= rows.iter().filter(named).count(), "{:?}", unusable);
            }
            let body = json!({"actions": {"action": rows}}).to_string();
            let (documents, unusable) = map(&raw(RawKind::OpencastActions, "GET x", ACTIONS, &body)).unwrap();
            prop_assert_eq!(documents.len() + unusable.len(), rows.len());
            prop_assert!(documents.iter().all(whole), "{:?}", documents);
            for row in &rows {
                let (documents, unusable) = map(&raw(RawKind::OpencastEpisode, "GET x", EPISODE, &row.to_string())).unwrap();
                prop_assert_eq!(documents.len() + unusable.len(), 1);
                prop_assert!(documents.iter().all(whole), "{:?}", documents);
            }
        }

        #[test]
        fn every_action_is_a_document_or_is_named(rows in actions()) {
            let body = json!({"actions": {"total": rows.len(), "action": rows}}).to_string();
            let (documents, unusable) = map(&raw(RawKind::OpencastActions, "GET x", ACTIONS, &body)).unwrap();
            prop_assert_eq!(documents.len() + unusable.len(), rows.len());
            prop_assert!(documents.iter().all(whole), "{:?}", documents);
        }

        #[test]
        fn a_page_of_any_shape_never_panics(body in value()) {
            let body = body.to_string();
            for kind in [RawKind::ZoomMetricsMeeting, RawKind::ZoomMetricsWebinars, RawKind::ZoomReportMeeting] {
                if let Ok((documents, unusable)) = map(&raw(kind, "GET x", HOSTS, &body)) {
                    prop_assert!(documents.len() + unusable.len() <= 1);
                }
            }
        }
    }
}
