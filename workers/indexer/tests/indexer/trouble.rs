//! A store that is overloaded, unreachable or refusing: a scripted search engine.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use indexer::desk::{self, Archive, Choice, DeskError, Filter, LetterOutcome, ReplayLimits};
use indexer::{DeadLetterDesk, Enricher, Indexer, IndexerSettings};
use messages::{CauseClass, Queue};
use runtime::{BatchWorker as _, Failure, Message};
use serde_json::{Value, json};
use store::{Elasticsearch, Store, elasticsearch};

use crate::fixture::{IndexerFixture, page};

const AT: &str = "2026-01-06T02:00:00Z";

/// Starts an engine that answers each bulk with the next of `answers` and finds no documents.
async fn engine(answers: Vec<BulkResult>) -> Store {
    let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
    let bulk = move |body: String| {
        let answer = answers.lock().unwrap().pop_front().expect("no more bulks than answers");
        async move { answer.to(body.lines().count() / 2) }
    };
    let nothing = || async { json!({"hits": {"hits": []}}).to_string() };
    let app = Router::new()
        .route("/_bulk", axum::routing::post(bulk))
        .fallback(nothing)
        .layer(axum::extract::DefaultBodyLimit::disable());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    Store::Elasticsearch(Elasticsearch::new(elasticsearch::ElasticsearchSettings::new(url)).unwrap())
}

#[derive(Debug, Clone)]
enum BulkResult {
    Whole(u16),
    /// Every item is written, except this one, which gets this status.
    But(usize, u16),
    /// Every item gets this status.
    All(u16),
    /// Every item succeeds, and none is written.
    Nothing,
}

impl BulkResult {
    fn to(&self, items: usize) -> (StatusCode, String) {
        match *self {
            Self::Whole(status) => {
                (StatusCode::from_u16(status).unwrap(), json!({"error": "told so"}).to_string())
            }
            Self::But(at, status) => {
                items_of(items, |item| if item == at { refused(status) } else { written() })
            }
            Self::All(status) => items_of(items, |_| refused(status)),
            Self::Nothing => items_of(items, |_| json!({"index": {"status": 200, "result": "noop"}})),
        }
    }
}

fn items_of(count: usize, item: impl Fn(usize) -> Value) -> (StatusCode, String) {
    let items: Vec<Value> = (0..count).map(item).collect();
    (StatusCode::OK, json!({"errors": false, "items": items}).to_string())
}

fn written() -> Value {
    json!({"index": {"status": 201, "result": "created"}})
}

/// Returns an error that quotes the document, as search engines do.
fn refused(status: u16) -> Value {
    let quoted = "failed at [Source: (byte[])\"{\"email\":\"canary@example.org\"}\"]";
    json!({"index": {"status": status, "error": {"type": "told_so", "reason": quoted}}})
}

fn indexer(store: &Store) -> Indexer {
    Indexer::new(store.clone(), IndexerSettings::new("0.1.0"), Enricher::default())
}

fn pages(count: usize) -> Vec<Message> {
    (0..count).map(|number| page(number, 300, AT, |_, _| {})).collect()
}

#[tokio::test]
async fn a_message_with_a_busy_item_is_tried_again_and_its_neighbours_are_done() {
    let place = IndexerFixture::new();
    let mut batch = pages(3);
    batch[1] = page(1, 300, AT, |row, value| {
        if row == 7 {
            value["user_id"] = json!(null);
        }
    });
    let store = engine(vec![BulkResult::But(450, 429); 2]).await;
    let outcomes = place.perform(&indexer(&store), &batch).await;
    assert_eq!((&outcomes[0], &outcomes[2]), (&Ok(()), &Ok(())));
    let Err(Failure::Retry { after, .. }) = &outcomes[1] else { panic!("{outcomes:?}") };
    assert_eq!(*after, Some(Duration::from_secs(5)));
    assert!(place.drain(Queue::dead()).await.is_empty(), "its bad row is named when the rest is done");
    batch[1].headers.attempt = 3;
    let outcomes = place.perform(&indexer(&store), &batch).await;
    assert!(matches!(outcomes[1], Err(Failure::Defer { .. })), "it waits alone, uncounted: {outcomes:?}");
}

