use messages::{RawDocument, RawKind};
use serde_json::{Value, json};

use crate::enrich::Enricher;
use crate::enrich::mmdb::{city, database};
use crate::map::single_row;
use crate::map::tests::{map, map_with, mapped, raw};

pub(crate) const ACTIONS: &str = r#"{"episodes":{"0a1b2c3d-0001-4000-8000-000000000001":{"title":"Lecture 7",
    "duration":4160000,"start":"2026-01-10T15:00:00Z","course":"Linear Algebra","series":"20260133383",
    "type":"L10","description":"Eigenvalues"}}}"#;
pub(crate) const EPISODE: &str = r#"{"live_start":"2026-01-10T15:00:00Z","live_end":"2026-01-10T16:30:00Z",
    "available":"2026-01-11T02:00:00Z"}"#;
const UNKNOWN: &str = r#"{"live_start":null,"live_end":null,"available":null}"#;
const ENDPOINT: &str = "GET /usertracking/actions.json";

fn episode(context: &str, body: &str) -> Value {
    mapped(RawKind::OpencastEpisode, "GET /search/episode.json", context, body)
}

/// Returns the documents of a page with these actions.
fn actions(rows: &Value) -> Vec<Value> {
    let body = json!({"actions": {"total": 1, "action": rows}}).to_string();
    let (documents, unusable) = map(&raw(RawKind::OpencastActions, ENDPOINT, ACTIONS, &body)).unwrap();
    assert!(unusable.is_empty(), "{unusable:?}");
    documents.into_iter().map(|document| document["_source"].clone()).collect()
}

fn action(change: impl Fn(&mut Value)) -> Value {
    let mut row = json!({"id": 1, "mediapackageId": "m", "sessionId": {"sessionId": "s"}, "type": "HEARTBEAT",
        "inpoint": 1, "outpoint": 1, "length": 0, "isPlaying": 1, "created": "2026-01-15T10:01:00-05:00"});
    change(&mut row);
    actions(&row).remove(0)
}

fn of_date<'a>(date: &str, body: &'a str) -> RawDocument<'a> {
    let mut page = raw(RawKind::OpencastActions, ENDPOINT, ACTIONS, body);
    page.date = Some(date.parse().unwrap());
    page
}

#[test]
fn a_page_of_actions_of_the_old_fork() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("places.mmdb");
    let record = city("London", "England", ("GB", "United Kingdom"), (51.5, -0.1));
    std::fs::write(&path, database("GeoLite2-City", [("81.2.69.0/24", record)])).unwrap();
    let enricher = Enricher::with_places(&path).unwrap();
    let body = include_str!("../../fixtures/opencast_actions_dce.json");
    let page = of_date("2026-02-01", body);
    let (documents, unusable) = map_with(&page, &enricher).unwrap();
    let unusable: Vec<_> = unusable.iter().map(|row| row.cause.to_string()).collect();
    insta::assert_json_snapshot!(json!({"documents": documents, "unusable": unusable}));
}

#[test]
fn a_page_of_one_action_of_upstream() {
    let body = include_str!("../../fixtures/opencast_actions_upstream.json");
    let (documents, unusable) = map(&of_date("2026-01-15", body)).unwrap();
    assert!(unusable.is_empty());
    insta::assert_json_snapshot!(json!({"documents": documents, "unusable": []}));
}

#[test]
fn the_host_is_the_first_address_as_it_came() {
    let host = |list: &str| {
        let action = action(|row| row["sessionId"]["userIp"] = list.into());
        action.get("hostname").map(|host| host.as_str().unwrap().to_owned())
    };
    assert_eq!(host("81.2.69.142:4711, 10.0.0.1").as_deref(), Some("81.2.69.142:4711"));
    assert_eq!(host(" unknown ,10.0.0.1").as_deref(), Some("unknown"));
    for none in ["-omitted-", "", ", 10.0.0.1", "a\u{0}b", &"x".repeat(254)] {
        assert_eq!(host(none), None, "{none}");
    }
}

#[test]
fn an_episode_of_the_old_search() {
    insta::assert_json_snapshot!(episode(
        EPISODE,
        include_str!("../../fixtures/opencast_episode_wrapped.json")
    ));
}

#[test]
fn an_episode_of_the_new_search_without_start_and_attachments() {
    insta::assert_json_snapshot!(episode(
        UNKNOWN,
        include_str!("../../fixtures/opencast_episode_plain.json")
    ));
}

#[test]
fn an_action_of_an_unknown_episode_is_indexed_without_it() {
    for mpid in ["unknown", "with space", "lecture/7"] {
        let found = action(|row| row["mediapackageId"] = mpid.into());
        assert_eq!(found["mpid"], mpid);
        assert!(found.get("episode").is_none(), "{found}");
    }
}

