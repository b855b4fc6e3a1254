//! Refused calls: tokens, scopes, windows, pages, uuids and missing plans.

use serde_json::{Value, json};
use simulator::{Simulator, ZoomSettings};

use crate::support;
use crate::support::{Api, DAY, once, settings, text, twice};

const LIST: &str = "/metrics/meetings?type=past&from=2026-01-14&to=2026-01-14";

#[tokio::test]
async fn the_token_endpoint_takes_account_credentials_in_a_form() {
    let api = Api::start(settings()).await;
    let granted = support::json(api.ask_token().await).await;
    assert_eq!((&granted["token_type"], &granted["expires_in"]), (&json!("bearer"), &json!(3600)));
    assert_eq!(granted["api_url"], api.simulator.url());
    let scopes = text(&granted["scope"]);
    assert!(scopes.split(' ').any(|scope| scope == "dashboard:read:list_meetings:admin"), "{scopes}");
    let form = "application/x-www-form-urlencoded";
    let good = "grant_type=account_credentials&account_id=simulated-account";
    for (secret, kind, body, error) in [
        ("wrong", form, good, "invalid_client"),
        (
            "simulated-secret",
            form,
            "grant_type=password&account_id=simulated-account",
            "unsupported_grant_type",
        ),
        ("simulated-secret", form, "grant_type=account_credentials&account_id=other", "invalid_request"),
        ("simulated-secret", "application/json", good, "invalid_request"),
    ] {
        let request = api.client.post(api.simulator.oauth_url()).basic_auth("simulated-client", Some(secret));
        let response = request.header("content-type", kind).body(body).send().await.unwrap();
        assert_eq!(response.status(), 400);
        let refused = support::json(response).await;
        assert_eq!(refused["error"], error);
        assert!(refused["reason"].is_string() && refused.get("code").is_none(), "{refused}");
    }
}

#[tokio::test]
async fn a_token_that_is_missing_wrong_or_expired_answers_401() {
    let mut api = Api::start(settings()).await;
    assert_eq!(api.ask("/users").await.0, 200);
    api.control(json!({ "now": "2026-01-28T13:01:00Z" })).await;
    let (status, body) = api.ask("/users").await;
    assert_eq!((status, &body["code"]), (401, &json!(124)), "an hour has passed: {body}");
    api.token = api.simulator.issue_token();
    assert_eq!(api.ask("/users").await.0, 200);
    api.control(json!({ "expire_tokens": true })).await;
    assert_eq!(api.ask("/users").await.0, 401);
    for token in ["", "nonsense"] {
        api.token = token.to_owned();
        assert_eq!(api.ask("/users").await.1, json!({ "code": 124, "message": "Invalid access token." }));
    }
    assert_eq!(api.simulator.ledger_summary().by_status.get(&401), Some(&4));
}

#[tokio::test]
async fn calls_are_counted_by_the_date_that_they_ask_for() {
    let api = Api::start(settings()).await;
    let (status, list) = api.ask(LIST).await;
    assert_eq!(status, 200, "{list}");
    let uuid = twice(&text(&list["meetings"][0]["uuid"]));
    assert_eq!(api.ask(&format!("/metrics/meetings/{uuid}/participants?type=past")).await.0, 200);
    assert_eq!(api.ask(&format!("/metrics/meetings/{uuid}/participants?type=live")).await.0, 404);
    assert_eq!(api.ask("/users").await.0, 200);
    assert_eq!(api.simulator.calls_about(DAY), 3);
    assert_eq!(api.simulator.calls_about(DAY.tomorrow().unwrap()), 0);
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let scopes = Some(vec!["user:read:list_users:admin".to_owned(), "report:read:admin".to_owned()]);
    let api = Api::start(ZoomSettings { scopes, ..settings() }).await;
    assert_eq!(api.ask("/users").await.0, 200);
    assert_eq!(
        api.ask("/report/users?from=2026-01-14&to=2026-01-14").await.0,
        200,
        "a classic scope will do"
    );
    let (status, body) = api.ask(LIST).await;
    assert_eq!((status, &body["code"]), (400, &json!(4711)));
    assert!(text(&body["message"]).contains("[dashboard:read:list_meetings:admin]"), "{body}");
}

