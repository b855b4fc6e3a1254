//! Arbitrary pages: every row becomes a document or is reported as unusable.

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

/// Generates mostly valid actions, with arbitrary values in some fields.
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

/// True if no field of a document is null or empty.
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
