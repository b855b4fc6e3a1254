//! A machine with a wrong clock: it holds while other clocks disagree, writes nothing that it has fetched, and earlier
//! damage is repaired.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use runtime::clock;
use serde_json::Value;
use simulator::{Simulator, Source, ZoomSettings};
use store::{Batch, DocumentKind, Query, Store, Verdict};

use crate::program::{Program, eventually};
use crate::runs::ago;
use crate::servers::{Site, searched, server, unique};

const SPEED: f64 = 100.0;
const TWO_YEARS: SignedDuration = SignedDuration::from_hours(730 * 24);

async fn small() -> Simulator {
    let settings =
        ZoomSettings { meetings_per_day: 15, participants: 4.0, speed: SPEED, ..ZoomSettings::default() };
    Simulator::start(settings).await.unwrap()
}

fn succeed(program: &Program, words: &[&str]) -> String {
    let ended = program.call(words);
    assert_eq!(ended.code, Some(0), "{words:?}: {}\n{}", ended.out, ended.err);
    ended.out
}

/// Sets the clock of the processes that read this file; returns its path.
fn set_ahead(program: &Program, by: SignedDuration) -> String {
    let path = program.path().join("clock");
    let next = program.path().join("clock.next");
    std::fs::write(&next, by.as_secs().to_string()).unwrap();
    std::fs::rename(next, &path).unwrap();
    path.to_str().unwrap().to_owned()
}

fn roles(program: &Program) -> Vec<Value> {
    let status: Value = serde_json::from_str(&succeed(program, &["status", "--json"])).unwrap();
    let workers = status["workers"].as_array().unwrap().iter();
    workers.flat_map(|worker| worker["roles"].as_array().unwrap().clone()).collect()
}

fn local(program: &Program) -> Store {
    let settings =
        store::local::LocalStoreSettings { folder: program.path().join("data"), prefix: String::new() };
    Store::Local(store::Local::open(settings).unwrap())
}

/// Number of documents from the future, of every kind that a harvest writes.
async fn from_the_future(store: &Store) -> u64 {
    let soon = clock::now() + SignedDuration::from_mins(6);
    let mut found = 0;
    for (kind, field) in [
        (DocumentKind::Harvests, "finished_at"),
        (DocumentKind::Meetings, "harvest.fetched_at"),
        (DocumentKind::Sessions, "harvest.fetched_at"),
    ] {
        let ahead = Query::all(kind).between(field, soon, "9999-01-01T00:00:00Z");
        found += store.count(&ahead).await.unwrap();
    }
    found
}

async fn complete(store: &Store) -> u64 {
    store
        .count(&Query::all(DocumentKind::Harvests).with("state", "complete").with("kind", "meetings"))
        .await
        .unwrap()
}

async fn sessions(store: &Store) -> BTreeSet<String> {
    let hits = store.search(&Query::all(DocumentKind::Sessions)).await.unwrap();
    hits.into_iter().map(|hit| hit.id).collect()
}

