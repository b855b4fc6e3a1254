//! `/usertracking/actions.json`: formats, parameters and oddities.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};
use simulator::opencast::{Dialect, OpencastSettings};

use crate::support::{Api, DAY, settings, text};

/// Names and types of all members, in the order of the answer.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(object) => object.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(many) => Value::Array(many.iter().take(1).map(shape).collect()),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "bool".into(),
        Value::Null => "null".into(),
    }
}

#[tokio::test]
async fn an_answer_has_the_shape_that_the_real_serialiser_gives_it() {
    let row = |playing: &str| {
        json!({
            "id": "number", "mediapackageId": "text", "inpoint": "number", "outpoint": "number", "length": "number",
            "type": "text", "isPlaying": playing, "created": "text",
            "sessionId": { "sessionId": "text", "userId": "number", "userIp": "text", "userAgent": "text" },
        })
    };
    for (generation, dialect, attribute, playing) in [
        (5, Dialect::Dce, "text", "number"),
        (7, Dialect::Upstream, "text", "bool"),
        (12, Dialect::Upstream, "number", "bool"),
        (17, Dialect::Dce, "number", "number"),
    ] {
        let world = OpencastSettings { odd_share: 0.0, ..settings(generation, dialect) };
        let api = Api::start(world).await;
        let with = |action: Value| json!({ "actions": { "total": attribute, "offset": attribute, "limit": attribute, "action": action } });
        // Find an action whose user is serialised as a number.
        let mut offset = 0;
        let one = loop {
            let (_, one) = api.ask(&format!("/usertracking/actions.json?limit=1&offset={offset}")).await;
            if one["actions"]["action"]["sessionId"]["userId"].is_number() {
                break one;
            }
            offset += 1;
        };
        assert_eq!(shape(&one), with(row(playing)), "{generation}");
        let (_, two) = api.ask(&format!("/usertracking/actions.json?limit=2&offset={offset}")).await;
        assert!(two["actions"]["action"].is_array());
        let nothing = "day=20100101&start=20100101000000&end=20100101000001&limit=3";
        let (_, none) = api.ask(&format!("/usertracking/actions.json?{nothing}")).await;
        assert_eq!(text(&none["actions"]["total"]), "0");
        assert_eq!(none["actions"].get("action"), None, "no rows, no member: {none}");
        assert_eq!(text(&none["actions"]["limit"]), "3");
    }
}

#[tokio::test]
async fn upstream_knows_no_windows_and_the_fork_does() {
    let window = "start=20100101000000&end=20100101000100";
    let api = Api::start(settings(15, Dialect::Upstream)).await;
    let (_, everything) = api.page("").await;
    // 200 dates before the start date, and seven hours of the start date.
    assert!((240_000..241_200).contains(&everything), "{everything}");
    assert_eq!(api.page(window).await.1, everything);
    let api = Api::start(settings(5, Dialect::Dce)).await;
    assert_eq!(api.page(window).await.1, 0);
    assert_eq!(api.page("start=20260114000000&end=20260114235959").await.1, 1_200);
    let (rows, _) = api.page("start=20260114120000&end=20260114120000&limit=50").await;
    assert!(rows.iter().all(|row| row["created"] == "2026-01-14T12:00:00-05:00"), "{rows:?}");
}

#[tokio::test]
async fn limits_and_offsets_are_those_of_the_service() {
    for (generation, dialect) in [(5, Dialect::Dce), (15, Dialect::Upstream)] {
        let api = Api::start(settings(generation, dialect)).await;
        for query in ["", "limit=0", "limit="] {
            assert_eq!(api.page(query).await.0.len(), 10, "{query:?}");
        }
        assert_eq!(api.page("limit=3&offset=2").await.0.len(), 3);
        for (query, status) in [
            ("limit=-1", 400),
            ("offset=-1", 400),
            ("limit=many", 404),
            ("day=2026-01-14", 400),
            ("day=20261332", 400),
            ("start=yesterday", if dialect == Dialect::Dce { 400 } else { 200 }),
        ] {
            let (got, body) = api.ask(&format!("/usertracking/actions.json?{query}")).await;
            assert_eq!(got, status, "{query}: {body}");
        }
        assert_eq!(api.page("day=20260114&offset=2000000000").await, (Vec::new(), 1_200));
    }
    let api = Api::start(OpencastSettings { page_limit: Some(25), ..settings(15, Dialect::Upstream) }).await;
    assert_eq!(api.page("limit=1000").await.0.len(), 25);
}

