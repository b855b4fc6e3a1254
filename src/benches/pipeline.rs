//! RabbitMQ to Elasticsearch: the indexer compared with the store's maximum, and with a sink that answers at once.
//! Needs `UA_TEST_AMQP_URL` and `UA_TEST_ES_9`; `docker/bench.sh` starts the servers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use messages::zoom::MeetingContext;
use messages::{Document, Queue, RawDocument, RawKind};
use runtime::{Broker, Message, Outbox};
use serde_json::value::RawValue;
use simulator::{Simulator, Source, ZoomSettings};
use store::{Batch, DocumentKind, Query, Split, Store};
use tokio_util::sync::CancellationToken;

use crate::process::Process;

/// Pages published; each holds 300 sessions.
const PAGES: usize = 500;
const PER_PAGE: usize = 300;
/// Documents per prebuilt bulk.
const BULK: usize = 1_000;
/// Total number of documents.
const TOTAL: u64 = (PAGES * PER_PAGE) as u64;
/// Prefix of the indexer's indices.
const DRAIN: &str = "bench-drain-";

#[expect(clippy::disallowed_methods, reason = "benchmarks learn from the environment where the servers are")]
pub(crate) fn servers() -> Option<(String, String)> {
    let found = std::env::var("UA_TEST_AMQP_URL").ok().zip(std::env::var("UA_TEST_ES_9").ok());
    if found.is_none() {
        println!("left out: the pipeline, since UA_TEST_AMQP_URL and UA_TEST_ES_9 are not set");
    }
    found
}

/// The available RabbitMQ servers.
#[expect(clippy::disallowed_methods, reason = "benchmarks learn from the environment where the servers are")]
pub(crate) fn brokers() -> Vec<String> {
    let names = ["UA_TEST_AMQP_URL", "UA_TEST_AMQP4_URL"];
    names.iter().filter_map(|name| std::env::var(name).ok()).collect()
}

/// Measurements of each of the three. They alternate, because the store becomes faster as it warms up.
const ROUNDS: usize = 3;

/// Prints documents per second from the queue to the index, compared with prebuilt bulks by two senders in the same
/// run.
pub(crate) async fn ratio() {
    let Some((amqp, search)) = servers() else { return };
    let pages = pages().await;
    // Warm the store up: otherwise the first measurement pays for its compilers and caches.
    for _ in 0..2 {
        prebuilt(&search, &pages).await;
    }
    let mut ratios = [("0", Vec::new()), ("30", Vec::new())];
    for _ in 0..ROUNDS {
        for (raw_days, seen) in &mut ratios {
            let before = prebuilt(&search, &pages).await;
            let (rate, used) = into_the_index(&amqp, &search, &pages, raw_days).await;
            let limit = f64::midpoint(before, prebuilt(&search, &pages).await);
            println!(
                "pipeline, UA_RAW_DAYS={raw_days}: {rate:.0} documents/s from RabbitMQ to the index, {limit:.0} by prebuilt bulks of {BULK} by two senders: {:.2}; {} MiB peak, {:.0} documents per cpu-second",
                rate / limit,
                used.peak_mib,
                TOTAL as f64 / used.cpu_seconds,
            );
            seen.push(rate / limit);
        }
    }
    for (raw_days, seen) in &mut ratios {
        seen.sort_by(f64::total_cmp);
        println!(
            "pipeline, UA_RAW_DAYS={raw_days}: {:.2} of the limit (median of {ROUNDS})",
            seen[ROUNDS / 2]
        );
    }
}

async fn into_the_index(
    amqp: &str,
    search: &str,
    pages: &[Vec<u8>],
    raw_days: &str,
) -> (f64, crate::process::Used) {
    let indexed = store(search, DRAIN);
    indexed.setup().await.expect("templates");
    // Statistics need no refresh, which would load the store.
    let statistics = format!("{search}/{DRAIN}sessions-*/_stats/indexing");
    let arrived = async || {
        let answer = reqwest::get(&statistics).await.expect("statistics").text().await.expect("a body");
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("statistics");
        answer["_all"]["primaries"]["indexing"]["index_total"].as_u64().unwrap_or(0) >= TOTAL
    };
    let measured = drain(amqp, search, pages, raw_days, arrived).await;
    indexed.refresh().await.expect("a refresh");
    let count = indexed.count(&Query::all(DocumentKind::Sessions)).await.expect("a count");
    assert_eq!(count, TOTAL, "every document is in the index");
    indexed.wipe_prefix().await.expect("the indices can be removed");
    measured
}