fn truth(simulator: &Simulator, days: i32) -> BTreeSet<String> {
    let ids = simulator.truth(ago(days).parse().unwrap(), Source::Dashboard).ids.unwrap();
    ids.session_ids.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_two_years_ahead_holds_and_goes_on_when_its_clock_is_right() {
    let Some(amqp) = server("UA_TEST_AMQP_URL") else { return };
    let (simulator, prefix) = (small().await, unique("clock"));
    let program = Program::new()
        .with_account(&simulator, SPEED)
        .with("AMQP_URL", &amqp)
        .with("UA_QUEUE_PREFIX", &prefix)
        .with("UA_DATA_DIR", "data");
    succeed(&program, &["setup"]);
    // The first process leads the quota, with a correct clock.
    let leader = program.start(&["work", "zoom", "index"], "leader.log");
    eventually("the leader works", 60, async || roles(&program).len() >= 3).await;
    let clock = set_ahead(&program, TWO_YEARS);
    let program = program.with("UA_TEST_CLOCK", clock);
    let wrong = program.start(&["work", "zoom"], "wrong.log");
    let program = program.with("UA_TEST_CLOCK", "");
    let log = program.path().join("wrong.log");
    let says = |part: &str| std::fs::read_to_string(&log).unwrap_or_default().contains(part);
    eventually("it waits", 60, async || says("waiting for a clock that is right")).await;
    for part in ["730 days ahead of the quota leader's", "730 days ahead of Zoom's", "set it"] {
        assert!(says(part), "{}", std::fs::read_to_string(&log).unwrap());
    }
    succeed(&program, &["plan", "--from", &ago(9), "--to", &ago(2), "--yes"]);
    set_ahead(&program, SignedDuration::ZERO);
    eventually("it works by itself when its clock is right", 60, async || roles(&program).len() >= 5).await;
    let store = local(&program);
    let done = async || {
        store.count(&Query::all(DocumentKind::Harvests).with("state", "planned")).await.unwrap() == 0
    };
    eventually("the first plan is done", 300, done).await;
    // Set ahead while it works, the process publishes nothing of the jobs in progress and begins no other.
    let calls = || simulator.ledger_summary().calls.heavy;
    let before = calls();
    succeed(&program, &["plan", "--from", &ago(40), "--to", &ago(25), "--yes"]);
    eventually("it works", 60, async || calls() > before).await;
    set_ahead(&program, TWO_YEARS);
    succeed(&program, &["plan", "--from", &ago(24), "--to", &ago(10), "--yes"]);
    let why = || roles(&program).iter().find_map(|role| role["hold"]["why"].as_str().map(str::to_owned));
    eventually("it holds", 60, async || why().is_some_and(|why| why.contains("730 days ahead of"))).await;
    set_ahead(&program, SignedDuration::ZERO);
    eventually("the hold ends by itself", 90, async || why().is_none()).await;
    eventually("all is done", 300, done).await;
    assert_eq!(from_the_future(&store).await, 0);
    assert_eq!(store.count(&Query::all(DocumentKind::Deadletters)).await.unwrap(), 0);
    assert_eq!(complete(&store).await, 39);
    for process in [wrong, leader] {
        assert_eq!(process.terminate(), Some(0));
    }
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_wrong_clock_has_fetched_is_held_reported_and_repaired() {
    let simulator = small().await;
    let program = Program::new().with_account(&simulator, SPEED).with("UA_DATA_DIR", "data");
    succeed(&program, &["plan", "--date", &ago(2), "--yes"]);
    let clock = set_ahead(&program, TWO_YEARS);
    let program = program.with("UA_TEST_CLOCK", clock);
    // Only the API's clock differs: the process works, and requests a date that is old by its own clock.
    let wrong = program.start(&["work", "zoom"], "wrong.log");
    eventually("details are fetched", 90, async || simulator.ledger_summary().calls.heavy > 5).await;
    assert_eq!(wrong.terminate(), Some(0));
    let program = program.with("UA_TEST_CLOCK", "");
    let right = program.start(&["work", "index"], "index.log");
    let parked = || roles(&program).into_iter().find_map(|role| role["parked"].as_array()?.first().cloned());
    eventually("what is ahead is held", 60, async || parked().is_some()).await;
    let why = parked().unwrap()["why"].as_str().unwrap().to_owned();
    assert!(
        why.contains("730 days ahead of the store's clock") && why.contains("--repair-versions"),
        "{why}"
    );
    let said = succeed(&program, &["status"]);
    assert!(said.contains("parked (put-off: its version is 730 days ahead"), "{said}");
    let store = local(&program);
    assert_eq!(from_the_future(&store).await, 0);
    assert_eq!(store.count(&Query::all(DocumentKind::Deadletters)).await.unwrap(), 0);
    let repaired = succeed(&program, &["check", "--repair-versions"]);
    assert!(repaired.contains("0 documents removed from the store"), "{repaired}");
    let worker = program.start(&["work", "zoom"], "zoom.log");
    eventually("the date is complete", 90, async || sessions(&store).await == truth(&simulator, 2)).await;
    for process in [worker, right] {
        assert_eq!(process.terminate(), Some(0));
    }
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_from_the_future_are_reported_and_repaired() {
    let simulator = small().await;
    let program = Program::new().with_account(&simulator, SPEED).with("UA_DATA_DIR", "data");
    let clock = set_ahead(&program, SignedDuration::from_hours(24));
    let program = program.with("UA_TEST_CLOCK", clock);
    succeed(&program, &["run", "--date", &ago(2)]);
    let program = program.with("UA_TEST_CLOCK", "");
    let store = local(&program);
    assert!(from_the_future(&store).await > 0, "the clock was not ahead");
    let checked = program.call(&["check"]);
    assert_ne!(checked.code, Some(0), "{}", checked.out);
    let said = checked.out.lines().find(|line| line.contains("versions")).unwrap_or_default().to_owned();
    for part in ["ahead of the store's clock", " in harvests", " in sessions", "a worker's clock was wrong"] {
        assert!(said.contains(part), "{}", checked.out);
    }
    assert!(checked.out.contains("ua check --repair-versions"), "{}", checked.out);
    let repaired = succeed(&program, &["check", "--repair-versions"]);
    assert!(!repaired.contains("0 documents removed"), "{repaired}");
    assert_eq!(from_the_future(&store).await, 0);
    // The date's job is planned: a run of only this date finds it in the queue.
    succeed(&program, &["run", "--date", &ago(2)]);
    assert_eq!(sessions(&store).await, truth(&simulator, 2));
    assert_eq!(from_the_future(&store).await, 0);
    let said = program.call(&["check"]);
    assert!(said.out.contains("none is ahead of the store's clock"), "{}", said.out);
    simulator.stop().await;
}

/// Copies every document with its version.
async fn copy(from: &Store, to: &Store) {
    for kind in DocumentKind::ALL {
        let mut batch = Batch::new();
        for hit in from.search(&Query::all(kind)).await.unwrap() {
            batch.push(to.prefix(), kind, hit.index, hit.id, hit.version, &hit.source).unwrap();
        }
        let verdicts = to.bulk(&batch).await.unwrap();
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Indexed), "{kind:?}: {verdicts:?}");
    }
    to.refresh().await.unwrap();
}

/// A search engine has a clock of its own, and remembers the version of a removed document for a while.
async fn on_a_search_engine(variable: &str) {
    let Some(search) = server(variable) else { return };
    let simulator = small().await;
    let program = || Program::new().with_account(&simulator, SPEED).with("UA_RAW_DAYS", 0);
    // Alone with its file, a machine has no second clock to compare with: its documents are from tomorrow.
    let alone = program().with("UA_DATA_DIR", "data");
    let clock = set_ahead(&alone, SignedDuration::from_hours(24));
    let alone = alone.with("UA_TEST_CLOCK", &clock);
    succeed(&alone, &["run", "--date", &ago(2)]);
    let prefix = format!("{}-", unique("clock"));
    let program =
        program().with("ES_HOST", &search).with("UA_INDEX_PREFIX", &prefix).with("UA_DATA_DIR", "data");
    let store = searched(&search, &prefix);
    succeed(&program, &["setup"]);
    copy(&local(&alone), &store).await;

    // The API's clock and the store's are two.
    let clock = set_ahead(&program, SignedDuration::from_hours(30 * 24));
    let program = program.with("UA_TEST_CLOCK", &clock);
    let worker = program.start(&["work", "all"], "wrong.log");
    let path = program.path().join("wrong.log");
    let log = || std::fs::read_to_string(&path).unwrap_or_default();
    eventually("it waits", 60, async || log().contains("waiting for a clock that is right")).await;
    for part in ["30 days ahead of Zoom's", "30 days ahead of the store's"] {
        assert!(log().contains(part), "{}", log());
    }
    assert_eq!(worker.terminate(), Some(0), "{}", log());
    let planned = program.call(&["plan", "--date", &ago(3), "--yes"]);
    assert_eq!(planned.code, Some(2), "{}", planned.out);
    assert!(planned.err.contains("30 days ahead of the store's"), "{}", planned.err);
    set_ahead(&program, SignedDuration::ZERO);

    assert!(from_the_future(&store).await > 0, "the copies are from tomorrow");
    let checked = program.call(&["check"]).out;
    for part in ["this machine's clock agrees with the store's", "documents are ahead of the store's clock"] {
        assert!(checked.contains(part), "{checked}");
    }
    remember_deleted_for(&search, &prefix, 3).await;
    let repaired = program.call(&["check", "--repair-versions"]);
    assert_eq!(repaired.code, Some(0), "{}\n{}", repaired.out, repaired.err);
    assert!(repaired.err.contains("the store remembers removed versions for 3 s"), "{}", repaired.err);
    store.refresh().await.unwrap();
    assert_eq!(from_the_future(&store).await, 0);
    // What was removed is written again, with versions of today.
    succeed(&program, &["run", "--date", &ago(2)]);
    store.refresh().await.unwrap();
    assert_eq!(sessions(&store).await, truth(&simulator, 2));
    assert_eq!(from_the_future(&store).await, 0);
    store.wipe_prefix().await.unwrap();
    simulator.stop().await;
}

async fn remember_deleted_for(search: &str, prefix: &str, seconds: u32) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = serde_json::json!({ "index.gc_deletes": format!("{seconds}s") }).to_string();
    let put = client.put(format!("{search}/{prefix}*/_settings")).header("content-type", "application/json");
    let status = put.body(body).send().await.unwrap().status();
    assert!(status.is_success(), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_from_the_future_are_repaired_on_elasticsearch_7() {
    on_a_search_engine("UA_TEST_ES_7").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_from_the_future_are_repaired_on_elasticsearch_9() {
    on_a_search_engine("UA_TEST_ES_9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_from_the_future_are_repaired_on_opensearch_2() {
    on_a_search_engine("UA_TEST_OS_2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_from_the_future_are_repaired_on_opensearch_3() {
    on_a_search_engine("UA_TEST_OS_3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_ahead_of_the_store_plans_nothing_and_goes_on_when_its_clock_is_right() {
    let Some((amqp, search)) = server("UA_TEST_AMQP_URL").zip(server("UA_TEST_ES_9")) else { return };
    let simulator = small().await;
    let program = Program::new().with_account(&simulator, SPEED).with("UA_SCHEDULE", "* * * * *");
    let Site { program, store } = Site::with(program, &amqp, &search);
    succeed(&program, &["setup"]);
    let clock = set_ahead(&program, TWO_YEARS);
    let program = program.with("UA_TEST_CLOCK", clock);
    let scheduler = program.start(&["work", "schedule"], "schedule.log");
    let log = program.path().join("schedule.log");
    let says = |part: &str| std::fs::read_to_string(&log).unwrap_or_default().contains(part);
    eventually("it waits", 120, async || says("730 days ahead of the store's: set it")).await;
    let runs = async || store.count(&Query::all(DocumentKind::Runs)).await.unwrap();
    assert_eq!(runs().await, 0);
    set_ahead(&program, SignedDuration::ZERO);
    eventually("it plans by itself when its clock is right", 180, async || runs().await > 0).await;
    assert_eq!(scheduler.terminate(), Some(0));
    store.wipe_prefix().await.unwrap();
    simulator.stop().await;
}