#[test]
fn a_person_is_a_text_or_absent_and_never_the_word_none() {
    let huid = |user: Value| action(|row| row["sessionId"]["userId"] = user.clone()).get("huid").cloned();
    assert_eq!(huid(json!(81_234_567)), Some(json!("81234567")));
    assert_eq!(huid(json!("00123456")), Some(json!("00123456")));
    assert_eq!(huid(json!("anonymous")), Some(json!("anonymous")));
    for nobody in [Value::Null, json!(""), json!("-omitted-")] {
        assert_eq!(huid(nobody.clone()), None, "{nobody}");
    }
}

#[test]
fn live_is_true_or_false_and_a_live_player_plays() {
    for (playing, is_playing, is_live) in [
        (json!(0), false, false),
        (json!(false), false, false),
        (json!(1), true, false),
        (json!("true"), true, false),
        (json!(2), true, true),
        (json!("live"), true, true),
    ] {
        let found = action(|row| row["isPlaying"] = playing.clone());
        assert_eq!(
            (&found["action"]["is_playing"], &found["is_live"]),
            (&json!(is_playing), &json!(is_live))
        );
    }
}

#[test]
fn an_action_lies_in_the_index_of_its_utc_day_under_its_id() {
    let rows = json!({"id": 101, "mediapackageId": "m", "type": "PLAY", "isPlaying": true,
        "created": "2026-01-31T23:59:30-05:00"});
    let body = json!({"actions": {"action": rows}}).to_string();
    let (documents, _) = map(&of_date("2026-01-31", &body)).unwrap();
    assert_eq!(documents[0]["_index"], "useractions-2026.02");
    assert_eq!(documents[0]["_id"], "101");
    assert_eq!(documents[0]["_source"]["@timestamp"], "2026-02-01T04:59:30Z");
}

#[test]
fn a_time_at_which_there_were_no_players_makes_no_index() {
    for created in ["0001-01-01T00:00:00Z", "9999-12-30T00:00:00Z", "never", ""] {
        let row = json!({"id": 1, "mediapackageId": "m", "type": "PLAY", "created": created});
        let body = json!({"actions": {"action": row}}).to_string();
        let (documents, unusable) = map(&raw(RawKind::OpencastActions, ENDPOINT, ACTIONS, &body)).unwrap();
        assert!(unusable.is_empty(), "{unusable:?}");
        let (index, source) = (&documents[0]["_index"], &documents[0]["_source"]);
        assert_eq!(index, "useractions-2026.01", "the date of the job");
        let is_time = created.ends_with('Z');
        assert_eq!(source["@timestamp"].as_str(), is_time.then_some(created));
        assert_eq!(source["time_implausible"].as_bool(), is_time.then_some(true));
    }
}

