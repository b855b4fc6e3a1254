//! What templates accept and refuse.

use jiff::Timestamp;
use messages::{
    Calls, Cause, CauseClass, DeadEvent, DeadLetter, DeadState, Queue, RawKind, Receipt, ReceiptFinding,
    ReceiptState,
};
use serde_json::{Value, json};
use store::{DocumentKind, Query, Store, Verdict};

use crate::documents::{Doc, doc, got, meeting, write};

pub(crate) async fn a_mapping_error_names_the_field_and_spares_the_neighbours(store: Store) {
    let wrong = [
        ("start_time", json!({"start_time": "canary yesterday"})),
        ("start_time", json!({"start_time": ""})),
        ("duration", json!({"duration": "canary"})),
        ("duration", json!({"duration": "60"})),
        ("duration", json!({"duration": 1.5})),
        ("duration", json!({"duration": 3_000_000_000_i64})),
        ("series_id", json!({"series_id": 18_446_744_073_709_551_615_u64})),
        ("has_video", json!({"has_video": "canary"})),
        ("has_video", json!({"has_video": 1})),
        ("host", json!({"host": "canary"})),
        ("topic", json!({"topic": {"canary": 1}})),
        ("harvest.fetched_at", json!({"harvest": {"fetched_at": "canary"}})),
    ];
    let mut docs = Vec::new();
    for (n, (_, fields)) in wrong.iter().enumerate() {
        docs.push(meeting(&format!("good{n}"), 1, json!({"duration": n})));
        docs.push(meeting(&format!("bad{n}"), 1, fields.clone()));
    }
    let verdicts = write(&store, &docs).await;
    for (pair, (field, fields)) in verdicts.chunks(2).zip(&wrong) {
        assert_eq!(pair[0], Verdict::Indexed);
        let Verdict::Refused { reason } = &pair[1] else { panic!("{fields}: {:?}", pair[1]) };
        assert!(reason.contains(field), "{fields}: {reason}");
        assert!(
            !reason.replace("[canary]", "").contains("canary") && !reason.contains('\n'),
            "{fields}: {reason}"
        );
    }
    store.refresh().await.unwrap();
    assert_eq!(store.count(&Query::all(DocumentKind::Meetings)).await.unwrap(), wrong.len() as u64);
}

pub(crate) async fn an_unknown_field_is_refused_where_the_template_is_strict(store: Store) {
    for kind in [
        DocumentKind::Meetings,
        DocumentKind::Sessions,
        DocumentKind::Useractions,
        DocumentKind::Episodes,
        DocumentKind::Harvests,
        DocumentKind::Deadletters,
        DocumentKind::Raw,
    ] {
        let docs = [
            doc(kind, "2026-01-15", "good", 1, json!({})),
            doc(kind, "2026-01-15", "top", 1, json!({"surprise": 1})),
        ];
        let verdicts = write(&store, &docs).await;
        let Some(Verdict::Refused { reason }) = verdicts.last() else { panic!("{kind:?}: {verdicts:?}") };
        assert!(reason.contains("strict") && !reason.contains("surprise"), "{kind:?}: {reason}");
        assert!(
            verdicts[..verdicts.len() - 1].iter().all(|verdict| *verdict == Verdict::Indexed),
            "{kind:?}"
        );
    }
    let inside = meeting("inside", 1, json!({"host": {"surprise": 1}}));
    let verdicts = write(&store, &[inside]).await;
    assert!(
        matches!(&verdicts[..], [Verdict::Refused { reason }] if reason.contains("host") && !reason.contains("surprise")),
        "{verdicts:?}"
    );
}

pub(crate) async fn a_user_action_and_an_episode_are_taken_with_all_their_fields(store: Store) {
    let action = json!({
        "@timestamp": "2026-01-15T15:00:30Z", "action_id": 7, "mpid": "m", "session_id": "s", "huid": "81234567",
        "action": {"type": "HEARTBEAT", "inpoint": 30, "outpoint": 30, "length": 0, "is_playing": true},
        "is_live": false, "ip": "81.2.69.142", "proxy1": "10.0.0.1", "proxy8": "unknown",
        "more_proxies": ["10.0.0.9", "2001:db8::1"],
        "episode": {"title": "t", "duration": 4_160, "start": "2026-01-10T15:00:00Z", "series": "20260133383",
            "year": "2026", "term": "01", "cdn": "33383", "crn": "33383", "type": "L10", "description": "d"},
        "geoip": {"ip": "81.2.69.142", "location": {"lat": 51.5, "lon": -0.1}, "latitude": 51.5, "longitude": 1},
        "useragent": "x", "ua": {"name": "Chrome", "major": "120", "os": "Windows 10", "device": "Other"},
    });
    let episode = json!({
        "mpid": "m", "title": "t", "duration": 4_160, "start": "2026-01-10T15:00:00Z", "crn": "33383",
        "slides": [{"img": "http://127.0.0.1/1.jpg", "time": "01:16:00"}, {"img": "2"}], "live_stream": true,
        "live_start": "2026-01-10T15:00:00Z", "live_duration": 3_600_000, "available": "2026-01-11T15:00:00Z",
    });
    for (kind, fields) in [(DocumentKind::Useractions, action), (DocumentKind::Episodes, episode)] {
        let verdicts = write(&store, &[doc(kind, "2026-01-15", "a", 1, fields.clone())]).await;
        assert_eq!(verdicts, [Verdict::Indexed], "{kind:?}");
        assert_eq!(got(&store, kind, "a").await.unwrap(), fields);
    }
}

