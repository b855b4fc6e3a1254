//! The truth equals what reading all pages finds, however they are requested.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::date;
use serde_json::{Value, json};
use simulator::opencast::{Attendance, Dialect, Disorder, OpencastSettings};

use crate::support::{Api, DAY, many, settings, text, workflows};

/// Content of a harvest: rows by id.
type Held = BTreeMap<i64, Value>;

fn add(held: &mut Held, rows: Vec<Value>) {
    held.extend(rows.into_iter().map(|row| (row["id"].as_i64().unwrap(), row)));
}

fn ids(held: &Held) -> Vec<i64> {
    held.keys().copied().collect()
}

#[tokio::test]
async fn windows_of_the_fork_tile_a_date_and_hold_all_of_it() {
    let api = Api::start(settings(5, Dialect::Dce)).await;
    let mut held = Held::new();
    for hour in 0..24 {
        let window = format!("start=20260114{hour:02}0000&end=20260114{hour:02}5959");
        let rows = api.pages(&window, 7).await;
        let before = held.len();
        let count = rows.len();
        add(&mut held, rows);
        assert_eq!(held.len(), before + count, "the fork tells nothing twice");
    }
    let truth = api.opencast.truth(DAY);
    assert_eq!((truth.actions, ids(&held)), (1_200, truth.ids.unwrap().action_ids));
    assert_eq!(held.keys().sum::<i64>(), truth.id_sum);
    assert!(held.values().all(|row| text(&row["created"]).starts_with("2026-01-14T")));
}

#[tokio::test]
async fn a_day_upstream_is_whole_after_enough_readings_and_not_after_one() {
    let api = Api::start(settings(15, Dialect::Upstream)).await;
    let truth = api.opencast.truth(DAY);
    let (mut held, mut readings, mut first) = (Held::new(), 0, 0);
    while (held.len() as u64) < truth.actions && readings < 50 {
        readings += 1;
        add(&mut held, api.pages("day=20260114", 50).await);
        first = if readings == 1 { held.len() } else { first };
    }
    assert_eq!(ids(&held), truth.ids.unwrap().action_ids);
    assert!((first as u64) < truth.actions, "one reading found everything: the order was none too bad");
}

#[tokio::test]
async fn one_page_holds_a_day_whatever_the_order() {
    for disorder in [Disorder::Stable, Disorder::Local, Disorder::Full] {
        let api = Api::start(OpencastSettings { disorder, ..settings(17, Dialect::Upstream) }).await;
        let read = async || api.page("day=20260114&limit=100000").await.0;
        let (one, two) = (read().await, read().await);
        let order = |rows: &[Value]| rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
        assert_eq!(order(&one) == order(&two), disorder == Disorder::Stable, "{disorder:?}");
        let mut held = Held::new();
        add(&mut held, one);
        assert_eq!(ids(&held), api.opencast.truth(DAY).ids.unwrap().action_ids);
    }
}

#[tokio::test]
async fn a_day_of_a_clock_change_and_a_day_of_nothing_have_their_truth() {
    let now = Some("2026-12-01T00:00:00Z".parse().unwrap());
    let world = OpencastSettings { now, history_days: 300, ..settings(12, Dialect::Upstream) };
    let api = Api::start(OpencastSettings { actions_per_day: 500, ..world.clone() }).await;
    for day in [date(2026, 3, 8), date(2026, 11, 1)] {
        let (rows, total) = api.page(&format!("day={}&limit=9999", day.strftime("%Y%m%d"))).await;
        assert_eq!((rows.len(), total), (500, 500));
        assert_eq!(api.opencast.truth(day).actions, 500);
        let offsets: BTreeSet<_> = rows.iter().map(|row| text(&row["created"])[19..].to_owned()).collect();
        assert_eq!(offsets, BTreeSet::from(["-04:00".to_owned(), "-05:00".to_owned()]));
    }
    assert_eq!(api.opencast.truth(date(2020, 1, 1)).actions, 0);
    assert_eq!(api.page("day=20200101").await, (Vec::new(), 0));
    let api = Api::start(OpencastSettings { actions_per_day: 0, ..world }).await;
    assert_eq!(api.page("day=20261101").await, (Vec::new(), 0));
    assert_eq!(api.opencast.truth(date(2026, 11, 1)).episodes, Vec::<String>::new());
}

/// Share of pieces of 300 s in a length, in whole per cent.
fn percent(pieces: usize, length_ms: u64) -> Option<u8> {
    let all = length_ms.div_ceil(300_000);
    (pieces > 0 && all > 0).then(|| (100 * pieces as u64 / all).min(100) as u8)
}