#[tokio::test]
async fn accounts_without_dashboard_or_webinars_hit_a_wall() {
    let api = Api::start(ZoomSettings { dashboard: false, webinar_addon: false, ..settings() }).await;
    for path in
        [LIST, "/metrics/meetings/abc", "/metrics/webinars?type=past", "/metrics/meetings/abc/participants"]
    {
        let (status, body) = api.ask(path).await;
        assert_eq!((status, &body["code"]), (400, &json!(200)), "{path}");
        assert!(text(&body["message"]).contains("enabled the Dashboard feature"));
    }
    assert_eq!(api.ask("/report/users?from=2026-01-14&to=2026-01-14").await.0, 200);
    api.control(json!({ "dashboard": true })).await;
    assert_eq!(api.ask(LIST).await.0, 200);
    let (status, body) = api.ask("/metrics/webinars?type=past&from=2026-01-14&to=2026-01-14").await;
    assert_eq!((status, &body["code"]), (200, &json!(200)), "a failure under status 200");
    assert!(body["message"].is_string() && body.get("webinars").is_none());
}

#[tokio::test]
async fn windows_span_a_month_within_six_months() {
    let api = Api::start(settings()).await;
    let window = |from: &str, to: &str| format!("/metrics/meetings?type=past&from={from}&to={to}");
    for (from, to) in
        [("2026-01-14", "2026-01-14"), ("2025-12-14", "2026-01-14"), ("2025-07-28", "2025-08-01")]
    {
        assert_eq!(api.ask(&window(from, to)).await.0, 200, "{from} {to}");
    }
    for (from, to) in [
        ("2025-12-13", "2026-01-14"),
        ("2025-07-27", "2025-08-01"),
        ("2026-01-14", "2026-01-13"),
        ("yesterday", "2026-01-13"),
        ("2026-02-30", "2026-02-30"),
        ("", "2026-01-13"),
    ] {
        let (status, body) = api.ask(&window(from, to)).await;
        assert_eq!((status, &body["code"]), (400, &json!(300)), "{from} {to}");
        assert!(body["errors"][0]["field"].is_string(), "{body}");
    }
    let (status, body) = api.ask(&window("2026-1-14", "2026-01-14")).await;
    assert_eq!((status, &body["total_records"], &body["meetings"]), (200, &json!(0), &json!([])));
    let whole = api.ask(&window("2026-01-14", "2026-01-14")).await.1["total_records"].as_u64();
    let morning =
        api.ask(&window("2026-01-14%2000:00:00", "2026-01-14%2012:00:00")).await.1["total_records"].as_u64();
    assert!(Some(0) < morning && morning < whole, "{morning:?} of {whole:?}");
}

#[tokio::test]
async fn page_tokens_expire_and_belong_to_their_call() {
    let api = Api::start(settings()).await;
    let next = |body: &Value| text(&body["next_page_token"]);
    let first = api.ask(&format!("{LIST}&page_size=10")).await.1;
    let second = format!("{LIST}&page_size=10&next_page_token={}", next(&first));
    let (status, body) = api.ask(&second).await;
    assert_eq!((status, body["meetings"].as_array().map(Vec::len)), (200, Some(10)));
    assert_ne!(body["meetings"][0]["uuid"], first["meetings"][0]["uuid"]);
    let other = format!("{LIST}&page_size=20&next_page_token={}", next(&first));
    api.control(json!({ "now": "2026-01-28T12:14:00Z" })).await;
    assert_eq!(api.ask(&second).await.0, 200);
    let mut refused = vec![api.ask(&other).await, api.ask(&format!("{LIST}&next_page_token=nonsense")).await];
    api.control(json!({ "now": "2026-01-28T12:16:00Z" })).await;
    refused.push(api.ask(&second).await);
    for (status, body) in refused {
        let message = "The next page token is invalid or expired.";
        assert_eq!((status, body), (400, json!({ "code": 300, "message": message })));
    }
    for size in ["0", "301", "ten"] {
        assert_eq!(api.ask(&format!("{LIST}&page_size={size}")).await.0, 400, "{size}");
    }
    assert_eq!(api.ask("/users?page_size=2000").await.0, 200);
}

#[tokio::test]
async fn uuids_arrive_by_the_double_encoding_rule() {
    let api = Api::start(settings()).await;
    let (mut hard, mut plus, mut slash) = (0, 0, 0);
    for meeting in api.all(LIST, "meetings").await {
        let uuid = text(&meeting["uuid"]);
        let path = |id: &str| format!("/metrics/meetings/{id}?type=past");
        assert_eq!(api.ask(&path(&twice(&uuid))).await.1["uuid"], uuid.as_str(), "twice always works");
        let (status, body) = api.ask(&path(&once(&uuid))).await;
        plus += usize::from(uuid.contains('+'));
        if uuid.starts_with('/') || uuid.contains("//") {
            hard += 1;
            assert_eq!((status, &body["code"]), (404, &json!(3001)), "{uuid}");
            let mangled = text(&body["message"]);
            assert!(!mangled.contains(&uuid) && !mangled.contains("//"), "{uuid}: {mangled}");
        } else {
            slash += usize::from(uuid.contains('/'));
            assert_eq!((status, &body["uuid"]), (200, &json!(uuid)));
        }
    }
    assert!(hard >= 3 && plus > 0 && slash > 0, "{hard} {plus} {slash}");
}

