//! Answers that the simulator cannot give, from a scripted server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use messages::{CauseClass, Document, RawKind, ReceiptState, decode};
use runtime::{Failure, Worker as _, clock};
use zoom::{Config, ListWorker, ZoomPlan};

use crate::support::server::{SECRET, Server, TOKEN, json, with};
use crate::support::{Bench, closed_date, first_attempt, job, meetings};

/// Performs the list job of [`closed_date`].
async fn list(server: &Server) -> Result<(), Failure> {
    Bench::new(server.config()).perform(job(meetings(closed_date())), first_attempt()).await
}

#[tokio::test]
async fn a_list_without_meetings_is_complete() {
    let server = Server::start(|_, _| None).await;
    let harvest = Bench::new(server.config()).harvest(vec![meetings(closed_date())]).await;
    let receipt = harvest.receipt(&format!("zoom:meetings:{}", closed_date()));
    assert_eq!((receipt.state, receipt.expected, receipt.jobs), (ReceiptState::Complete, Some(0), Some(0)));
    assert_eq!(harvest.of_kind(RawKind::ZoomMetricsMeetings).count(), 2);
}

#[tokio::test]
async fn rows_without_a_usable_uuid_die_alone() {
    let server = Server::start(|path, _| {
        let page = r#"{"total_records":"3","meetings":[{"uuid":"4444AAAiAAAAAiAiAiiAiA==","id":81000000001},
            {"uuid":"canary","topic":"kept"},{"id":81000000003}]}"#;
        path.contains("type=past&").then(|| json(200, page))
    })
    .await;
    let bench = Bench::new(server.config());
    bench.perform(job(meetings(closed_date())), first_attempt()).await.unwrap();
    let dead = bench.drain(messages::Queue::dead()).await;
    assert_eq!(dead.len(), 2);
    let cause = dead[0].headers.cause.as_ref().unwrap();
    assert_eq!((cause.class, cause.text.contains("row 1")), (CauseClass::BadShape, true), "{cause}");
    assert!(!cause.text.contains("canary"), "{cause}");
    assert_eq!(dead[0].headers.origin.as_ref().unwrap().as_str(), "ua.documents");
    let Document::Raw(raw) = decode(&dead[0].body).unwrap() else { panic!("a raw document") };
    assert_eq!(raw.body.get(), r#"{"meetings":[{"uuid":"canary","topic":"kept"}]}"#);
    let jobs =
        bench.drain(messages::Queue::jobs(messages::Family::ZOOM_DETAIL, messages::Lane::Backfill)).await;
    assert_eq!(jobs.len(), 1);
    let harvest = bench.harvest(Vec::new()).await;
    assert_eq!(harvest.receipt(&format!("zoom:meetings:{}", closed_date())).got, Some(3));
}