/// Prints documents per second of the indexer's own CPU time, into a sink that answers at once.
pub(crate) async fn into_a_sink() {
    let Some((amqp, _)) = servers() else { return };
    let pages = pages().await;
    let (sink, documents) = sink().await;
    let all = async || documents.load(Ordering::Relaxed) >= TOTAL;
    let (rate, used) = drain(&amqp, &sink, &pages, "0", all).await;
    println!(
        "sink: {rate:.0} documents/s from RabbitMQ; {:.0} documents per cpu-second of the indexer, {} MiB peak",
        TOTAL as f64 / used.cpu_seconds,
        used.peak_mib
    );
}

/// Encoded raw documents, each a page of 300 sessions of a separate meeting.
async fn pages() -> Vec<Vec<u8>> {
    let settings =
        ZoomSettings { speed: 0.0, meetings_per_day: 40, participants: 30.0, ..ZoomSettings::default() };
    let world = Simulator::start(settings).await.expect("the simulator starts");
    let yesterday = ua::receipts::read::today().saturating_sub(jiff::Span::new().days(1));
    let truth = world.truth(yesterday, Source::Dashboard);
    let ids = truth.ids.expect("the truth has ids");
    let largest = ids
        .meeting_uuids
        .iter()
        .max_by_key(|uuid| ids.session_ids.iter().filter(|id| id.starts_with(uuid.as_str())).count());
    let uuid = largest.expect("the world has meetings");
    let escaped = uuid.replace('/', "%252F").replace('+', "%252B").replace('=', "%253D");
    let url =
        format!("{}/metrics/meetings/{escaped}/participants?type=past&page_size={PER_PAGE}", world.api_url());
    let client = reqwest::Client::builder().build().expect("a client can be built");
    let answer =
        client.get(url).bearer_auth(world.issue_token()).send().await.expect("the simulator answers");
    let body: Box<RawValue> =
        serde_json::from_str(&answer.text().await.expect("a body")).expect("a page of participants");
    let page: serde_json::Value = serde_json::from_str(body.get()).expect("a page");
    assert_eq!(page["participants"].as_array().map(Vec::len), Some(PER_PAGE), "a full page");
    world.stop().await;
    (0..PAGES).map(|number| page_of(number, &body)).collect()
}

fn page_of(number: usize, body: &RawValue) -> Vec<u8> {
    let start: jiff::Timestamp = "2026-01-15T10:00:00Z".parse().expect("a time");
    let context = MeetingContext {
        meeting_uuid: format!("{number:022}==").parse().expect("a uuid"),
        series_id: Some(messages::SeriesId(91_000_000_000)),
        topic: Some("Linear Algebra I".to_owned()),
        start_time: Some(start),
        end_time: None,
        host_id: None,
    };
    let context = serde_json::value::to_raw_value(&context).expect("a context");
    let raw = RawDocument::new(
        format!("bench#{number}"),
        "bench".into(),
        "bench".into(),
        RawKind::ZoomMetricsParticipants,
        "GET /metrics/meetings/{uuid}/participants",
        runtime::clock::now(),
        None,
        &context,
        body,
    );
    messages::encode(&Document::Raw(raw)).expect("a message")
}

pub(crate) fn store(search: &str, prefix: &str) -> Store {
    let settings = store::elasticsearch::ElasticsearchSettings {
        host: search.to_owned(),
        user: None,
        password: None,
        api_key: None,
        ca_cert: None,
        prefix: prefix.to_owned(),
        request_timeout: Duration::from_secs(60),
    };
    Store::Elasticsearch(store::Elasticsearch::new(settings).expect("settings of a store"))
}

/// Returns the store's maximum in documents per second: the same documents, mapped and encoded before the clock starts.
async fn prebuilt(search: &str, pages: &[Vec<u8>]) -> f64 {
    let store = store(search, "bench-limit-");
    store.setup().await.expect("templates");
    let enricher = indexer::Enricher::default();
    let mut batches = vec![Batch::new()];
    for page in pages {
        let Document::Raw(raw) = messages::decode(page).expect("a message") else { continue };
        let target = indexer::Target {
            prefix: store.prefix(),
            split: Split::Month,
            ua_version: "bench",
            enricher: &enricher,
        };
        indexer::encode_page(&raw, &target, batches.last_mut().expect("a batch"))
            .expect("a page that can be mapped");
        if batches.last().is_some_and(|batch| batch.len() >= BULK) {
            batches.push(Batch::new());
        }
    }
    let documents: usize = batches.iter().map(Batch::len).sum();
    let began = Instant::now();
    let (left, right) = batches.split_at(batches.len() / 2);
    let send = async |half: &[Batch]| {
        for batch in half.iter().filter(|batch| !batch.is_empty()) {
            store.bulk(batch).await.expect("a bulk");
        }
    };
    tokio::join!(send(left), send(right));
    let rate = documents as f64 / began.elapsed().as_secs_f64();
    store.wipe_prefix().await.expect("the index can be removed");
    rate
}