#[tokio::test]
async fn a_store_that_is_away_holds_everything_that_is_not_done_and_loses_nothing() {
    let place = IndexerFixture::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let gone =
        Store::Elasticsearch(Elasticsearch::new(elasticsearch::ElasticsearchSettings::new(url)).unwrap());
    let outcomes = place.perform(&indexer(&gone), &pages(2)).await;
    let held = |outcome: &Result<(), Failure>| matches!(outcome, Err(Failure::Hold { until: None, .. }));
    assert!(outcomes.iter().all(held), "{outcomes:?}");
    assert!(!indexer(&gone).healthy().await);

    let store = engine(vec![BulkResult::But(0, 201), BulkResult::Whole(503)]).await;
    let mut batch = pages(6);
    batch[5] = Message::new(Queue::documents(), "x", "no message", AT.parse().unwrap());
    let outcomes = place.perform(&indexer(&store), &batch).await;
    assert!(outcomes[..4].iter().all(Result::is_ok), "the first bulk was written: {outcomes:?}");
    assert!(held(&outcomes[4]), "{outcomes:?}");
    assert!(matches!(outcomes[5], Err(Failure::Reject { .. })), "{outcomes:?}");
}

#[tokio::test]
async fn refused_credentials_stop_the_worker() {
    let place = IndexerFixture::new();
    let store = engine(vec![BulkResult::Whole(401); 2]).await;
    let outcomes = place.perform(&indexer(&store), &pages(2)).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Failure::Refused { .. }))), "{outcomes:?}");
    let dead = Message::new(Queue::dead(), "a", "x", AT.parse().unwrap());
    let outcomes = place.perform(&DeadLetterDesk::new(store), &[dead]).await;
    assert!(matches!(outcomes[0], Err(Failure::Refused { .. })), "{outcomes:?}");
}

