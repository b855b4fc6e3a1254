//! The search engine's answers over HTTP: the client counts no more documents as written than an answer confirms, and
//! every request ends.

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use serde_json::{Value, json};
use store::{Batch, DocumentKind, Elasticsearch, Grouping, Hit, Query, Store, StoreError, Verdict};
use tokio::runtime::Runtime;

use super::{bounded, target};
use crate::driver::{Check, Target, hash};
use crate::mutate::Form;

/// Documents per batch.
const ITEMS: usize = 3;

pub(super) fn targets() -> Vec<Target> {
    let seeds =
        |values: &[Value]| values.iter().map(|value| value.to_string().into_bytes()).collect::<Vec<_>>();
    vec![
        target("store-bulk", Form::Json, seeds(&bulks()), || asked(bulk)),
        target("store-search", Form::Json, seeds(&searches()), || asked(search)),
        target("store-doctor", Form::Json, seeds(&reports()), || asked(doctor)),
    ]
}

fn bulks() -> [Value; 3] {
    let item = |id: &str, status: u16, result: &str| json!({"index": {"_index": "p-meetings-2026.01", "_id": id, "status": status, "result": result}});
    let bad = |id: &str, status: u16, kind: &str| json!({"index": {"_index": "x", "_id": id, "status": status, "error": {"type": kind, "reason": "r"}}});
    [
        json!({"took": 1, "errors": false, "items": [item("1", 201, "created"), item("0", 200, "updated"), item("2", 200, "noop")]}),
        json!({"took": 1, "errors": true, "items": [item("0", 201, "created"), bad("1", 409, "version_conflict_engine_exception"), bad("2", 400, "mapper_parsing_exception")]}),
        json!({"took": 1, "errors": true, "items": [bad("0", 429, "es_rejected_execution_exception"), bad("1", 403, "cluster_block_exception"), bad("2", 404, "index_not_found_exception")]}),
    ]
}

fn searches() -> [Value; 4] {
    let hit = json!({"_index": "meetings-2026.01", "_id": "a", "_version": 1_767_322_800_000_i64, "_source": {"a": 1}, "sort": [1, "a"]});
    [
        json!({"_scroll_id": "s", "_shards": {"failed": 0},
            "hits": {"total": {"value": 2, "relation": "eq"}, "hits": [hit, hit]},
            "aggregations": {"sum": {"value": 7.0}, "groups": {"buckets": [{"key": "a", "doc_count": 2, "first": {"value": 1.0}}]}}}),
        json!({"aggregations": {"groups": {"after_key": {"0": "b", "step": 2}, "buckets": [
            {"key": {"0": "a", "step": 1}, "doc_count": 2}, {"key": "b", "doc_count": 3, "duration": {"value": 7.0},
            "first": {"value": 1.0}, "last": {"value": 2.0}}]}}}),
        json!({"docs": [{"_index": "meetings", "_id": "a", "_version": 3, "found": true, "_source": {}}], "count": 5}),
        json!({"error": {"type": "search_phase_execution_exception", "reason": "all shards failed"}, "status": 503}),
    ]
}

fn reports() -> [Value; 5] {
    [
        json!({"version": {"number": "9.2.0", "distribution": "opensearch"}, "tagline": "You Know, for Search"}),
        json!({"status": "red", "persistent": {"cluster.blocks.read_only": "true"}, "transient": {}}),
        json!({"meetings-2026.01": {"settings": {"index.blocks.write": "true"}, "mappings": {"properties": {}}, "aliases": {}}}),
        json!({"index_templates": [{"name": "meetings", "index_template": {"index_patterns": ["meetings-*"], "priority": 100, "template": {"settings": {}, "mappings": {}}, "_meta": {}}}]}),
        json!([{"index": "meetings-2026.01", "status": "open", "health": "green", "name": "x"}]),
    ]
}

/// A server with a prepared answer, and a client of it.
struct Bench {
    runtime: Runtime,
    store: Store,
    answer: Arc<Mutex<(StatusCode, Vec<u8>)>>,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = Arc::new(Mutex::new((StatusCode::OK, Vec::new())));
        let given = Arc::clone(&answer);
        let app = axum::Router::new().fallback(move || {
            let (status, body) = given.lock().unwrap().clone();
            std::future::ready((
                status,
                [("content-type", "application/json"), ("x-elastic-product", "Elasticsearch")],
                body,
            ))
        });
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, app).await.unwrap() });
        let settings = store::elasticsearch::ElasticsearchSettings {
            prefix: "p-".to_owned(),
            ..store::elasticsearch::ElasticsearchSettings::new(host)
        };
        Self { runtime, store: Store::Elasticsearch(Elasticsearch::new(settings).unwrap()), answer }
    }

    /// Sets the answer to all further requests; returns the status, which depends on the body.
    fn answers(&self, bytes: &[u8]) -> StatusCode {
        const STATUSES: [u16; 16] =
            [200, 200, 200, 200, 200, 200, 200, 200, 200, 201, 200, 404, 403, 429, 503, 400];
        let status = StatusCode::from_u16(STATUSES[(hash(bytes) >> 8) as usize % STATUSES.len()]).unwrap();
        *self.answer.lock().unwrap() = (status, bytes.to_vec());
        status
    }
}