/// Publishes the pages, starts `ua work index`, and waits until `all` documents have arrived. The clock starts with the
/// first delivery.
async fn drain(
    amqp: &str,
    search: &str,
    pages: &[Vec<u8>],
    raw_days: &str,
    all: impl AsyncFn() -> bool,
) -> (f64, crate::process::Used) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let queue_prefix = format!("bench{}", std::process::id());
    let settings = runtime::broker::amqp::AmqpSettings {
        prefix: queue_prefix.clone(),
        documents_limit: 10 * PAGES,
        connection_name: "bench".to_owned(),
        buffer_life: Duration::from_secs(600),
        ..runtime::broker::amqp::AmqpSettings::new(amqp.into())
    };
    let broker = Broker::Amqp(runtime::broker::Amqp::connect(settings).await.expect("RabbitMQ"));
    let mut outbox = Outbox::new(broker.clone(), CancellationToken::new());
    for (number, page) in pages.iter().enumerate() {
        let id = format!("bench#{number}");
        let message = Message::new(Queue::documents(), id, page.clone(), runtime::clock::now());
        outbox.send(message).await.expect("a publish");
    }
    outbox.flush().await.expect("a publish");
    // RabbitMQ still writes the published messages; that cost is the publisher's.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let environment = [
        ("AMQP_URL", amqp.to_owned()),
        ("UA_QUEUE_PREFIX", queue_prefix),
        ("UA_DOCUMENTS_LIMIT", (10 * PAGES).to_string()),
        ("ES_HOST", search.to_owned()),
        ("UA_INDEX_PREFIX", DRAIN.to_owned()),
        ("UA_RAW_DAYS", raw_days.to_owned()),
    ];
    let worker = Process::start(folder.path(), &environment, &["work", "index"]);
    let ready = async || broker.depth(&Queue::documents()).await.expect("a depth").ready;
    // Leave the start of the process out of the measurement.
    while ready().await == PAGES as u64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let began = Instant::now();
    while ready().await > 0 || !all().await {
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "the indexer did not drain its queue in two minutes"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let used = worker.used();
    drop(worker);
    for queue in Queue::all() {
        broker.purge(&queue).await.expect("a purge");
    }
    broker.close().await;
    (TOTAL as f64 / seconds, used)
}

/// A store that answers every request at once and counts the documents. It stores templates, because the indexer checks
/// them.
async fn sink() -> (String, Arc<AtomicU64>) {
    use axum::Router;
    use axum::body::Bytes;
    use axum::http::{Method, Uri, header};
    let counter = Arc::new(AtomicU64::new(0));
    let documents = Arc::clone(&counter);
    let templates = Arc::new(Mutex::new(BTreeMap::<String, String>::new()));
    let answer = move |method: Method, uri: Uri, body: Bytes| {
        let path = uri.path().to_owned();
        let text = match path.strip_prefix("/_index_template/") {
            Some(name) if method == Method::PUT => {
                let body = String::from_utf8_lossy(&body).into_owned();
                templates.lock().expect("nobody panics here").insert(name.to_owned(), body);
                r#"{"acknowledged":true}"#.to_owned()
            }
            Some(_) => found(&templates.lock().expect("nobody panics here")),
            None => {
                let lines = body.iter().filter(|byte| **byte == b'\n').count() as u64;
                counter.fetch_add(lines / 2, Ordering::Relaxed);
                let items =
                    vec![r#"{"index":{"status":201,"result":"created"}}"#; lines as usize / 2].join(",");
                format!(r#"{{"items":[{items}],"acknowledged":true,"version":{{"number":"9.2.0"}}}}"#)
            }
        };
        async { ([(header::CONTENT_TYPE, "application/json")], text) }
    };
    let app = Router::new().fallback(answer).layer(axum::extract::DefaultBodyLimit::disable());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    store(&address, DRAIN).setup().await.expect("templates");
    documents.store(0, Ordering::Relaxed);
    (address, documents)
}

fn found(templates: &BTreeMap<String, String>) -> String {
    let each = templates.iter().map(|(name, body)| format!(r#"{{"name":"{name}","index_template":{body}}}"#));
    format!(r#"{{"index_templates":[{}]}}"#, each.collect::<Vec<_>>().join(","))
}
