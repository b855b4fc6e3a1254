//! Every fault has its documented effect, affects only its calls, and is in the ledger.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulator::{Fault, FaultRate, ParseFaultError, Source, ZoomSettings};

use crate::support::{Api, DAY, json as body_of, settings, text, twice};

const LIST: &str = "/metrics/meetings?type=past&from=2026-01-14&to=2026-01-14&page_size=300";

async fn with(fault: Fault, rate: f64) -> Api {
    let faults = vec![FaultRate { fault, rate }];
    // Needs a quota, because answers without one have no rate-limit headers to omit.
    let fault_timeout = Duration::from_millis(300);
    Api::start(ZoomSettings { faults, fault_timeout, speed: 1_000.0, ..settings() }).await
}

#[test]
fn faults_are_written_kind_and_rate() {
    for fault in Fault::ALL {
        let written = format!("{fault}=0.25");
        assert_eq!(written.parse(), Ok(FaultRate { fault, rate: 0.25 }));
        assert_eq!(written.parse::<FaultRate>().unwrap().to_string(), written);
    }
    assert!(matches!("501=0.1".parse::<FaultRate>(), Err(ParseFaultError::Unknown(_))));
    assert!(matches!("500".parse::<FaultRate>(), Err(ParseFaultError::NoRate(_))));
    for bad in ["500=2", "500=-0.1", "500=x", "500=", "500=NaN"] {
        assert!(matches!(bad.parse::<FaultRate>(), Err(ParseFaultError::BadRate(_))), "{bad}");
    }
}

#[tokio::test]
async fn a_request_is_struck_so_many_times_in_a_row_at_most() {
    let faults = vec![FaultRate { fault: Fault::InternalError, rate: 1.0 }];
    let api =
        Api::start(ZoomSettings { faults, faults_in_a_row: Some(2), speed: 1_000.0, ..settings() }).await;
    let mut answers = Vec::new();
    for path in [LIST, LIST, "/users", LIST, "/users", LIST, "/users"] {
        answers.push(api.get(path).await.status().as_u16());
    }
    assert_eq!(answers, [500, 500, 500, 200, 500, 500, 200], "each request has a count of its own");
}

#[tokio::test]
async fn injected_429_looks_like_the_per_second_limit_but_is_not_over() {
    let api = with(Fault::TooManyRequests, 1.0).await;
    for (path, category) in [("/users", "Medium"), ("/report/users", "Heavy"), (LIST, "Resource-intensive")] {
        let headers = api.get(path).await.headers().clone();
        assert_eq!(headers["x-ratelimit-category"], category);
        assert_eq!(
            (&headers["x-ratelimit-type"], &headers["x-ratelimit-remaining"]),
            (&"QPS".parse().unwrap(), &0.into())
        );
    }
    let response = api.get(LIST).await;
    assert_eq!(response.status(), 429);
    assert!(response.headers().get("retry-after").is_none());
    let body = body_of(response).await;
    assert_eq!(body["code"], 429);
    assert!(text(&body["message"]).contains("per-second rate limit"));
    let summary = api.simulator.ledger_summary();
    assert_eq!((summary.over, summary.by_fault.get("429")), (0, Some(&4)));
}

#[tokio::test]
async fn injected_500_and_502_have_the_bodies_of_their_kind() {
    let api = with(Fault::InternalError, 1.0).await;
    assert_eq!(api.ask(LIST).await.0, 500);
    let api = with(Fault::BadGateway, 1.0).await;
    let response = api.get(LIST).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (502, &"text/html".parse().unwrap())
    );
    assert!(response.text().await.unwrap().starts_with("<html>"));
}

