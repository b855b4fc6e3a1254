//! The world depends on seed and date only, and contains all documented oddities.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use simulator::{Source, ZoomSettings};

use crate::support::{Api, DAY, settings, text, twice};

const LIST: &str = "/metrics/meetings?type=past&from=2026-01-14&to=2026-01-14";

#[tokio::test]
async fn a_date_is_a_function_of_seed_and_date() {
    let one = Api::start(settings()).await;
    let two = Api::start(settings()).await;
    // Neither the order of requests nor the clock matters.
    for date in ["2026-01-02", "2026-01-20"] {
        two.simulator.truth(date.parse().unwrap(), Source::Report);
    }
    two.control(serde_json::json!({ "now": "2026-01-28T12:30:00Z" })).await;
    assert_eq!(one.ask(LIST).await.1["meetings"], two.ask(LIST).await.1["meetings"]);
    let uuid = twice(&text(&one.all(LIST, "meetings").await[3]["uuid"]));
    let participants = format!("/metrics/meetings/{uuid}/participants?type=past&page_size=300");
    assert_eq!(one.ask(&participants).await, two.ask(&participants).await);
    let other = Api::start(ZoomSettings { seed: 8, ..settings() }).await;
    assert_ne!(one.simulator.truth(DAY, Source::Dashboard), other.simulator.truth(DAY, Source::Dashboard));
    let next_day = one.simulator.truth(DAY.tomorrow().unwrap(), Source::Dashboard);
    assert_ne!(one.simulator.truth(DAY, Source::Dashboard).sessions, next_day.sessions);
}

#[tokio::test]
async fn sessions_are_of_every_kind_that_is_promised() {
    let api = Api::start(ZoomSettings { meetings_per_day: 300, participants: 12.0, ..settings() }).await;
    let (mut seen, mut largest) = (BTreeSet::new(), 0);
    for meeting in api.all(LIST, "meetings").await {
        let path = format!("/metrics/meetings/{}/participants?type=past", twice(&text(&meeting["uuid"])));
        let rows = api.all(&path, "participants").await;
        largest = largest.max(rows.len());
        look(&meeting, &rows, &mut seen);
    }
    assert!(largest > 300, "no meeting needs a second page of 300: {largest}");
    let promised = [
        "breakout",
        "breakout user id",
        "comes back",
        "guest",
        "reconnect",
        "same second",
        "waiting room",
        "first user id",
    ];
    assert_eq!(seen, BTreeSet::from(promised));
}

#[tokio::test]
async fn series_recur_and_some_meetings_cross_midnight() {
    let api = Api::start(ZoomSettings { meetings_per_day: 300, ..settings() }).await;
    let meetings = api.all(LIST, "meetings").await;
    let mut series: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for meeting in &meetings {
        let id = meeting["id"].as_u64().unwrap();
        assert!((1_000_000_000..100_000_000_000).contains(&id), "{id}");
        series.entry(id).or_default().insert(text(&meeting["uuid"]));
        assert!(text(&meeting["start_time"]).starts_with("2026-01-14T"), "{meeting}");
        assert!(matches!(text(&meeting["duration"]).len(), 5 | 8), "{meeting}");
    }
    assert!(series.values().any(|uuids| uuids.len() > 1), "no series recurs");
    let crossing =
        meetings.iter().filter(|meeting| text(&meeting["end_time"]).starts_with("2026-01-15T")).count();
    assert!(crossing >= 5, "{crossing}");
}

#[tokio::test]
async fn the_mean_is_what_was_asked_for() {
    for (meetings_per_day, participants) in [(200, 12.0), (1_000, 20.0)] {
        let api =
            Api::start(ZoomSettings { meetings_per_day, participants, webinars: false, ..settings() }).await;
        let all = api.ask("/report/users?from=2026-01-05&to=2026-01-25").await.1;
        assert_eq!(all["total_meetings"], 21 * meetings_per_day);
        let mean = all["total_participants"].as_f64().unwrap() / f64::from(21 * meetings_per_day);
        assert!(
            (mean / participants - 1.0).abs() < 0.15,
            "{mean} people a meeting instead of {participants}"
        );
    }
}

#[tokio::test]
async fn one_uuid_in_twenty_needs_double_encoding_at_least() {
    let api = Api::start(ZoomSettings { meetings_per_day: 1_000, ..settings() }).await;
    let uuids = api.simulator.truth(DAY, Source::Dashboard).ids.unwrap_or_default().meeting_uuids;
    let hard = uuids.iter().filter(|uuid| uuid.starts_with('/') || uuid.contains("//")).count();
    assert!(hard * 20 >= uuids.len(), "{hard} of {} uuids", uuids.len());
}

fn look(meeting: &Value, rows: &[Value], seen: &mut BTreeSet<&'static str>) {
    let mut stays: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        let (join, leave) = (text(&row["join_time"]), text(&row["leave_time"]));
        assert!(
            text(&meeting["start_time"]) <= join && join <= leave && leave <= text(&meeting["end_time"]),
            "{row}"
        );
        let user_id: u64 = text(&row["user_id"]).parse().unwrap();
        assert_eq!(user_id % 1_024, 0);
        if row["status"] == "in_waiting_room" {
            seen.insert("waiting room");
        }
        if row["id"] == "" && row["email"] == "" {
            seen.insert("guest");
        }
        if row.get("bo_mtg_id").is_some() {
            seen.insert("breakout");
            if user_id >> 24 > 1 {
                seen.insert("breakout user id");
            }
        }
        if user_id == 16_778_240 {
            seen.insert("first user id");
        }
        stays.entry(text(&row["participant_uuid"])).or_default().push(row);
        if row["id"] != "" {
            names.entry(text(&row["id"])).or_default().insert(text(&row["participant_uuid"]));
        }
    }
    for stay in stays.values().filter(|stay| stay.len() > 1) {
        seen.insert("reconnect");
        if stay.windows(2).any(|pair| pair[0]["leave_time"] == pair[1]["join_time"]) {
            seen.insert("same second");
        }
    }
    if names.values().any(|uuids| uuids.len() > 1) {
        seen.insert("comes back");
    }
}
