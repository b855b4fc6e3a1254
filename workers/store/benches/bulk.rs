//! Benchmarks of writing: upserts into the local file, the template check, and bulk requests to the search engines in
//! `UA_TEST_ES_7`, `UA_TEST_ES_9`, `UA_TEST_OS_2` and `UA_TEST_OS_3`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends when anything goes wrong"
)]

use std::time::Instant;

use store::elasticsearch::ElasticsearchSettings;
use store::{Batch, DocumentKind, Elasticsearch, Local, Store, Verdict};

const BATCH: usize = 1_000;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        local().await;
        for variable in ["UA_TEST_ES_7", "UA_TEST_ES_9", "UA_TEST_OS_2", "UA_TEST_OS_3"] {
            match url(variable) {
                Some(url) => search_engine(variable, &url).await,
                None => println!("left out: {variable} is not set"),
            }
        }
    });
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the servers of a benchmark are is said by the environment only"
)]
fn url(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

/// Two concurrent senders with prebuilt batches.
async fn search_engine(name: &str, url: &str) {
    let prefix = format!("bench{}-", std::process::id());
    let settings = ElasticsearchSettings { prefix: prefix.clone(), ..ElasticsearchSettings::new(url) };
    let store = Store::Elasticsearch(Elasticsearch::new(settings).unwrap());
    store.setup().await.unwrap();
    for (what, version, count) in
        [("warming up", 1, 60), ("new documents", 2, 150), ("the same again", 3, 60)]
    {
        let first = if version == 2 { 1_000 } else { 0 };
        let all = batches(&prefix, first..first + count, version);
        let (one, other) = all.split_at(count / 2);
        let begun = Instant::now();
        let (one, other) = tokio::join!(send(&store, one), send(&store, other));
        let seconds = begun.elapsed().as_secs_f64();
        println!("{name}, {what}: {:.0} documents/s by two senders", (one + other) as f64 / seconds);
    }
    store.wipe_prefix().await.unwrap();
}

async fn send(store: &Store, batches: &[Batch]) -> usize {
    let mut written = 0;
    for batch in batches {
        let verdicts = store.bulk(batch).await.unwrap();
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Indexed));
        written += verdicts.len();
    }
    written
}

/// Batches of sessions of about 700 bytes, in meetings of 12 participants.
fn batches(prefix: &str, numbers: std::ops::Range<usize>, version: i64) -> Vec<Batch> {
    numbers
        .map(|number| {
            let mut batch = Batch::new();
            for item in 0..BATCH {
                let position = number * BATCH + item;
                // Meeting uuids are random; the sessions of a meeting are adjacent.
                let meeting = ((position / 12) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let uuid = format!("{meeting:016x}AAAAAA==");
                let id = format!("{uuid}/{}", 16_000_000 + position % 12 * 1024);
                let document = session(&uuid, position);
                batch
                    .push(prefix, DocumentKind::Sessions, "sessions-2026.01".into(), id, version, &document)
                    .unwrap();
            }
            batch
        })
        .collect()
}

fn session(uuid: &str, position: usize) -> Box<serde_json::value::RawValue> {
    let text = format!(
        r#"{{"meeting_uuid":"{uuid}","series_id":91234567890,"event":"meeting","topic":"Seminar {}","user_id":"16778240","participant_uuid":"p{position}","user_name":"Participant {position}","email":"p{position}@example.edu","device":{{"raw":"Windows","family":"windows"}},"ip_address":"10.1.2.3","location":{{"raw":"Berlin (DE)","city":"Berlin","country":"DE"}},"network_type":"Wifi","data_center":"Frankfurt","join_time":"2026-01-02T08:{:02}:00Z","leave_time":"2026-01-02T09:30:00Z","duration":5400,"leave_reason":{{"raw":"left the meeting","kind":"left"}},"share_application":false,"recording":false,"source":"dashboard","harvest":{{"job_id":"zoom:participants:{uuid}","fetched_at":"2026-01-03T05:00:00Z","endpoint":"GET /metrics/meetings/{{uuid}}/participants","ua_version":"0.1.0"}}}}"#,
        position % 500,
        position % 60
    );
    serde_json::value::RawValue::from_string(text).unwrap()
}

async fn local() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        store::local::LocalStoreSettings { folder: folder.path().to_owned(), prefix: String::new() };
    let store = Store::Local(Local::open(settings).unwrap());
    let fresh = batches("", 0..200, 1);
    let bytes: usize = fresh.iter().map(Batch::bytes).sum();
    println!("documents of {} bytes with their action lines", bytes / BATCH / fresh.len());
    write("local, new documents", &store, &fresh).await;
    write("local, the same again", &store, &batches("", 0..200, 2)).await;
    write("local, stale", &store, &fresh).await;
    let (begun, documents) = (cpu_seconds(), (fresh.len() * BATCH) as f64);
    for item in fresh.iter().flat_map(Batch::items) {
        item.kind.check(item.source).unwrap();
    }
    println!("check against the template: {:.2} µs cpu each", (cpu_seconds() - begun) / documents * 1e6);
    let begun = Instant::now();
    let counted = store
        .count(&store::Query::all(DocumentKind::Sessions).with("data_center", "Frankfurt"))
        .await
        .unwrap();
    println!("local, count by a field: {counted} looked at in {:.2} s", begun.elapsed().as_secs_f64());
}

async fn write(what: &str, store: &Store, batches: &[Batch]) {
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    for batch in batches {
        let verdicts = store.bulk(batch).await.unwrap();
        assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Indexed | Verdict::Stale)));
    }
    let documents = (batches.len() * BATCH) as f64;
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!("{what}: {:.0} documents/s, {:.1} µs cpu each", documents / seconds, cpu / documents * 1e6);
}

/// User and system CPU time of this process; the kernel counts hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks =
        |position: usize| stat.rsplit(')').next()?.split_whitespace().nth(position)?.parse::<f64>().ok();
    (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / 100.0
}