#[test]
fn only_the_id_costs_an_action_and_other_fields_are_counted() {
    let rows = r#"[{"id":1,"type":["PLAY"],"inpoint":"soon","sessionId":{"userId":"a\ud83d","userIp":7,"userIp":"::1"},
        "created":"2026-01-31T10:00:00Z","isPlaying":"maybe"},{"id":"x"},{"id":2}]"#;
    let body = format!(r#"{{"actions":{{"total":3,"action":{rows}}}}}"#);
    let page = raw(RawKind::OpencastActions, ENDPOINT, ACTIONS, &body);
    let (documents, _) = map(&page).unwrap();
    let ids: Vec<_> = documents.iter().map(|document| document["_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["1", "2"]);
    assert_eq!(
        (documents[0]["_source"]["huid"].as_str(), &documents[0]["_source"]["ip"]),
        (Some("a\u{fffd}"), &json!("::1"))
    );
    assert_eq!(dropped(&page), [("inpoint", 1), ("isPlaying", 1), ("type", 1), ("userId", 1), ("userIp", 1)]);
}

/// The fields of a page of which values are left out, and how many.
fn dropped(page: &RawDocument<'_>) -> Vec<(&'static str, u64)> {
    let (enricher, mut batch) = (Enricher::default(), store::Batch::new());
    let target = crate::map::Target {
        prefix: "",
        split: store::Split::Month,
        ua_version: "0.1.0",
        enricher: &enricher,
    };
    crate::map::encode_page(page, &target, &mut batch).unwrap().dropped.iter().collect()
}

#[test]
fn a_value_that_was_read_and_fits_no_field_is_counted() {
    for (member, field) in [
        (r#""created":"-000001-01-01T00:00:00Z""#, Some("created")),
        (r#""userAgent":"\u0000""#, Some("userAgent")),
        (r#""userIp":"a\u0007""#, Some("userIp")),
        (r#""userIp":", 10.0.0.1""#, None),
        (r#""userIp":", ""#, None),
        (r#""userAgent":" ""#, None),
    ] {
        let body = format!(r#"{{"actions":{{"action":{{"id":1,{member}}}}}}}"#);
        let counted = dropped(&raw(RawKind::OpencastActions, ENDPOINT, ACTIONS, &body));
        assert_eq!(counted, field.map(|field| (field, 1)).into_iter().collect::<Vec<_>>(), "{member}");
    }
}

#[test]
fn a_page_without_actions_is_nothing_and_one_that_is_none_is_refused() {
    for body in
        [r#"{"actions":{"total":0}}"#, r#"{"actions":""}"#, r#"{"actions":{"total":"0","action":""}}"#]
    {
        let (documents, unusable) = map(&raw(RawKind::OpencastActions, ENDPOINT, ACTIONS, body)).unwrap();
        assert!(documents.is_empty() && unusable.is_empty(), "{body}");
    }
    for body in ["{}", "[]", "null", "\"<html>\"", r#"{"actions":{"action":7}}"#] {
        let cause = map(&raw(RawKind::OpencastActions, ENDPOINT, ACTIONS, body)).unwrap_err();
        assert!(cause.text.contains(ENDPOINT), "{cause}");
    }
}

#[test]
fn one_action_is_cut_out_of_its_page_and_keeps_its_name() {
    let body = include_str!("../../fixtures/opencast_actions_dce.json");
    let page = raw(RawKind::OpencastActions, ENDPOINT, ACTIONS, body);
    let only = single_row(&page, 3).unwrap();
    assert_eq!(only.key, "104");
    let again = raw(RawKind::OpencastActions, ENDPOINT, ACTIONS, &only.body);
    let (documents, unusable) = map(&again).unwrap();
    assert!(unusable.is_empty() && documents[0]["_id"] == "104", "{unusable:?}");
    assert_eq!(single_row(&again, 0).unwrap().key, "104");
    assert!(single_row(&page, 4).is_none());
}

#[test]
fn an_episode_is_a_document_whatever_is_missing_in_it() {
    for package in [
        json!({"id": "m"}),
        json!({"id": "m", "attachments": "", "media": "", "publications": ""}),
        json!({"id": "m", "attachments": {"attachment": {"type": "presenter/player+preview", "url": "u"}}}),
        json!({"id": "m", "start": "never", "duration": -1, "media": {"track": []}}),
    ] {
        let found = episode(UNKNOWN, &json!({"mediapackage": package}).to_string());
        let document = &found["documents"][0];
        assert_eq!((&document["_index"], &document["_id"]), (&json!("episodes"), &json!("m")), "{found}");
        assert_eq!(document["_source"]["live_stream"], false);
        assert!(document["_source"].get("duration").is_none());
    }
    let nameless = episode(UNKNOWN, r#"{"mediapackage":{"title":"x"}}"#);
    assert!(nameless["unusable"][0].as_str().unwrap().contains("`id`"), "{nameless}");
}

#[test]
fn an_end_of_a_stream_before_its_beginning_is_no_duration() {
    let context = EPISODE.replace("2026-01-10T16:30:00Z", "2026-01-10T14:30:00Z");
    let found = episode(&context, r#"{"mediapackage":{"id":"m"}}"#);
    assert!(found["documents"][0]["_source"].get("live_duration").is_none(), "{found}");
    assert_eq!(found["documents"][0]["_source"]["live_stream"], true);
}

#[test]
fn the_course_number_has_both_of_its_old_names() {
    let body = include_str!("../../fixtures/opencast_episode_wrapped.json");
    let found = episode(EPISODE, body);
    let of = &found["documents"][0]["_source"];
    assert_eq!((&of["cdn"], &of["crn"]), (&json!("33383"), &json!("33383")));
    let found = action(|row| row["mediapackageId"] = "0a1b2c3d-0001-4000-8000-000000000001".into());
    assert_eq!((&found["episode"]["cdn"], &found["episode"]["crn"]), (&json!("33383"), &json!("33383")));
}

#[test]
fn a_user_agent_is_kept_short_and_without_control_characters() {
    let long = format!("Mozilla/5.0\r\n(X11; Linux x86_64) Firefox/121.0 {}", "x\u{1b}".repeat(300));
    let found = action(|row| row["sessionId"]["userAgent"] = long.as_str().into());
    let kept = found["useragent"].as_str().unwrap();
    assert!(kept.chars().count() <= 255 && !kept.chars().any(char::is_control), "{kept:?}");
    assert_eq!(found["ua"]["name"], "Firefox");
    assert!(action(|row| row["sessionId"]["userAgent"] = "\u{0}".into()).get("ua").is_none());
}
