//! Well-formed but implausible answers, and an API that does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use messages::{CauseClass, ReceiptState};
use runtime::quota::RateLimiter;
use runtime::{Failure, Worker as _};
use zoom::{Config, DetailWorker, ListWorker, Quota, Zoom};

use crate::support::server::{Server, json};
use crate::support::{Bench, Harvest, closed_date, first_attempt, job, meetings};

async fn harvest(server: &Server) -> Harvest {
    Bench::new(server.config()).harvest(vec![meetings(closed_date())]).await
}

fn list_id() -> String {
    format!("zoom:meetings:{}", closed_date())
}

#[tokio::test]
async fn a_token_that_lives_for_ever_or_not_at_all_is_asked_for_once() {
    let for_ever = Server::start(|path, _| {
        let body = r#"{"access_token":"t","expires_in":18446744073709551615}"#;
        (path == "/oauth/token").then(|| json(200, body))
    })
    .await;
    let not_at_all = Server::start(|path, _| {
        (path == "/oauth/token").then(|| json(200, r#"{"access_token":"t","expires_in":0}"#))
    })
    .await;
    for server in [for_ever, not_at_all] {
        assert_eq!(harvest(&server).await.receipt(&list_id()).state, ReceiptState::Complete);
        assert_eq!(server.asked("/oauth/token"), 1);
    }
}

#[tokio::test]
async fn a_401_is_a_401_whatever_its_body() {
    let server = Server::start(|path, before| match path {
        _ if path.contains("type=past&") && before == 0 => Some(json(401, "")),
        _ if path.contains("type=pastOne&") && before == 0 => Some(json(401, "<html>")),
        _ => None,
    })
    .await;
    assert_eq!(harvest(&server).await.receipt(&list_id()).attempts, 1);
    assert_eq!(server.asked("/oauth/token"), 3);
}

#[tokio::test]
async fn a_list_that_goes_round_and_round_is_ended_at_once() {
    let server = Server::start(|path, _| {
        let next = if path.contains("next_page_token=a") { "b" } else { "a" };
        let body = format!(r#"{{"next_page_token":"{next}","total_records":9,"meetings":[]}}"#);
        path.contains("type=past&").then(|| json(200, &body))
    })
    .await;
    let outcome = Bench::new(server.config()).perform(job(meetings(closed_date())), first_attempt()).await;
    let Err(Failure::Reject { cause }) = outcome else { panic!("{outcome:?}") };
    assert!(cause.text.contains("again and again"), "{cause}");
    assert_eq!(server.asked("type=past&"), 3, "the first page, a and b");
}

#[tokio::test]
async fn counts_beyond_all_bounds_are_no_panic() {
    let server = Server::start(|path, _| {
        let body = r#"{"total_records":18446744073709551615,"meetings":[]}"#;
        path.contains("/metrics/meetings").then(|| json(200, body))
    })
    .await;
    let harvest = harvest(&server).await;
    let receipt = harvest.receipt(&list_id());
    assert_eq!((receipt.state, receipt.expected), (ReceiptState::Incomplete, Some(u64::MAX)));
    assert_eq!(receipt.cause.as_ref().unwrap().class, CauseClass::NotReadyExpired);
}

#[tokio::test]
async fn an_answer_that_promises_nothing_proves_nothing() {
    let server = Server::start(|path, _| match path {
        _ if path.contains("/participants") => Some(json(200, r#"{"participants":[{"user_id":"1"}]}"#)),
        _ if path.contains("type=past&") => {
            Some(json(200, r#"{"total_records":1,"meetings":[{"uuid":"4444AAAiAAAAAiAiAiiAiA=="}]}"#))
        }
        _ if path.contains("type=pastOne&") => Some(json(200, r#"{"meetings":[]}"#)),
        _ => None,
    })
    .await;
    let harvest = harvest(&server).await;
    for (id, got) in [(list_id(), 1), ("zoom:participants:4444AAAiAAAAAiAiAiiAiA==".to_owned(), 1)] {
        let receipt = harvest.receipt(&id);
        assert_eq!(
            (receipt.state, receipt.expected, receipt.got),
            (ReceiptState::Incomplete, None, Some(got)),
            "{id}"
        );
        let cause = receipt.cause.as_ref().unwrap();
        assert_eq!(cause.text, "the answer does not say how many records there are");
    }
}

#[tokio::test]
async fn an_account_that_is_paused_does_not_hold_the_others() {
    let server = Server::start(|_, _| None).await;
    let config = |label: &str| Config { label: label.to_owned(), ..server.config() };
    let paused = || {
        let account = config("main").account();
        let limiter = RateLimiter::in_process(account.clone());
        let heavy = account.limit("heavy").unwrap();
        assert!(matches!(limiter.spent(heavy, None), Failure::Hold { .. }));
        Zoom::with_quota(config("main"), Quota::new(limiter, &account)).unwrap()
    };
    let others = || vec![Zoom::new(config("clinic")).unwrap()];
    assert!(!DetailWorker(Arc::new(paused())).healthy().await);
    assert!(DetailWorker(Arc::new(paused().with_others(others()))).healthy().await);
}

/// Whether the API of [`an_outage_holds_and_passes`] is down.
static OUT: AtomicBool = AtomicBool::new(true);

#[tokio::test]
async fn an_outage_holds_and_passes() {
    let server = Server::start(|path, _| {
        let out = path.starts_with("/v2") && OUT.load(Ordering::Relaxed);
        out.then(|| json(503, "<html>"))
    })
    .await;
    let bench = Bench::new(server.config());
    let (list, detail) = (ListWorker(Arc::clone(&bench.zoom)), DetailWorker(Arc::clone(&bench.zoom)));
    assert!(!list.healthy().await && !detail.healthy().await, "an API that answers 503 is not well");
    for number in 1..=9 {
        let outcome = bench.perform(job(meetings(closed_date())), first_attempt()).await;
        assert!(matches!(outcome, Err(Failure::Retry { .. })), "{number}: {outcome:?}");
    }
    for _ in 0..5 {
        let outcome = bench.perform(job(meetings(closed_date())), first_attempt()).await;
        let Err(Failure::Hold { until: None, why, .. }) = outcome else { panic!("{outcome:?}") };
        assert!(
            why.starts_with("zoom answers nothing but errors (GET /metrics/meetings answered 503"),
            "{why}"
        );
        assert!(why.ends_with(" UTC"), "{why}");
    }
    assert_eq!(server.asked("/v2/metrics/meetings"), 10, "what is held is not asked");
    OUT.store(false, Ordering::Relaxed);
    let well = async {
        while !detail.healthy().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), well).await.unwrap();
    bench.perform(job(meetings(closed_date())), first_attempt()).await.unwrap();
}

#[tokio::test]
async fn refusals_and_waits_are_answers() {
    let server = Server::start(|path, before| match before % 18 {
        _ if !path.contains("type=past&") => None,
        8 => Some(json(404, r#"{"code":3001,"message":"Meeting does not exist"}"#)),
        17 => Some(json(429, "")),
        _ => Some(json(500, r#"{"code":500,"message":""}"#)),
    })
    .await;
    let bench = Bench::new(server.config());
    for number in 1..=30 {
        let outcome = bench.perform(job(meetings(closed_date())), first_attempt()).await;
        assert!(matches!(outcome, Err(Failure::Retry { .. })), "{number}: {outcome:?}");
    }
    assert_eq!(server.asked("type=past&"), 31, "once more for the 429");
}