#[tokio::test]
async fn a_timeout_answers_nothing_and_a_reset_half() {
    let api = with(Fault::Timeout, 1.0).await;
    let started = Instant::now();
    let lost = api.try_get(LIST).await;
    assert!(started.elapsed() >= Duration::from_millis(300), "{:?}", started.elapsed());
    assert!(lost.is_err() || lost.unwrap().text().await.is_err(), "a whole answer came");
    assert_eq!(api.simulator.ledger_summary().by_status.get(&0), Some(&1));
    let api = with(Fault::Reset, 1.0).await;
    let broken = api.get(LIST).await;
    assert_eq!(broken.status(), 200);
    assert!(broken.text().await.is_err(), "the body arrived whole");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_calls_that_hang() {
    let faults = vec![FaultRate { fault: Fault::Timeout, rate: 1.0 }];
    let api = Api::start(ZoomSettings { faults, ..settings() }).await;
    let Api { simulator, client, token } = api;
    let call = client.get(format!("{}{LIST}", simulator.api_url())).bearer_auth(token).send();
    let call = tokio::spawn(call);
    while !simulator.ledger_summary().by_status.contains_key(&0) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let started = Instant::now();
    simulator.stop().await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    let lost = call.await.unwrap();
    assert!(lost.is_err() || lost.unwrap().text().await.is_err());
}

#[tokio::test]
async fn truncated_json_arrives_complete_and_does_not_parse() {
    let api = with(Fault::TruncatedJson, 1.0).await;
    let response = api.get(LIST).await;
    assert_eq!(response.status(), 200);
    let body = response.text().await.unwrap();
    assert!(body.len() > 1_000 && serde_json::from_str::<Value>(&body).is_err());
}

#[tokio::test]
async fn rate_limit_headers_go_missing() {
    let api = with(Fault::MissingHeaders, 1.0).await;
    let mut statuses = Vec::new();
    for _ in 0..40 {
        let response = api.get("/users").await;
        assert!(!response.headers().keys().any(|name| name.as_str().starts_with("x-ratelimit")));
        statuses.push(response.status().as_u16());
    }
    assert!(statuses.contains(&200) && statuses.contains(&429), "{statuses:?}");
    api.control(json!({ "faults": [] })).await;
    assert!(api.get("/users").await.headers().contains_key("x-ratelimit-remaining"));
}

#[tokio::test]
async fn empty_times_touch_some_rows() {
    let api = with(Fault::EmptyTimes, 0.5).await;
    let rows = rows(&api, LIST, "meetings").await;
    let empty: Vec<_> = rows.iter().filter(|row| row["start_time"] == "").collect();
    assert!(!empty.is_empty() && empty.len() < rows.len());
    for row in empty {
        assert_eq!(
            (&row["end_time"], &row["duration"], &row["participants"]),
            (&json!(""), &json!(""), &json!(0))
        );
        assert!(row["uuid"].is_string() && row["id"].is_number());
    }
}

#[tokio::test]
async fn null_fields_spare_what_identifies_a_row() {
    let api = with(Fault::NullFields, 0.5).await;
    let meetings = rows(&api, LIST, "meetings").await;
    let whole = meetings.iter().map(|row| row.as_object().unwrap().len()).max().unwrap();
    let (mut nulls, mut absent) = (0, 0);
    for row in &meetings {
        assert!(row["uuid"].is_string() && row["id"].is_number(), "{row}");
        nulls += row.as_object().unwrap().values().filter(|value| value.is_null()).count();
        absent += usize::from(row.as_object().unwrap().len() < whole);
    }
    assert!(nulls > 0 && absent > 0 && absent < meetings.len(), "{nulls} {absent}");
    let uuid = twice(&text(&meetings[0]["uuid"]));
    for row in
        rows(&api, &format!("/metrics/meetings/{uuid}/participants?type=past&page_size=300"), "participants")
            .await
    {
        assert!(row["user_id"].is_string(), "{row}");
    }
}

#[tokio::test]
async fn details_that_are_not_ready_become_so() {
    let api = with(Fault::NotReady, 0.4).await;
    let mut late = 0;
    let meetings = rows(&api, LIST, "meetings").await;
    for meeting in &meetings {
        let path = format!("/metrics/meetings/{}/participants?type=past", twice(&text(&meeting["uuid"])));
        let first = api.ask(&path).await;
        if first.0 == 200 {
            continue;
        }
        assert_eq!((first.0, &first.1["code"]), (404, &json!(3001)));
        late += 1;
        assert_eq!(api.ask(&path).await.0, 404);
        assert_eq!(api.ask(&path).await.0, 200, "the third request is answered");
    }
    assert!(late > 0 && late < meetings.len(), "{late} of {}", meetings.len());
}

#[tokio::test]
async fn meetings_that_are_gone_stay_so_and_stand_apart_in_the_truth() {
    let api = with(Fault::Gone, 0.3).await;
    let truth = api.simulator.truth(DAY, Source::Dashboard);
    let ids = truth.ids.unwrap_or_default();
    let mut gone = 0;
    for meeting in rows(&api, LIST, "meetings").await {
        let uuid = text(&meeting["uuid"]);
        let path = format!("/metrics/meetings/{}/participants?type=past", twice(&uuid));
        for _ in 0..4 {
            assert_eq!(api.ask(&path).await.0 == 404, ids.gone.contains(&uuid));
        }
        gone += usize::from(ids.gone.contains(&uuid));
        assert!(ids.meeting_uuids.contains(&uuid), "it is listed all the same");
        let prefix = format!("{uuid}/1");
        assert_eq!(ids.session_ids.iter().any(|id| id.starts_with(&prefix)), !ids.gone.contains(&uuid));
    }
    assert!(gone > 0);
}

#[tokio::test]
async fn meetings_that_are_forbidden_answer_403_for_ever() {
    let api = with(Fault::Forbidden, 0.3).await;
    let ids = api.simulator.truth(DAY, Source::Dashboard).ids.unwrap_or_default();
    assert!(!ids.forbidden.is_empty() && ids.gone.is_empty());
    for meeting in rows(&api, LIST, "meetings").await {
        let uuid = text(&meeting["uuid"]);
        let path = format!("/metrics/meetings/{}/participants?type=past", twice(&uuid));
        let forbidden = ids.forbidden.contains(&uuid);
        for _ in 0..2 {
            assert_eq!(api.ask(&path).await.0, if forbidden { 403 } else { 200 });
        }
        assert_ne!(ids.session_ids.iter().any(|id| id.starts_with(&format!("{uuid}/1"))), forbidden);
    }
}

#[tokio::test]
async fn faults_keep_their_rate_and_can_be_repeated() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let api = with(Fault::InternalError, 0.1).await;
        let mut statuses = Vec::new();
        for _ in 0..400 {
            statuses.push(api.get("/past_meetings/x").await.status().as_u16());
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    let struck = runs[0].iter().filter(|status| **status == 500).count();
    assert!((20..=60).contains(&struck), "{struck} of 400 at a rate of 0.1");
}

#[tokio::test]
async fn nothing_but_the_api_is_struck() {
    let mut api = with(Fault::InternalError, 1.0).await;
    assert_eq!(api.ask_token().await.status(), 200);
    assert!(api.own(&format!("/_truth?date={DAY}&ids=false")).await["meetings"].is_number());
    api.token.clear();
    assert_eq!(api.ask(LIST).await.0, 401);
}

async fn rows(api: &Api, path: &str, key: &str) -> Vec<Value> {
    let (status, body) = api.ask(path).await;
    assert_eq!(status, 200, "{body}");
    body[key].as_array().unwrap().clone()
}