/// Lengths of an episode's recording and live stream, from the answers.
async fn lengths(api: &Api, mpid: &str) -> Option<(u64, u64)> {
    let mpid = percent_encoding::utf8_percent_encode(mpid, percent_encoding::NON_ALPHANUMERIC).to_string();
    let (_, mut found) = api.ask(&format!("/search/episode.json?id={mpid}")).await;
    let result = many(found["search-results"]["result"].take()).pop()?;
    let vod = text(&result["mediapackage"]["duration"]).parse().unwrap_or(0);
    let (_, found) = api.ask(&format!("/workflow/instances.json?mp={mpid}")).await;
    let workflows = workflows(&found);
    let newest = workflows.into_iter().max_by_key(|workflow| text(&workflow["id"]).parse::<u64>().unwrap());
    let operations = newest.map(|mut workflow| many(workflow["operations"]["operation"].take()));
    let capture = operations.unwrap_or_default().into_iter().find(|operation| operation["id"] == "capture");
    let live = capture
        .map_or(0, |capture| capture["completed"].as_u64().unwrap() - capture["started"].as_u64().unwrap());
    Some((vod, live))
}

#[tokio::test]
async fn attendance_is_what_counting_the_answers_gives() {
    let api = Api::start(OpencastSettings { students: 20, ..settings(5, Dialect::Dce) }).await;
    let rows = api.pages("start=20260114000000&end=20260114235959", 500).await;
    let mut seen: BTreeMap<(String, String), [BTreeSet<u64>; 2]> = BTreeMap::new();
    for row in rows {
        let (huid, playing) = (text(&row["sessionId"]["userId"]), row["isPlaying"].as_u64().unwrap());
        if row["type"] == "HEARTBEAT" && playing > 0 && huid != "anonymous" {
            let pieces = seen.entry((text(&row["mediapackageId"]), huid)).or_default();
            pieces[usize::from(playing == 2)].insert(row["inpoint"].as_u64().unwrap() / 300);
        }
    }
    let mut counted = Vec::new();
    for ((mpid, huid), [vod, live]) in seen {
        let Some(lengths) = lengths(&api, &mpid).await else { continue };
        let (vod, live) = (percent(vod.len(), lengths.0), percent(live.len(), lengths.1));
        if vod.is_some() || live.is_some() {
            counted.push(Attendance { mpid, huid, vod, live });
        }
    }
    let truth = api.opencast.truth(DAY);
    assert_eq!(counted, truth.attendance);
    assert!(counted.iter().any(|one| one.live.is_some()) && counted.iter().any(|one| one.vod.is_some()));
    assert!(truth.of_unknown_episodes > 0, "a world that knows every episode proves little");
}

#[tokio::test]
async fn the_truth_over_http_is_the_truth_of_the_library() {
    let api = Api::start(settings(16, Dialect::Upstream)).await;
    let (_, told) = api.ask(&format!("/_truth?date={DAY}")).await;
    assert_eq!(told, serde_json::to_value(api.opencast.truth(DAY)).unwrap());
    let (_, figures) = api.ask(&format!("/_truth?date={DAY}&ids=false")).await;
    assert_eq!((&figures["actions"], figures.get("action_ids")), (&json!(1_200), None));
    let named = told["episodes"].as_array().unwrap().len();
    assert!((1..=60).contains(&named), "{named}");
}

#[tokio::test]
async fn what_has_not_been_made_yet_is_not_told_and_not_true() {
    let now = Some("2026-01-14T17:00:00Z".parse().unwrap());
    let api = Api::start(OpencastSettings { now, ..settings(15, Dialect::Upstream) }).await;
    let (_, total) = api.page("day=20260114").await;
    assert_eq!(total, api.opencast.truth(DAY).actions);
    assert!((400..800).contains(&total), "{total} of 1200 at noon");
    api.control(json!({ "now": "2026-01-15T06:00:00Z" })).await;
    assert_eq!((api.page("day=20260114").await.1, api.opencast.truth(DAY).actions), (1_200, 1_200));
}

#[tokio::test]
async fn nobody_attends_where_nobody_is_known() {
    let api = Api::start(OpencastSettings { omitted: true, ..settings(15, Dialect::Upstream) }).await;
    let (rows, _) = api.page("day=20260114&limit=100").await;
    for row in &rows {
        for field in ["sessionId", "userId", "userIp"] {
            assert_eq!(row["sessionId"][field], "-omitted-");
        }
    }
    assert_eq!((rows.len(), api.opencast.truth(DAY).attendance), (100, Vec::new()));
}
