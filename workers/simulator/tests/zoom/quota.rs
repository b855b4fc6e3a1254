//! The quota over HTTP: refusals, their bodies and headers, and the ledger.

use std::time::Duration;

use serde_json::{Value, json};
use simulator::{AccountPlan, ZoomSettings};

use crate::support::{Api, json as body_of, settings, text};

const LIST: &str = "/metrics/meetings?type=past&from=2026-01-14&to=2026-01-14";
const HEAVY: &str = "/report/users?from=2026-01-14&to=2026-01-14";

#[tokio::test]
async fn the_twenty_first_list_of_a_minute_is_refused() {
    let api = Api::start(ZoomSettings { speed: 1.0, ..settings() }).await;
    for call in 0..20 {
        let response = api.get(LIST).await;
        assert_eq!(response.status(), 200, "call {call}");
        assert_eq!(response.headers()["x-ratelimit-category"], "Resource-intensive");
        assert_eq!(response.headers()["x-ratelimit-type"], "Daily-limit");
        assert_eq!(response.headers()["x-ratelimit-remaining"], (59_999 - call).to_string().as_str());
    }
    let refused = api.get(LIST).await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["x-ratelimit-type"]),
        (429, &"QPS".parse().unwrap())
    );
    assert_eq!(refused.headers()["x-ratelimit-limit"], "20");
    assert!(refused.headers().get("retry-after").is_none());
    let body = body_of(refused).await;
    let message = "You have reached the maximum per-second rate limit for this API. Try again later.";
    assert_eq!(body, json!({ "code": 429, "message": message }));
    assert_eq!(api.get(HEAVY).await.status(), 200, "the other classes are not touched");
    let summary = api.simulator.ledger_summary();
    assert_eq!((summary.calls.resource_intensive, summary.calls.heavy, summary.over), (21, 1, 1));
    assert_eq!(summary.peak.resource_intensive_per_minute, 20);
}

#[tokio::test]
async fn a_spent_day_says_when_it_ends() {
    let plan = AccountPlan::Pro;
    let api = Api::start(ZoomSettings { speed: 0.0001, plan, ..settings() }).await;
    let mut refused = None;
    for _ in 0..8 {
        let response = api.get(HEAVY).await;
        if response.headers()["x-ratelimit-type"] == "Daily-limit" && response.status() == 429 {
            refused = Some(response);
            break;
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    let refused = refused.expect("three calls spend a ten-thousandth of 30,000");
    assert_eq!(refused.headers()["retry-after"], "2026-01-29T00:00:00Z");
    assert_eq!(refused.headers()["x-ratelimit-remaining"], "0");
    assert!(text(&body_of(refused).await["message"]).contains("maximum daily rate limit"));
    assert_eq!(api.get("/users").await.status(), 200, "medium calls have no daily limit");
    api.control(json!({ "now": "2026-01-29T00:00:01Z" })).await;
    let mut api = api;
    api.token = api.simulator.issue_token();
    tokio::time::sleep(Duration::from_millis(1_010)).await;
    assert_eq!(api.get(HEAVY).await.status(), 200, "a new day has begun");
}

#[tokio::test]
async fn calls_of_other_apps_count_against_the_day() {
    let api = Api::start(ZoomSettings { speed: 1.0, ..settings() }).await;
    api.control(json!({ "used_today": 59_999 })).await;
    let last = api.get(HEAVY).await;
    assert_eq!(
        (last.status().as_u16(), &last.headers()["x-ratelimit-remaining"]),
        (200, &"0".parse().unwrap())
    );
    let refused = api.get(HEAVY).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["x-ratelimit-type"], "Daily-limit");
    assert_eq!(api.simulator.ledger_summary().over, 1);
}

#[tokio::test]
async fn the_ledger_proves_that_no_window_held_too_many() {
    let api = Api::start(ZoomSettings { speed: 1.0, ..settings() }).await;
    for _ in 0..3 {
        let calls = (0..60).map(|_| api.get("/report/users"));
        futures_util::future::join_all(calls).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let ledger = api.own("/_ledger").await;
    let rows: Vec<_> = ledger.as_array().unwrap().iter().filter(|row| row["class"] == "heavy").collect();
    assert_eq!(rows.len(), 180);
    let mut admitted: Vec<u64> = Vec::new();
    for row in &rows {
        let recent = admitted.iter().filter(|&&then| then + 1_000_000 > at(row)).count();
        assert_eq!(row["over"] == true, recent >= 40, "{row}: {recent} calls in the second before");
        assert_eq!(row["over"] == true, row["status"] == 429);
        if row["over"] == false {
            admitted.push(at(row));
        }
    }
    let summary = api.own("/_ledger?summary=true").await;
    assert_eq!(summary, serde_json::to_value(api.simulator.ledger_summary()).unwrap());
    assert_eq!((&summary["calls"]["heavy"], &summary["peak"]["heavy_per_second"]), (&json!(180), &json!(40)));
    assert!(summary["over"].as_u64() > Some(0));
    assert_eq!(summary["first_us"], ledger[0]["at_us"]);
}

#[tokio::test]
async fn the_ledger_can_be_read_from_any_place() {
    let api = Api::start(settings()).await;
    for path in ["/users", LIST, "/nothing"] {
        api.get(path).await;
    }
    let ledger = api.own("/_ledger").await;
    let seen: Vec<_> = ledger
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (text(&row["endpoint"]), row["status"].as_u64()))
        .collect();
    let expected = [("/oauth/token", 200), ("/users", 200), ("/metrics/meetings", 200), ("unknown", 400)];
    assert_eq!(seen, expected.map(|(endpoint, status)| (endpoint.to_owned(), Some(status))));
    assert_eq!(api.own("/_ledger?since=3").await, json!([ledger[3]]));
    assert_eq!(api.own("/_ledger?since=4").await, json!([]));
    assert_eq!(api.own("/_ledger?since=99").await, json!([]));
}

#[tokio::test]
async fn control_refuses_what_it_does_not_know() {
    let api = Api::start(settings()).await;
    for change in ["{\"sped\": 2}", "{\"faults\": [\"499=1\"]}", "{\"speed\": -1}", "nonsense"] {
        let response =
            api.client.post(format!("{}/_control", api.simulator.url())).body(change).send().await.unwrap();
        assert_eq!(response.status(), 400, "{change}");
        assert!(response.text().await.unwrap().starts_with("control refused: "));
    }
}

fn at(row: &Value) -> u64 {
    row["at_us"].as_u64().unwrap()
}