#[tokio::test]
async fn rows_can_be_picked_by_type_and_by_episode_with_it() {
    let api = Api::start(settings(15, Dialect::Upstream)).await;
    let (all, _) = api.page("day=20260114&limit=9999").await;
    let beats = all.iter().filter(|row| row["type"] == "HEARTBEAT").count();
    let (rows, total) = api.page("day=20260114&type=HEARTBEAT&limit=9999").await;
    assert_eq!((rows.len(), total as usize), (beats, beats));
    assert!(rows.iter().all(|row| row["type"] == "HEARTBEAT"));
    let mpid = text(&all[0]["mediapackageId"]);
    let (rows, _) = api.page(&format!("id={mpid}&type=PLAY&limit=99999")).await;
    assert!(!rows.is_empty() && rows.iter().all(|row| row["mediapackageId"] == mpid.as_str()));
    // An `id` without a `type` is ignored.
    assert_eq!(api.page(&format!("id={mpid}")).await.1, api.page("").await.1);
}

#[tokio::test]
async fn footprints_move_between_the_first_reading_and_the_second() {
    let api = Api::start(settings(15, Dialect::Upstream)).await;
    let footprints = async || {
        let (mut rows, _) = api.page("day=20260114&type=FOOTPRINT&limit=9999").await;
        rows.sort_by_key(|row| row["id"].as_i64());
        rows
    };
    let readings = [footprints().await, footprints().await, footprints().await];
    let ids = |rows: &[Value]| rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
    assert!(!readings[0].is_empty());
    assert_eq!(ids(&readings[0]), ids(&readings[1]));
    for (early, late) in readings[0].iter().zip(&readings[1]) {
        assert!(early["outpoint"].as_u64() < late["outpoint"].as_u64(), "{early} {late}");
        assert_eq!(
            late["outpoint"].as_u64().unwrap(),
            late["inpoint"].as_u64().unwrap() + late["length"].as_u64().unwrap()
        );
    }
    assert_eq!(readings[1], readings[2]);
}

#[tokio::test]
async fn rows_are_as_odd_as_real_ones() {
    let api =
        Api::start(OpencastSettings { actions_per_day: 20_000, odd_share: 0.6, ..settings(5, Dialect::Dce) })
            .await;
    let (rows, _) = api.page("start=20260114000000&end=20260114235959&limit=99999").await;
    let of = |field: &str| rows.iter().map(|row| row["sessionId"][field].clone()).collect::<Vec<_>>();
    let (agents, users, sessions) = (of("userAgent"), of("userId"), of("sessionId"));
    let addresses: Vec<_> = of("userIp").iter().map(text).collect();
    assert!(agents.contains(&Value::Null) && agents.contains(&json!("")));
    assert!(agents.iter().any(|agent| agent.as_str().is_some_and(|agent| agent.len() == 255)));
    assert!(agents.iter().any(|agent| agent.as_str().is_some_and(|agent| agent.contains('\u{1b}'))));
    assert!(users.iter().any(Value::is_number) && users.contains(&json!("anonymous")));
    assert!(users.iter().any(|user| user.as_str().is_some_and(|user| user.starts_with('0'))));
    assert!(sessions.iter().any(Value::is_number));
    assert!(addresses.iter().any(|ip| ip.starts_with("10.") && ip.contains(", ")));
    assert!(
        addresses.iter().any(|ip| ip == "unknown") && addresses.iter().any(|ip| ip.starts_with("2001:db8:"))
    );
    let kinds: BTreeSet<_> = rows.iter().map(|row| text(&row["type"])).collect();
    for kind in [
        "HEARTBEAT",
        "PLAY",
        "PAUSE",
        "SEEK",
        "FOOTPRINT",
        "paella:button:action;es.upv.paella.playbackRatePlugin",
    ] {
        assert!(kinds.contains(kind), "{kind}");
    }
    let playing: BTreeSet<_> = rows.iter().map(|row| row["isPlaying"].as_u64()).collect();
    assert_eq!(playing, BTreeSet::from([Some(0), Some(1), Some(2)]));
    let odd = agents.iter().filter(|agent| agent.is_null()).count() as f64 / rows.len() as f64;
    assert!((0.03..0.2).contains(&odd), "a seventh of the odd sessions lack an agent: {odd}");
}

