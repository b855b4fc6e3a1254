//! A million dead letters: from the queue to the desk by the index role, then the commands of an operator. On RabbitMQ
//! and Elasticsearch (`UA_TEST_AMQP_URL` and `UA_TEST_ES_9`), and on the local file.

use std::path::Path;
use std::time::{Duration, Instant};

use messages::zoom::{Event, Listing, MeetingContext, Task};
use messages::{Cause, CauseClass, Family, Lane, Queue};
use runtime::{Broker, Message};
use store::{DocumentKind, Query, Store};

use crate::process::Process;

const LETTERS: usize = 1_000_000;
/// Letters published at once.
const BATCH: usize = 2_000;
/// Longest time without progress before the benchmark fails.
const PATIENCE: Duration = Duration::from_secs(120);

type Environment = Vec<(&'static str, String)>;

/// Promised maxima: seconds for a list, seconds for a replay of 1,000, and memory in MiB.
const LIST: f64 = 2.0;
const REPLAY: f64 = 5.0;
const MEMORY: u64 = 64;

/// Prints the measurements of the desk; returns true when all promises are kept.
pub(crate) async fn at_scale() -> bool {
    let servers = match crate::pipeline::servers() {
        Some((amqp, search)) => on_servers(amqp, search).await,
        None => false,
    };
    let well = on_the_local_file().await & servers;
    println!("desk: {}", if well { "held" } else { "FAILED" });
    well
}

async fn on_servers(amqp: String, search: String) -> bool {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (queues, indices) = (format!("desk{}", std::process::id()), "bench-desk-");
    let mut settings = runtime::broker::amqp::AmqpSettings::new(amqp.as_str().into());
    settings.prefix.clone_from(&queues);
    settings.documents_limit = 1_000;
    let amqp_broker = runtime::broker::Amqp::connect(settings).await.expect("RabbitMQ");
    let broker = Broker::Amqp(amqp_broker.clone());
    let store = crate::pipeline::store(&search, indices);
    store.wipe_prefix().await.expect("old indices can be removed");
    store.setup().await.expect("templates");
    let environment = vec![
        ("AMQP_URL", amqp),
        ("UA_QUEUE_PREFIX", queues),
        ("ES_HOST", search),
        ("UA_INDEX_PREFIX", indices.to_owned()),
        ("UA_LOG", "warn".to_owned()),
    ];
    let well = figures("RabbitMQ and Elasticsearch", folder.path(), &environment, &broker, &store).await;
    amqp_broker.remove().await.expect("the queues can be removed");
    broker.close().await;
    store.wipe_prefix().await.expect("the indices can be removed");
    well
}

async fn on_the_local_file() -> bool {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let data = folder.path().join("ua-data");
    let settings = store::local::LocalStoreSettings { folder: data.clone(), prefix: String::new() };
    let store = Store::Local(store::Local::open(settings).expect("a file"));
    let settings = runtime::broker::local::LocalBrokerSettings {
        folder: data,
        ladder: runtime::Ladder::default(),
        documents_limit: 1_000,
    };
    let broker = Broker::Local(runtime::broker::Local::open(settings).expect("a file"));
    let environment = vec![("UA_LOG", "warn".to_owned())];
    let well = figures("the local file", folder.path(), &environment, &broker, &store).await;
    broker.close().await;
    well
}

async fn figures(
    place: &str,
    folder: &Path,
    environment: &Environment,
    broker: &Broker,
    store: &Store,
) -> bool {
    let began = Instant::now();
    publish(broker).await;
    let seconds = began.elapsed().as_secs_f64();
    println!("desk, {place}: {LETTERS} dead letters published to ua.dead in {seconds:.0} s");
    let began = Instant::now();
    let worker = Process::start(folder, environment, &["work", "index"]);
    filed(store).await;
    let (seconds, used) = (began.elapsed().as_secs_f64(), worker.used());
    println!(
        "desk, {place}: filed in {seconds:.0} s ({:.0}/s), {} MiB peak of the index role",
        LETTERS as f64 / seconds,
        used.peak_mib
    );
    drop(worker);
    let mut well = used.peak_mib <= MEMORY;
    for words in [
        &["dlq", "list"][..],
        &["dlq", "list"],
        &["dlq", "list", "--class", "gone"],
        &["dlq", "list", "--date", "2026-01-07"],
        &["dlq", "list", "--source", "opencast"],
        &["dlq", "list", "--uuid", "AAAAAAAAAAAAAAAAAAAAAA=="],
        &["dlq", "replay", "--limit", "1000"],
        &["dlq", "replay", "--limit", "1000", "--class", "forbidden", "--date", "2026-01-08"],
        &["dlq", "drop", "--limit", "1000", "--yes"],
        &["dlq", "replay", "--all", "--dry-run"],
        &["status", "--json"],
    ] {
        well &= time(place, folder, environment, words).await;
    }
    let lane = Queue::jobs(Family::ZOOM_DETAIL, Lane::Replay);
    let waiting = broker.depth(&lane).await.expect("a depth").ready;
    println!("desk, {place}: {waiting} jobs in the replay lane after two replays of 1000");
    well && waiting == 2_000
}

/// Times a command; returns true when it keeps its promise.
async fn time(place: &str, folder: &Path, environment: &Environment, words: &[&str]) -> bool {
    let began = Instant::now();
    let (used, well) = Process::start(folder, environment, words).watch().await;
    let seconds = began.elapsed().as_secs_f64();
    let most = match words {
        ["dlq", "list", ..] => LIST,
        ["dlq", "replay", "--limit", ..] => REPLAY,
        _ => f64::INFINITY,
    };
    let well = well && seconds <= most && used.peak_mib <= MEMORY;
    println!(
        "desk, {place}: `ua {}`: {seconds:.2} s, {} MiB peak{}",
        words.join(" "),
        used.peak_mib,
        if well { "" } else { ", FAILED" }
    );
    well
}

/// Publishes the letters, four batches at once.
async fn publish(broker: &Broker) {
    let mut publishing = tokio::task::JoinSet::new();
    for first in (0..LETTERS).step_by(BATCH) {
        while publishing.len() >= 4 {
            publishing.join_next().await;
        }
        let broker = broker.clone();
        publishing.spawn(async move {
            let batch = (first..first + BATCH).map(letter).collect();
            broker.publish(batch).await.expect("a publish");
        });
    }
    while let Some(published) = publishing.join_next().await {
        published.expect("a publish");
    }
}

/// A dead job for a meeting as planners publish it, of about 500 bytes.
fn letter(number: usize) -> Message {
    let start: jiff::Timestamp = "2026-01-01T10:00:00Z".parse().expect("a time");
    let start = start + jiff::SignedDuration::from_hours(24 * i64::try_from(number % 28).unwrap_or(0));
    let meeting = MeetingContext {
        meeting_uuid: uuid(number).parse().expect("a uuid"),
        series_id: Some(messages::SeriesId(91_000_000_000 + number as u64)),
        topic: Some("Linear Algebra I, exercises of group 7".to_owned()),
        start_time: Some(start),
        end_time: Some(start + jiff::SignedDuration::from_mins(90)),
        host_id: Some("aBcDeFgHiJkLmNoPqRsTuV".to_owned()),
    };
    let date = Some(jiff::tz::TimeZone::UTC.to_datetime(start).date());
    let (event, listing, header) = (Event::Meeting, Some(Listing::Past), false);
    let task = Task::Participants { meeting, event, listing, api: None, date, header };
    let job = task.into_job("20260130T030000000-2026-01-01..2026-01-28".into(), Lane::Backfill, start);
    let body = messages::encode(&job).expect("a message");
    let queue = Queue::jobs(Family::ZOOM_DETAIL, Lane::Backfill);
    let classes =
        [CauseClass::Gone, CauseClass::Forbidden, CauseClass::HtmlBlocked, CauseClass::AttemptsSpent];
    let text = "GET /metrics/meetings/{uuid}/participants answered 404, code 3001: the meeting ended more than an hour ago and the api does not have it";
    // Every class occurs on every date, so that a filter by both finds some.
    let class = classes[number / 28 % classes.len()];
    Message::new(queue, job.id.as_str(), body, start).into_dead(Cause::new(class, text))
}

/// Returns 24 characters of base64, unique for each number.
fn uuid(number: usize) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |place: u32| char::from(DIGITS[number / 64_usize.pow(place) % 64]);
    let digits: String = (0..4).rev().map(digit).collect();
    format!("AAAAAAAAAAAAAAAAA{digits}A==")
}

async fn filed(store: &Store) {
    let (mut count, mut moved) = (0, Instant::now());
    while count < LETTERS as u64 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        // A new index does not answer for a moment.
        let _ = store.refresh().await;
        let found =
            store.count(&Query::all(DocumentKind::Deadletters).with("state", "dead")).await.unwrap_or(count);
        if found > count {
            (count, moved) = (found, Instant::now());
        }
        assert!(moved.elapsed() < PATIENCE, "the desk stands still at {count} letters");
    }
}