#[tokio::test]
async fn details_want_their_type_and_a_meeting_that_is_known() {
    let api = Api::start(settings()).await;
    let one = api.all(&LIST.replace("past&", "pastOne&"), "meetings").await;
    let uuid = twice(&text(&one[0]["uuid"]));
    let past = twice(&text(&api.all(LIST, "meetings").await[0]["uuid"]));
    for (path, expected) in [
        (format!("/metrics/meetings/{past}/participants?type=past"), 200),
        (format!("/metrics/meetings/{past}/participants"), 404),
        (format!("/metrics/meetings/{past}/participants?type=live"), 404),
        (format!("/metrics/meetings/{past}/participants?type=pastOne"), 404),
        (format!("/metrics/meetings/{uuid}/participants?type=pastOne"), 200),
        (format!("/metrics/meetings/{uuid}/participants?type=past"), 404),
        ("/metrics/meetings/AAAAAAAAAAAAAAAAAAAAAA%253D%253D/participants?type=past".to_owned(), 404),
        ("/past_meetings/12345678901".to_owned(), 404),
        ("/report/users/nobody/meetings?from=2026-01-14&to=2026-01-14".to_owned(), 404),
        ("/report/nothing".to_owned(), 400),
    ] {
        let (status, body) = api.ask(&path).await;
        assert_eq!(status, expected, "{path}: {body}");
        if status == 404 {
            assert!(
                body["code"] == 3001 || path.contains("nobody") && body["code"] == 1001,
                "{path}: {body}"
            );
        }
    }
}

#[tokio::test]
async fn meetings_that_have_not_ended_are_not_there_yet() {
    let api = Api::start(settings()).await;
    let whole = api.ask(LIST).await.1;
    let late = api.all(LIST, "meetings").await.into_iter();
    let late = late.max_by_key(|meeting| text(&meeting["end_time"])).unwrap();
    assert!(text(&late["end_time"]).starts_with("2026-01-15"), "one crosses midnight: {late}");
    api.control(json!({ "now": "2026-01-14T12:00:00Z" })).await;
    let mut api = api;
    api.token = api.simulator.issue_token();
    let noon = api.ask(LIST).await.1;
    assert!(noon["total_records"].as_u64() < whole["total_records"].as_u64());
    for meeting in api.all(LIST, "meetings").await {
        assert!(text(&meeting["end_time"]).as_str() < "2026-01-14T12:00:30Z");
    }
    let path = format!("/metrics/meetings/{}?type=past", twice(&text(&late["uuid"])));
    assert_eq!(api.ask(&path).await.1["code"], 3001);
    let truth = api.simulator.truth(DAY, simulator::Source::Dashboard);
    assert!(truth.meetings < 60, "the truth is that of this moment");
}

#[tokio::test]
async fn inactive_users_are_listed_apart() {
    let api = Api::start(settings()).await;
    let active = api.all("/users", "users").await;
    let inactive = api.all("/users?status=inactive", "users").await;
    assert!(!inactive.is_empty());
    assert_eq!(active.len() + inactive.len(), 12);
    assert!(api.all("/users?status=pending", "users").await.is_empty());
}

#[tokio::test]
async fn settings_that_make_no_world_are_refused() {
    for settings in [
        ZoomSettings { hosts: 0, ..settings() },
        ZoomSettings { participants: 0.0, ..settings() },
        ZoomSettings { speed: -1.0, ..settings() },
        ZoomSettings { speed: f64::NAN, ..settings() },
    ] {
        let refused = Simulator::start(settings).await.expect_err("a world of nothing");
        assert!(refused.to_string().starts_with("simulator settings refused"), "{refused}");
    }
    let api = Api::start(settings()).await;
    let port = api.simulator.url().rsplit(':').next().unwrap().parse().unwrap();
    let refused = Simulator::start(ZoomSettings { port, ..settings() }).await.expect_err("the port is taken");
    assert!(refused.to_string().contains(&port.to_string()), "{refused}");
}