#[tokio::test]
async fn raw_answers_that_cannot_be_removed_are_nobodys_outcome() {
    let place = IndexerFixture::new();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let answer = move |uri: axum::http::Uri, body: String| {
        seen.lock().unwrap().push(uri.path().to_owned());
        let items = vec![written(); body.lines().count() / 2];
        let answer = match uri.path() {
            "/_bulk" => (StatusCode::OK, json!({"items": items}).to_string()),
            _ => (StatusCode::FORBIDDEN, "{}".to_owned()),
        };
        async move { answer }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let store =
        Store::Elasticsearch(Elasticsearch::new(elasticsearch::ElasticsearchSettings::new(url)).unwrap());
    let indexer = Indexer::new(
        store,
        IndexerSettings { raw_days: 7, ..IndexerSettings::new("0.1.0") },
        Enricher::default(),
    );
    for _ in 0..2 {
        assert_eq!(place.perform(&indexer, &pages(1)).await, [Ok(())]);
    }
    assert_eq!(*asked.lock().unwrap(), ["/_cat/health", "/_bulk", "/raw-*/_settings", "/_bulk"]);
}

fn one_page(sessions: usize, attempt: u32) -> Vec<Message> {
    let mut message = page(0, sessions, AT, |_, _| {});
    message.headers.attempt = attempt;
    vec![message]
}

#[tokio::test]
async fn an_item_on_which_the_store_fails_is_sent_alone_and_then_dies_alone() {
    let place = IndexerFixture::new();
    let mut answers = vec![BulkResult::But(7, 500); 3];
    answers.push(BulkResult::But(0, 500));
    let store = engine(answers).await;
    let indexer = indexer(&store);
    for attempt in 0..2 {
        let outcomes = place.perform(&indexer, &one_page(300, attempt)).await;
        let Err(Failure::Retry { cause, .. }) = &outcomes[0] else { panic!("{outcomes:?}") };
        assert!(cause.text.contains("told_so") && !cause.text.contains("canary"), "{cause}");
        assert!(place.drain(Queue::dead()).await.is_empty());
    }
    assert_eq!(place.perform(&indexer, &one_page(300, 2)).await, [Ok(())]);
    let dead = place.drain(Queue::dead()).await;
    assert_eq!(dead.len(), 1, "its neighbours are indexed");
    let cause = dead[0].headers.cause.as_ref().unwrap();
    assert!(
        cause.text.contains("told_so") && cause.text.contains("500") && !cause.text.contains("canary"),
        "{cause}"
    );
    assert!(dead[0].headers.message_id.ends_with(&format!(":{}", 16_778_240 + 7 * 1_024)), "{dead:?}");
}

#[tokio::test]
async fn an_item_that_succeeds_alone_is_no_dead_letter() {
    let place = IndexerFixture::new();
    let store = engine(vec![BulkResult::But(7, 500), BulkResult::But(9, 500)]).await;
    assert_eq!(place.perform(&indexer(&store), &one_page(300, 2)).await, [Ok(())]);
    assert!(place.drain(Queue::dead()).await.is_empty());
}

#[tokio::test]
async fn a_store_that_refuses_every_document_of_a_kind_is_one_hold() {
    for answer in [BulkResult::All(400), BulkResult::All(500), BulkResult::Nothing] {
        let place = IndexerFixture::new();
        let store = engine(vec![answer.clone(), answer.clone(), BulkResult::But(5, 400)]).await;
        let indexer = indexer(&store);
        for _ in 0..2 {
            let outcomes = place.perform(&indexer, &one_page(300, 0)).await;
            let Err(Failure::Hold { why, .. }) = &outcomes[0] else { panic!("{answer:?}: {outcomes:?}") };
            assert!(why.contains("every document of the kind sessions") && why.contains("ua check"), "{why}");
            assert!(!why.contains("canary"), "{why}");
            assert!(place.drain(Queue::dead()).await.is_empty());
        }
        assert_eq!(place.perform(&indexer, &one_page(300, 0)).await, [Ok(())], "it is mended");
        let dead = place.drain(Queue::dead()).await;
        assert_eq!(dead.len(), 1, "one bad document among good ones");
        assert!(!format!("{:?}", dead[0].headers).contains("canary"), "{:?}", dead[0].headers);
    }
}

#[tokio::test]
async fn a_few_bad_documents_are_dead_letters_and_not_a_hold() {
    let place = IndexerFixture::new();
    let store = engine(vec![BulkResult::All(400); 2]).await;
    let indexer = indexer(&store);
    assert_eq!(place.perform(&indexer, &one_page(9, 0)).await, [Ok(())]);
    assert_eq!(place.drain(Queue::dead()).await.len(), 9);
    let outcomes = place.perform(&indexer, &one_page(1, 0)).await;
    assert!(matches!(outcomes[0], Err(Failure::Hold { .. })), "the tenth in a row: {outcomes:?}");
}

#[tokio::test]
async fn a_refusal_of_rights_is_no_dead_letter_and_no_end() {
    let place = IndexerFixture::new();
    let store = engine(vec![
        BulkResult::All(403),
        BulkResult::But(5, 403),
        BulkResult::Whole(302),
        BulkResult::Whole(404),
    ])
    .await;
    let indexer = indexer(&store);
    let outcomes = place.perform(&indexer, &one_page(300, 0)).await;
    assert!(matches!(outcomes[0], Err(Failure::Refused { .. })), "{outcomes:?}");
    let outcomes = place.perform(&indexer, &one_page(300, 0)).await;
    assert!(matches!(outcomes[0], Err(Failure::Defer { .. })), "other indices are written: {outcomes:?}");
    for _ in 0..2 {
        let outcomes = place.perform(&indexer, &one_page(300, 0)).await;
        assert!(matches!(outcomes[0], Err(Failure::Refused { .. })), "{outcomes:?}");
    }
    assert!(place.drain(Queue::dead()).await.is_empty());
}

#[tokio::test]
async fn an_item_too_large_is_a_dead_letter_alone() {
    let place = IndexerFixture::new();
    let store = engine(vec![BulkResult::But(299, 413)]).await;
    assert_eq!(place.perform(&indexer(&store), &pages(1)).await, [Ok(())]);
    let dead = place.drain(Queue::dead()).await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].headers.cause.as_ref().unwrap().class, CauseClass::TooLarge);
    assert!(dead[0].headers.message_id.ends_with(&format!(":{}", 16_778_240 + 299 * 1_024)), "{dead:?}");
}

#[tokio::test]
async fn a_dead_letter_that_the_store_refuses_is_never_a_dead_letter_again() {
    let place = IndexerFixture::new();
    let letters = ["a", "b"].map(|id| Message::new(Queue::dead(), id, "x", AT.parse().unwrap()));
    for status in [400, 413, 429] {
        let desk = DeadLetterDesk::new(engine(vec![BulkResult::But(1, status)]).await);
        let outcomes = place.perform(&desk, &letters).await;
        assert_eq!(outcomes[0], Ok(()));
        let waits = match (status, &outcomes[1]) {
            (429, Err(Failure::Hold { until, .. })) | (_, Err(Failure::Defer { until, .. })) => {
                until.is_some()
            }
            _ => false,
        };
        assert!(waits, "{status}: {outcomes:?}");
    }
}

