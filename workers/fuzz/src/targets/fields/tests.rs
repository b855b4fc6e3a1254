use serde_json::json;

use super::*;

/// The fields of which a document lacks values, and how many.
fn lost(kind: RawKind, row: &Value, document: &Value) -> Vec<(&'static str, u64)> {
    let mut lost = Lost::new();
    Known::of(kind).lost(&row.to_string(), document, &mut lost);
    lost.into_iter().filter(|(_, values)| *values > 0).collect()
}

#[test]
fn a_value_that_is_missing_or_another_is_lost() {
    let row = json!({"uuid": "a", "id": 7, "topic": "", "participants": "3", "has_chat": 1, "host": "H",
        "start_time": "2026-01-02T03:04:05Z", "tracking_fields": [{"field": "f", "value": "v"}, null]});
    let whole = json!({"meeting_uuid": "a", "series_id": 7, "participant_sessions": 3, "has_chat": true,
        "host": {"name": "H"}, "start_time": "2026-01-02T04:04:05+01:00", "tracking_fields": [{"field": "f", "value": "v"}]});
    let other = json!({"meeting_uuid": "a", "series_id": 8, "participant_sessions": 4, "has_chat": false,
        "host": {"name": "T"}, "start_time": "2026-01-02T03:04:06Z", "tracking_fields": [{"field": "f"}]});
    let each = |tracking| {
        [
            ("has_chat", 1),
            ("host", 1),
            ("id", 1),
            ("participants", 1),
            ("start_time", 1),
            ("tracking_fields", tracking),
        ]
    };
    assert_eq!(lost(RawKind::ZoomMetricsMeetings, &row, &whole), []);
    assert_eq!(lost(RawKind::ZoomMetricsMeetings, &row, &other), each(1));
    assert_eq!(lost(RawKind::ZoomMetricsMeetings, &row, &json!({"meeting_uuid": "a"})), each(2));
}

#[test]
fn an_action_says_more_than_its_id() {
    let row = json!({"id": 1, "isPlaying": 2, "inpoint": {"$": "5"}, "type": "PLAY",
        "sessionId": {"sessionId": "s", "userIp": "-omitted-", "userAgent": "x"}});
    let whole = json!({"is_live": true, "session_id": "s", "useragent": "x",
        "action": {"is_playing": true, "inpoint": 5, "type": "PLAY"}});
    let bare = json!({"is_live": false, "action": {"is_playing": true}});
    assert_eq!(lost(RawKind::OpencastActions, &row, &whole), []);
    let all = ["inpoint", "isPlaying", "sessionId", "type", "userAgent"].map(|field| (field, 1));
    assert_eq!(lost(RawKind::OpencastActions, &row, &bare), all);
}

#[test]
fn an_episode_has_its_fields_in_one_of_several_places() {
    let slide = json!({"type": "presentation/segment+preview", "url": "u"});
    let row = json!({"dc": {"title": ["T"]}, "dcExtent": -1, "mediapackage":
        {"series": "s", "seriestitle": "C", "start": "x", "attachments": {"attachment": [slide]}}});
    let whole =
        json!({"title": "T", "series": "s", "course": "C", "start": "2026-01-02T03:04:05Z", "slides": [{}]});
    assert_eq!(lost(RawKind::OpencastEpisode, &row, &whole), []);
    let all = ["attachments", "series", "seriestitle", "start", "title"].map(|field| (field, 1));
    assert_eq!(lost(RawKind::OpencastEpisode, &row, &json!({})), all);
    assert_eq!(
        lost(RawKind::OpencastEpisode, &json!({"dc": 7, "mediapackage": []}), &json!({})),
        [("dc", 1)]
    );
}