fn asked(ask: fn(&Bench, &[u8]) -> bool) -> Check {
    let bench = Bench::new();
    Box::new(move |bytes| ask(&bench, bytes))
}

/// Checks that an error is short.
fn refused(error: &StoreError) -> bool {
    assert!(error.to_string().len() <= 2_000, "{} bytes are said", error.to_string().len());
    false
}

fn bulk(bench: &Bench, bytes: &[u8]) -> bool {
    let mut batch = Batch::new();
    for id in 0..ITEMS {
        batch
            .push(
                "p-",
                DocumentKind::Meetings,
                "meetings-2026.01".to_owned(),
                id.to_string(),
                1,
                &json!({"a": id}),
            )
            .unwrap();
    }
    let status = bench.answers(bytes);
    let verdicts = match bench.runtime.block_on(bench.store.bulk(&batch)) {
        Ok(verdicts) => verdicts,
        Err(error) => return refused(&error),
    };
    assert_eq!(verdicts.len(), ITEMS, "a verdict for each document");
    let written = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Indexed)).count();
    if let Ok(answer) = serde_json::from_slice::<Value>(bytes) {
        let items = answer.get("items").and_then(Value::as_array).map_or(0, Vec::len);
        assert!(
            written == 0 || (status.is_success() && items == ITEMS),
            "{written} written by {items} items"
        );
    }
    for verdict in &verdicts {
        bounded(format!("{verdict:?}").len(), bytes);
    }
    true
}

fn search(bench: &Bench, bytes: &[u8]) -> bool {
    let status = bench.answers(bytes);
    // The client repeats a request with failed shards for 3 s: try few of them.
    let answer: Option<Value> = serde_json::from_slice(bytes).ok();
    let failed = answer.as_ref().and_then(|answer| answer.pointer("/_shards/failed"));
    let is_partial = status == StatusCode::SERVICE_UNAVAILABLE || failed.is_some_and(|failed| failed != 0);
    if is_partial && !hash(bytes).is_multiple_of(4_096) {
        return false;
    }
    let (store, query) = (&bench.store, Query::all(DocumentKind::Meetings));
    let length = |result: Result<usize, StoreError>| match result {
        Ok(length) => {
            assert!(length <= bytes.len(), "{length} of {} bytes", bytes.len());
            true
        }
        Err(error) => refused(&error),
    };
    let source = serde_json::value::to_raw_value(&json!({})).unwrap();
    let hit = Hit { index: "meetings-2026.01".to_owned(), id: "a".to_owned(), version: 1, source };
    let answer = bench.runtime.block_on(async {
        match hash(bytes) % 11 {
            0 => store.search(&query).await.map(|hits| hits.len()),
            1 => store.count(&query).await.map(|_| 0),
            2 => store.scan(&query, 100, None).await.map(|(hits, _)| hits.len()),
            3 => store.group(&query, "topic").await.map(|groups| groups.len()),
            4 => store.sum(&query, &["duration"]).await.map(|_| 0),
            5 => store.get_many(DocumentKind::Meetings, &["a", "b"]).await.map(|hits| hits.len()),
            6 => store.sums(&query, "topic", &["duration"]).await.map(|sums| sums.len()),
            7 => store.spans(&query, "topic", "start_time").await.map(|spans| spans.len()),
            8 => {
                let grouping = Grouping::by(&["topic"]).in_steps("duration", 60);
                store.tally(&query, &grouping, 1, None).await.map(|(groups, _)| groups.len())
            }
            9 => store.delete(std::slice::from_ref(&hit)).await.map(|deleted| {
                assert!(deleted <= 1, "{deleted} of one document are deleted");
                0
            }),
            _ => store.get(DocumentKind::Harvests, "a").await.map(|hit| usize::from(hit.is_some())),
        }
    });
    length(answer)
}

fn doctor(bench: &Bench, bytes: &[u8]) -> bool {
    bench.answers(bytes);
    let (is_well, said) = bench
        .runtime
        .block_on(async {
            match hash(bytes) % 8 {
                0 => bench.store.check().await.map(|health| format!("{health:?}")),
                1 => bench.store.examine().await.map(|findings| format!("{findings:?}")),
                2 => bench.store.setup().await.map(|report| format!("{report:?}")),
                3 => Ok(bench.store.trouble().await.unwrap_or_default()),
                4 => bench.store.clock().await.map(|time| format!("{time:?}")),
                5 => bench.store.remembers_deleted().await.map(|time| format!("{time:?}")),
                6 => bench
                    .store
                    .expire(DocumentKind::Meetings, jiff::civil::date(2026, 2, 1))
                    .await
                    .map(|_| String::new()),
                _ => bench.store.refresh().await.map(|()| String::new()),
            }
        })
        .map_or_else(|error| (refused(&error), String::new()), |said| (true, said));
    bounded(said.len(), &[bytes, &[0; 4_096]].concat());
    is_well
}
