//! Ingest pipelines on real search engines: a document that a pipeline drops never counts as written.

use messages::{CauseClass, Queue};
use reqwest::Method;
use runtime::{Failure, Message};
use serde_json::{Value, json};
use store::{DocumentKind, Store};

use crate::fixture::{IndexerFixture, page};
use crate::target::{random_prefix, run_on, search_engine, server, url_of};

const AT: &str = "2026-01-06T02:00:00Z";

async fn ask(store: &Store, method: Method, path: &str, body: Option<Value>) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.request(method, format!("{}/{path}", url_of(store)));
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{path}: {status} {text}");
    text
}

/// Creates a pipeline and sets it as the final pipeline of January's sessions.
async fn put(store: &Store, processors: Value) {
    let name = format!("{}pipeline", store.prefix());
    let body = json!({ "processors": processors });
    ask(store, Method::PUT, &format!("_ingest/pipeline/{name}"), Some(body)).await;
    settle(store, &name).await;
}

async fn settle(store: &Store, pipeline: &str) {
    let path = format!("{}sessions-2026.01/_settings", store.prefix());
    ask(store, Method::PUT, &path, Some(json!({ "index.final_pipeline": pipeline }))).await;
}

/// Returns processors that drop the session of Person 3 and fail on that of Person 7.
async fn drop_and_fail(store: &Store) -> Value {
    let nodes = ask(store, Method::GET, "_nodes/ingest", None).await;
    // The Elasticsearch 9 test server lacks scripts; its own processor `refuse` replaces the condition.
    match nodes.contains("\"refuse\"") {
        true => json!([
            {"refuse": {"field": "user_name", "value": "Person 3", "on_failure": [{"drop": {}}]}},
            {"refuse": {"field": "user_name", "value": "Person 7"}},
        ]),
        false => json!([
            {"drop": {"if": "ctx.user_name == 'Person 3'"}},
            {"fail": {"if": "ctx.user_name == 'Person 7'", "message": "canary"}},
        ]),
    }
}

fn sessions(number: usize, attempt: u32) -> [Message; 1] {
    let mut message = page(number, 300, AT, |_, _| {});
    message.headers.attempt = attempt;
    [message]
}

async fn documents_of_a_pipeline_are_dead_letters_or_one_hold(store: Store) {
    let mut fixture = IndexerFixture::new();
    fixture.store = store.clone();
    let indexer = fixture.indexer(0);
    assert_eq!(fixture.perform(&indexer, &[page(0, 1, AT, |_, _| {})]).await, [Ok(())]);

    put(&store, drop_and_fail(&store).await).await;
    let mut attempt = 0;
    while let [Err(Failure::Retry { cause, .. })] =
        &fixture.perform(&indexer, &sessions(1, attempt)).await[..]
    {
        assert!(cause.text.contains("index.final_pipeline"), "{cause}");
        attempt += 1;
        assert!(attempt < 3, "an item that fails alone is dead: {cause}");
    }
    let mut dead = fixture.drain(Queue::dead()).await;
    dead.sort_by(|a, b| a.headers.message_id.cmp(&b.headers.message_id));
    let rows = [3, 7].map(|row| 16_778_240 + (1_000 + row) * 1_024);
    assert_eq!(dead.len(), rows.len(), "{dead:?}");
    for (letter, row) in dead.iter().zip(rows) {
        assert!(letter.headers.message_id.ends_with(&format!(":{row}")), "{letter:?}");
        let cause = letter.headers.cause.as_ref().unwrap();
        assert_eq!(cause.class, CauseClass::MappingRefused);
        assert!(cause.text.contains("index.final_pipeline") && !cause.text.contains("canary"), "{cause}");
    }
    assert!(dead[0].headers.cause.as_ref().unwrap().text.contains("noop"), "{dead:?}");
    assert_eq!(fixture.count(DocumentKind::Sessions).await, 1 + 298);

    put(&store, json!([{ "drop": {} }])).await;
    let outcomes = fixture.perform(&indexer, &sessions(2, 0)).await;
    let [Err(Failure::Hold { why, .. })] = &outcomes[..] else { panic!("{outcomes:?}") };
    for words in ["every document of the kind sessions", "noop", "index.final_pipeline", "ua check"] {
        assert!(why.contains(words), "{why}");
    }
    assert!(fixture.drain(Queue::dead()).await.is_empty());
    assert_eq!(fixture.count(DocumentKind::Sessions).await, 1 + 298);

    settle(&store, "_none").await;
    assert_eq!(fixture.perform(&indexer, &sessions(2, 0)).await, [Ok(())]);
    assert_eq!(fixture.count(DocumentKind::Sessions).await, 1 + 298 + 300);
    ask(&store, Method::DELETE, &format!("_ingest/pipeline/{}pipeline", store.prefix()), None).await;
}

async fn on(variable: &str) {
    if let Some(url) = server(variable) {
        let store = search_engine(&url, random_prefix());
        run_on(store, documents_of_a_pipeline_are_dead_letters_or_one_hold).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_elasticsearch_7() {
    on("UA_TEST_ES_7").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_elasticsearch_9() {
    on("UA_TEST_ES_9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_opensearch_2() {
    on("UA_TEST_OS_2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_opensearch_3() {
    on("UA_TEST_OS_3").await;
}