#[tokio::test]
async fn a_day_begins_and_ends_with_the_second_of_the_call() {
    let at = |second| Some(format!("2026-01-28T12:00:{second:02}Z").parse().unwrap());
    let world =
        OpencastSettings { ragged_day: true, actions_per_day: 50_000, ..settings(15, Dialect::Upstream) };
    for second in [0, 20, 40] {
        let api = Api::start(OpencastSettings { now: at(second), ..world.clone() }).await;
        let (rows, total) = api.page("day=20260114&limit=60000").await;
        assert!(rows.len() as u64 == total && total < 50_000, "{total}");
        let times: BTreeSet<Timestamp> =
            rows.iter().map(|row| text(&row["created"]).parse().unwrap()).collect();
        let midnight: Timestamp = "2026-01-14T05:00:00Z".parse().unwrap();
        let first = times.first().unwrap().as_second() - midnight.as_second();
        let last = times.last().unwrap().as_second() - midnight.as_second() - 86_340;
        // The clock keeps running between the calls.
        assert!((second..second + 9).contains(&first) && last < second + 9, "{second}: {first} {last}");
    }
    let api = Api::start(OpencastSettings { now: at(40), ragged_day: false, ..world }).await;
    assert_eq!(api.page("day=20260114").await.1, 50_000);
    assert_eq!(api.opencast.truth(DAY).actions, 50_000);
}

#[tokio::test]
async fn answers_bear_the_time_of_the_fake() {
    let api = Api::start(settings(15, Dialect::Upstream)).await;
    let answer = api.get("/info/me.json").await;
    let date = answer.headers()["date"].to_str().unwrap();
    assert!(date.starts_with("Wed, 28 Jan 2026 12:00:0") && date.ends_with(" GMT"), "{date}");
}

#[tokio::test]
async fn without_the_plugin_there_is_no_user_tracking() {
    let api = Api::start(OpencastSettings { usertracking: false, ..settings(17, Dialect::Upstream) }).await;
    for path in ["/usertracking/actions.json", "/usertracking/detailenabled"] {
        assert_eq!(api.ask(path).await.0, 404);
    }
    assert_eq!(api.opencast.truth(DAY).actions, 0);
    let (_, components) = api.ask("/info/components.json").await;
    assert!(!components.to_string().contains("/usertracking"));
    let api = Api::start(OpencastSettings { detail: false, ..settings(17, Dialect::Upstream) }).await;
    assert_eq!(api.ask("/usertracking/detailenabled").await, (200, json!(false)));
    assert!(api.ask("/info/components.json").await.1.to_string().contains("\"/usertracking\""));
}

#[tokio::test]
async fn players_tell_of_themselves_every_thirty_seconds() {
    let api = Api::start(settings(5, Dialect::Dce)).await;
    let (rows, _) = api.page("start=20260114000000&end=20260114235959&limit=9999").await;
    let mut sessions: BTreeMap<String, Vec<(Timestamp, u64)>> = BTreeMap::new();
    for row in &rows {
        let created = text(&row["created"]).parse().unwrap();
        let told = (created, row["inpoint"].as_u64().unwrap());
        sessions.entry(text(&row["sessionId"]["sessionId"])).or_default().push(told);
    }
    let mut steps = 0;
    for told in sessions.values() {
        for pair in told.windows(2) {
            let (seconds, on) = (pair[1].0.as_second() - pair[0].0.as_second(), pair[1].1 - pair[0].1);
            assert_eq!(seconds, 30, "{told:?}");
            assert!(on == 30 || on == 0, "a player goes on or stands still: {told:?}");
            steps += 1;
        }
    }
    assert!(steps > rows.len() / 2, "sessions hold several actions: {steps} of {}", rows.len());
}

#[tokio::test]
async fn times_have_fractions_upstream_from_fifteen_on_and_an_offset_always() {
    for (generation, dialect, fractions) in
        [(5, Dialect::Dce, false), (12, Dialect::Upstream, false), (15, Dialect::Upstream, true)]
    {
        let api =
            Api::start(OpencastSettings { actions_per_day: 20_000, ..settings(generation, dialect) }).await;
        let (rows, _) = api.page("day=20260114&limit=500").await;
        let created: Vec<_> = rows.iter().map(|row| text(&row["created"])).collect();
        assert!(created.iter().all(|time| time.ends_with("-05:00") && time.parse::<Timestamp>().is_ok()));
        assert_eq!(created.iter().any(|time| time.contains('.')), fractions, "{generation}");
    }
}