#[tokio::test]
async fn fewer_records_than_promised_are_incomplete() {
    let server = Server::start(|path, _| {
        path.contains("type=past&").then(|| json(200, r#"{"total_records":5,"meetings":[]}"#))
    })
    .await;
    let harvest = Bench::new(server.config()).harvest(vec![meetings(closed_date())]).await;
    let receipt = harvest.receipt(&format!("zoom:meetings:{}", closed_date()));
    assert_eq!((receipt.state, receipt.expected, receipt.got), (ReceiptState::Incomplete, Some(5), Some(0)));
    assert!(receipt.cause.as_ref().unwrap().text.contains("5 records were promised, 0 came"));
}

#[tokio::test]
async fn an_expired_page_token_begins_the_list_anew() {
    let server = Server::start(|path, before| match path {
        _ if path.contains("next_page_token") && before == 0 => {
            Some(json(400, r#"{"code":300,"message":"The next page token is invalid or expired."}"#))
        }
        _ if path.contains("next_page_token") => {
            Some(json(200, r#"{"total_records":2,"meetings":[{"uuid":"a+bcAAAiAAAAAiAiAiiAiA=="}]}"#))
        }
        _ if path.contains("type=past&") => Some(json(
            200,
            r#"{"total_records":2,"next_page_token":"x","meetings":[{"uuid":"4444AAAiAAAAAiAiAiiAiA=="}]}"#,
        )),
        _ => None,
    })
    .await;
    let bench = Bench::new(server.config());
    bench.perform(job(meetings(closed_date())), first_attempt()).await.unwrap();
    assert_eq!(server.asked("next_page_token=x"), 2);
    let harvest = bench.harvest(Vec::new()).await;
    let receipt = harvest.receipts.get(&format!("zoom:meetings:{}", closed_date())).unwrap();
    assert_eq!((receipt.expected, receipt.got, receipt.jobs), (Some(2), Some(2), Some(2)));
    assert_eq!(receipt.calls.resource_intensive, 5);
}

#[tokio::test]
async fn a_list_that_repeats_itself_is_ended() {
    let server = Server::start(|path, _| {
        path.contains("type=past&").then(|| json(200, r#"{"next_page_token":"same","meetings":[]}"#))
    })
    .await;
    let outcome = list(&server).await;
    let Err(Failure::Reject { cause }) = outcome else { panic!("{outcome:?}") };
    assert!(cause.text.contains("again and again"), "{cause}");
}

#[tokio::test]
async fn a_429_is_waited_for_as_long_as_it_asks() {
    let server = Server::start(|path, before| {
        (path.contains("type=past&") && before == 0)
            .then(|| with(429, ("retry-after", "1"), r#"{"code":429}"#))
    })
    .await;
    let begin = Instant::now();
    list(&server).await.unwrap();
    assert!((900..3_000).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_429_for_long_or_for_the_day_is_a_hold() {
    let long =
        Server::start(|path, _| path.contains("type=past&").then(|| with(429, ("retry-after", "600"), "")))
            .await;
    let outcome = list(&long).await;
    let Err(Failure::Hold { until: Some(until), .. }) = outcome else { panic!("{outcome:?}") };
    assert!((1..=60).contains(&until.duration_since(clock::now()).as_secs()), "{until}: a minute at most");

    let day = Server::start(|path, _| {
        path.contains("type=past&")
            .then(|| json(429, r#"{"code":429,"message":"the maximum daily rate limit"}"#))
    })
    .await;
    let bench = Bench::new(day.config());
    for _ in 0..2 {
        let outcome = bench.perform(job(meetings(closed_date())), first_attempt()).await;
        let Err(Failure::Hold { until: Some(until), why, .. }) = outcome else { panic!("{outcome:?}") };
        assert!(until > clock::now() && why.contains("daily limit"), "{why}");
    }
    assert_eq!(day.asked("type=past&"), 1, "a spent day is not asked again");
}

#[tokio::test]
async fn the_smaller_page_of_users_is_taken_where_the_large_one_is_refused() {
    let server = Server::start(|path, _| match path {
        _ if path.contains("page_size=2000") => {
            Some(json(400, r#"{"code":300,"message":"Validation Failed."}"#))
        }
        _ if path.contains("/users") => {
            Some(json(200, r#"{"users":[{"id":"H1","email":"HOST@example.edu"}]}"#))
        }
        _ if path.contains("type=past&") => Some(json(
            200,
            r#"{"meetings":[{"uuid":"4444AAAiAAAAAiAiAiiAiA==","email":"host@EXAMPLE.edu"}]}"#,
        )),
        _ => None,
    })
    .await;
    let bench = Bench::new(server.config());
    for _ in 0..2 {
        bench.perform(job(meetings(closed_date())), first_attempt()).await.unwrap();
    }
    assert_eq!(server.asked("/v2/users"), 4, "read once for both jobs");
    let harvest = bench.harvest(Vec::new()).await;
    let page = harvest.of_kind(RawKind::ZoomMetricsMeetings).next().unwrap();
    assert_eq!(page.context["host_ids"]["host@example.edu"], "H1");
}

#[tokio::test]
async fn many_jobs_at_once_ask_for_one_token_and_one_list_of_users() {
    let server = Server::start(|_, _| None).await;
    let bench = Arc::new(Bench::new(server.config()));
    let jobs = (1..=16).map(|days| {
        let bench = Arc::clone(&bench);
        let date = closed_date().checked_sub(jiff::Span::new().days(days)).unwrap();
        tokio::spawn(async move { bench.perform(job(meetings(date)), first_attempt()).await })
    });
    for outcome in jobs.collect::<Vec<_>>() {
        outcome.await.unwrap().unwrap();
    }
    assert_eq!((server.asked("/oauth/token"), server.asked("/v2/users")), (1, 2));
}

#[tokio::test]
async fn refused_credentials_stop_the_worker_and_trouble_there_holds_it() {
    let refused = Server::start(|path, _| {
        let body = r#"{"reason":"canary","error":"invalid_client"}"#;
        (path == "/oauth/token").then(|| json(400, body))
    })
    .await;
    let outcome = list(&refused).await;
    let Err(Failure::Refused { cause }) = outcome else { panic!("{outcome:?}") };
    assert!(cause.contains("invalid_client") && cause.contains("ZOOM_CLIENT_SECRET"), "{cause}");
    assert!(!cause.contains("canary"), "{cause}");

    let trouble = Server::start(|path, _| (path == "/oauth/token").then(|| json(502, "<html>"))).await;
    let outcome = list(&trouble).await;
    assert!(matches!(outcome, Err(Failure::Hold { until: Some(_), .. })), "{outcome:?}");
}

#[tokio::test]
async fn an_api_that_is_down_holds_until_it_answers() {
    let server = Server::start(|path, _| path.starts_with("/v2").then(|| json(401, "{}"))).await;
    let bench = Bench::new(server.config());
    assert!(ListWorker(Arc::clone(&bench.zoom)).healthy().await, "any answer is a sign of life");

    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api_url = format!("http://{}/v2", closed.local_addr().unwrap());
    drop(closed);
    let server = Server::start(|_, _| None).await;
    let bench = Bench::new(Config { api_url, ..server.config() });
    let outcome = bench.perform(job(meetings(closed_date())), first_attempt()).await;
    assert!(matches!(outcome, Err(Failure::Hold { until: None, .. })), "{outcome:?}");
    assert!(!ListWorker(Arc::clone(&bench.zoom)).healthy().await);
}

#[tokio::test]
async fn an_answer_larger_than_a_message_is_refused_alone() {
    let server = Server::start(|path, _| {
        let padding = "x".repeat(15 << 20);
        path.contains("type=past&").then(|| json(200, &format!(r#"{{"meetings":[],"x":"{padding}"}}"#)))
    })
    .await;
    let outcome = list(&server).await;
    let Err(Failure::Reject { cause }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(cause.class, CauseClass::TooLarge);
}

#[tokio::test]
async fn no_outcome_and_no_debug_text_holds_a_secret() {
    let server = Server::start(|path, _| {
        let body = format!(r#"{{"code":9999,"message":"{TOKEN} {SECRET} canary@example.edu"}}"#);
        path.contains("/v2").then(|| json(418, &body))
    })
    .await;
    let bench = Bench::new(server.config());
    let failure = bench.perform(job(meetings(closed_date())), first_attempt()).await.unwrap_err();
    let granted = bench.zoom.check().await.unwrap();
    let texts = [
        format!("{failure} {failure:?}"),
        format!("{:?}", bench.zoom),
        format!("{:?} {granted:?}", server.config()),
    ];
    for text in texts {
        assert!(!text.contains("canary"), "{text}");
    }
    let wrong = Config { api_url: format!("ftp://{SECRET}@example.edu"), ..server.config() };
    let error = zoom::Zoom::new(wrong).unwrap_err();
    assert!(
        error.to_string().contains("ZOOM_API_URL") && !format!("{error:?}").contains("canary"),
        "{error}"
    );
    assert_eq!(server.config().plan, ZoomPlan::Business);
    let distinct: BTreeSet<_> = server.asked.lock().unwrap().iter().cloned().collect();
    assert!(
        distinct.iter().all(|path| !path.contains("canary")),
        "a secret went into an address: {distinct:?}"
    );
}