pub(crate) async fn missing_and_empty_values_are_taken(store: Store) {
    let docs = [
        meeting(
            "nulls",
            1,
            json!({"duration": null, "host": null, "start_time": null, "has_video": null, "topic": null}),
        ),
        meeting(
            "lists",
            1,
            json!({"tracking_fields": [{"field": "f", "value": "v"}], "duration": [1, 2], "topic": []}),
        ),
        meeting(
            "times",
            1,
            json!({"start_time": "2026-01-02T03:04:05.123Z", "end_time": 1_767_323_045_000_i64}),
        ),
        meeting("zones", 1, json!({"start_time": "2026-01-02T03:04:05+01:00", "end_time": "2026-01-02"})),
        doc(
            DocumentKind::Sessions,
            "2026-01-15",
            "ip",
            1,
            json!({"ip_address": "not an address", "internal_ip_addresses": ["10.0.0.1", "fe80::1"]}),
        ),
        doc(
            DocumentKind::Sessions,
            "2026-01-15",
            "geo",
            1,
            json!({"geoip": {"location": {"lat": 52.5, "lon": 13.4}, "city_name": "Berlin"}}),
        ),
    ];
    assert_eq!(write(&store, &docs).await, vec![Verdict::Indexed; docs.len()]);
    let long = meeting("long", 1, json!({"topic": "x".repeat(40_000)}));
    assert_eq!(
        write(&store, &[long]).await,
        [Verdict::Indexed],
        "a text too long to be searched is still kept"
    );
}

pub(crate) async fn receipts_dead_letters_and_raw_documents_fit(store: Store) {
    let now: Timestamp = "2026-01-03T04:05:06.123456789Z".parse().unwrap();
    let docs = [
        harvest(&receipt(now)),
        harvest(&Receipt {
            cause: None,
            date: None,
            meeting_uuid: None,
            job: None,
            expected: None,
            ..receipt(now)
        }),
        doc(DocumentKind::Deadletters, "2026-01-15", "x", 1, serde_json::to_value(dead_letter(now)).unwrap()),
        doc(
            DocumentKind::Raw,
            "2026-01-15",
            "j#1",
            1,
            json!({"id": "j#1", "job_id": "j", "run": "r", "kind": RawKind::ZoomMetricsMeetings,
                "endpoint": "GET /metrics/meetings", "fetched_at": now, "date": "2026-01-02",
                "context": {"listing": "past"}, "body": {"meetings": []}}),
        ),
    ];
    assert_eq!(write(&store, &docs).await, vec![Verdict::Indexed; docs.len()]);
    store.refresh().await.unwrap();
    let failed =
        Query::all(DocumentKind::Deadletters).with("cause.class", CauseClass::TooLarge).with("state", "dead");
    let hits = store.search(&failed).await.unwrap();
    let read: DeadLetter = serde_json::from_str(hits[0].source.get()).unwrap();
    assert_eq!(read, dead_letter(now));
    let listed = Query::all(DocumentKind::Harvests).between("date", "2026-01-02", "2026-01-02");
    assert_eq!(store.count(&listed).await.unwrap(), 0, "the second receipt has replaced the first");
}

fn harvest(receipt: &Receipt) -> Doc {
    doc(
        DocumentKind::Harvests,
        "2026-01-15",
        receipt.job_id.as_str(),
        receipt.version(),
        serde_json::to_value(receipt).unwrap(),
    )
}

fn receipt(now: Timestamp) -> Receipt {
    Receipt {
        job_id: "zoom:participants:4444AAAiAAAAAiAiAiiAiA==".into(),
        run: "r".into(),
        source: messages::Source::Zoom,
        kind: "participants".into(),
        lane: messages::Lane::Daily,
        date: Some("2026-01-02".parse().unwrap()),
        meeting_uuid: Some("4444AAAiAAAAAiAiAiiAiA==".parse().unwrap()),
        state: ReceiptState::Failed,
        expected: Some(7),
        got: Some(0),
        jobs: Some(1),
        api: Some(messages::zoom::Api::Report),
        cause: Some(Cause::new(CauseClass::Gone, "x".repeat(900))),
        findings: vec![ReceiptFinding::new("host-ids", "x".repeat(900)), ReceiptFinding::new("api", "y")],
        attempts: 3,
        calls: Calls { heavy: 3, ..Calls::default() },
        planned_at: now,
        started_at: Some(now),
        finished_at: Some(now),
        queue: Some(Queue::documents()),
        job: Some(serde_json::value::to_raw_value(&json!({"any": ["thing", {"x": Value::Null}]})).unwrap()),
    }
}

fn dead_letter(now: Timestamp) -> DeadLetter {
    DeadLetter {
        id: "x".into(),
        state: DeadState::Dead,
        cause: Cause::new(CauseClass::TooLarge, "too large"),
        origin: Queue::documents(),
        attempts: 1,
        replays: 0,
        first_seen: now,
        died_at: now,
        changed_at: now,
        source: Some(messages::Source::Zoom),
        date: Some("2026-01-02".parse().unwrap()),
        meeting_uuid: Some("4444AAAiAAAAAiAiAiiAiA==".parse().unwrap()),
        bytes: 100_000,
        pieces: 0,
        history: vec![DeadEvent {
            at: now,
            state: DeadState::Dead,
            cause: Some(Cause::new(CauseClass::TooLarge, "too large")),
            queue: None,
            calls: Calls { heavy: 3, ..Calls::default() },
        }],
        body: DeadLetter::opaque(&vec![7; 100_000]),
    }
}