#[tokio::test]
async fn a_letter_that_is_too_large_for_the_store_holds_no_other_up() {
    let place = IndexerFixture::new();
    let large = Message::new(Queue::dead(), "large", vec![7; 9 << 20], AT.parse().unwrap());
    let small = Message::new(Queue::dead(), "small", "x", AT.parse().unwrap());
    let store = engine(vec![BulkResult::Whole(429), BulkResult::But(9, 201)]).await;
    let outcomes = place.perform(&DeadLetterDesk::new(store), &[large, small]).await;
    assert!(matches!(outcomes[0], Err(Failure::Defer { until: Some(_), .. })), "{outcomes:?}");
    assert_eq!(outcomes[1], Ok(()));
}

/// After the publish the store fails: the letter is in the queue and on the desk, and the report says so.
#[tokio::test]
async fn a_store_that_fails_after_the_publish_leaves_the_letter_in_both_places() {
    let place = IndexerFixture::new();
    let row = json!({"id": "a", "state": "dead", "cause": {"class": "gone", "text": "t"}, "origin": "ua.documents",
        "attempts": 1, "replays": 0, "first_seen": AT, "died_at": AT, "changed_at": AT, "body": "AAE="});
    let found = json!({"docs": [{"_id": "a", "_version": 7, "found": true, "_source": row}]}).to_string();
    let answer = move |uri: axum::http::Uri| {
        let found = found.clone();
        let mget = uri.path().ends_with("_mget");
        async move { if mget { (StatusCode::OK, found) } else { (StatusCode::BAD_GATEWAY, String::new()) } }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let store =
        Store::Elasticsearch(Elasticsearch::new(elasticsearch::ElasticsearchSettings::new(url)).unwrap());
    let (choice, how) = (Choice::Ids(vec!["a".to_owned()]), ReplayLimits { max_replays: 3 });
    let mut outcomes = Vec::new();
    let tell = |_: &str, outcome: LetterOutcome| outcomes.push(outcome);
    let error = desk::replay(&store, Some(&place.broker), &choice, how, tell).await.unwrap_err();
    assert!(matches!(&error, DeskError::Store(_)), "{error}");
    assert!(
        matches!(&outcomes[..], [LetterOutcome::RowBehind(Some(queue), _)] if *queue == Queue::documents()),
        "{outcomes:?}"
    );
    assert_eq!(place.drain(Queue::documents()).await.len(), 1);
    let mut outcomes = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    let mut archive = Archive::new(folder.path().join("dropped"));
    let error = desk::drop(&store, Some(&mut archive), &choice, |_, outcome| outcomes.push(outcome))
        .await
        .unwrap_err();
    assert!(matches!(&error, DeskError::Store(_)), "{error}");
    assert!(matches!(&outcomes[..], [LetterOutcome::RowBehind(None, _)]), "{outcomes:?}");
    assert_eq!(std::fs::read_to_string(archive.path()).unwrap().lines().count(), 1);
}

/// The broker is closed: no row changes, and unpublished letters are not reported as done.
#[tokio::test]
async fn a_broker_that_is_away_leaves_every_letter_dead() {
    let place = IndexerFixture::new();
    let letters = ["a", "b"].map(|id| {
        let cause = messages::Cause::new(CauseClass::Gone, "why");
        Message::new(Queue::documents(), id, "x", AT.parse().unwrap()).into_dead(cause)
    });
    place.perform(&DeadLetterDesk::new(place.store.clone()), &letters).await;
    place.broker.close().await;
    let begun = std::time::Instant::now();
    while place.broker.depth(&Queue::documents()).await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the broker does not close");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let choice = Choice::Ids(vec!["a".to_owned(), "b".to_owned()]);
    let mut told = 0;
    let how = ReplayLimits { max_replays: 3 };
    let error =
        desk::replay(&place.store, Some(&place.broker), &choice, how, |_, _| told += 1).await.unwrap_err();
    assert!(matches!(error, DeskError::Broker(_)), "{error}");
    assert_eq!(told, 0);
    let dead = Filter { state: Some(messages::DeadState::Dead), ..Filter::default() };
    assert_eq!(desk::list(&place.store, &dead, 10).await.unwrap().letters.len(), 2);
}
