//! The rate and pause of Opencast calls apply to the whole fleet over RabbitMQ, and to the only fetching process on a
//! local file.

use std::time::{Duration, Instant};

use messages::{Receipt, ReceiptState};
use serde_json::Value;
use simulator::opencast::{Dialect, Opencast, OpencastSettings};
use store::{DocumentKind, Query, Store};

use crate::program::{Program, Running, eventually};
use crate::servers::{server, unique};

/// Calls per second.
const RATE: f64 = 10.0;
/// Harvested dates, one job each.
const DATES: i32 = 20;
/// Calls over which the rate is measured; two processes with separate rates would take half the time.
const SPAN: u64 = 80;
/// Maximum age of a token in seconds when it is used, and tokens that may arrive at once.
const OLD: f64 = 2.0;
const AT_ONCE: f64 = 5.0;

async fn opencast() -> Opencast {
    let settings = OpencastSettings {
        dialect: Dialect::Dce,
        actions_per_day: 300,
        episodes: 90,
        history_days: 40,
        ..OpencastSettings::default()
    };
    Opencast::start(settings).await.unwrap()
}

fn ago(days: i32) -> jiff::civil::Date {
    ua::receipts::read::today().saturating_sub(jiff::Span::new().days(days))
}

fn succeed(program: &Program, words: &[&str]) -> String {
    let ended = program.call(words);
    assert_eq!(ended.code, Some(0), "{words:?}: {}\n{}", ended.out, ended.err);
    ended.out
}

fn plan(program: &Program) {
    let (from, to) = (ago(DATES + 1).to_string(), ago(2).to_string());
    let words = ["plan", "--source", "opencast", "--from", &from, "--to", &to, "--yes"];
    succeed(program, &words);
}

/// Returns the reports of the workers' Opencast roles.
fn roles(program: &Program) -> Vec<Value> {
    let status: Value = serde_json::from_str(&succeed(program, &["status", "--json"])).unwrap();
    let workers = status["workers"].as_array().unwrap().iter();
    let roles = workers.flat_map(|worker| worker["roles"].as_array().unwrap());
    roles.filter(|role| role["name"] == "opencast").cloned().collect()
}

fn calls(opencast: &Opencast) -> u64 {
    opencast.ledger_summary().calls
}

/// Pauses by command and checks the state before, during and after.
async fn paused_and_resumed(program: &Program, opencast: &Opencast, workers: usize) {
    let said = succeed(program, &["pause", "opencast", "--until", "2h", "--why", "exams"]);
    assert!(said.contains("opencast: paused until ") && said.contains("(exams)"), "{said}");
    eventually("every worker is on hold", 60, async || {
        let roles = roles(program);
        let held = roles.iter().filter(|role| !role["hold"].is_null() && role["in_flight"] == 0);
        held.count() == workers
    })
    .await;
    let before = calls(opencast);
    let shown = succeed(program, &["status"]);
    let paused = shown.lines().find(|line| line.starts_with("opencast: paused until ")).unwrap_or_default();
    assert!(paused.contains("(exams); ") && paused.contains(" jobs waiting; resumes in "), "{shown}");
    assert!(shown.contains("0 messages parked for another attempt"), "nothing is put off: {shown}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(calls(opencast), before, "calls are made in a pause");
    let said = succeed(program, &["resume", "opencast"]);
    assert!(said.contains("opencast: 600 calls a minute (100 %)"), "{said}");
    eventually("calls are made after the pause", 60, async || calls(opencast) > before).await;
}

/// Every date is complete after the first attempt of its job.
async fn unharmed(program: &Program, opencast: &Opencast) {
    let settings =
        store::local::LocalStoreSettings { folder: program.path().join("data"), prefix: String::new() };
    let store = Store::Local(store::Local::open(settings).unwrap());
    let dates = DATES.unsigned_abs();
    eventually("every date is complete", 180, async || {
        let complete = Query::all(DocumentKind::Harvests).with("state", "complete").with("kind", "actions");
        store.count(&complete).await.unwrap() == u64::from(dates)
    })
    .await;
    for days in 2..=DATES + 1 {
        let id = format!("opencast:actions:{}", ago(days));
        let hit = store.get(DocumentKind::Harvests, &id).await.unwrap().unwrap();
        let receipt: Receipt = serde_json::from_str(hit.source.get()).unwrap();
        assert_eq!((receipt.state, receipt.attempts), (ReceiptState::Complete, 1), "{id}");
        for action in opencast.truth(ago(days)).ids.unwrap().action_ids {
            let hit = store.get(DocumentKind::Useractions, &action.to_string()).await.unwrap();
            assert!(hit.is_some(), "{action} of {id} is missing");
        }
    }
    assert_eq!(store.count(&Query::all(DocumentKind::Deadletters)).await.unwrap(), 0);
}

/// A worker's requests before its first job share the fleet's rate.
#[tokio::test(flavor = "multi_thread")]
async fn workers_that_start_at_once_ask_what_opencast_is_at_the_rate_of_the_fleet() {
    let Some(amqp) = server("UA_TEST_AMQP_URL") else { return };
    let opencast = opencast().await;
    let prefix = unique("start");
    let program = Program::new()
        .with_opencast(&opencast)
        .with("OPENCAST_CALLS_PER_SECOND", RATE)
        .with("AMQP_URL", &amqp)
        .with("UA_QUEUE_PREFIX", &prefix)
        .with("UA_DATA_DIR", "data");
    succeed(&program, &["setup"]);
    let fleet: Vec<Running> =
        (0..4).map(|number| program.start(&["work", "opencast"], &format!("{number}.log"))).collect();
    eventually("all work", 120, async || roles(&program).len() == fleet.len()).await;
    let ledger = opencast.ledger_summary();
    let asked = ledger.by_path["/info/components.json"];
    assert!(asked == 4 && ledger.calls >= 4 * 8, "not all have asked: {ledger:?}");
    let took = (ledger.last_us.unwrap() - ledger.first_us.unwrap()) as f64 / 1e6;
    let most = RATE * (took + OLD) + AT_ONCE;
    assert!((ledger.calls as f64) <= most, "{} calls in {took:.1} s, {most:.0} at the most", ledger.calls);
    assert!(ledger.peak_per_second as f64 <= RATE + AT_ONCE, "{ledger:?}");
    for process in fleet {
        assert_eq!(process.terminate(), Some(0));
    }
    remove(prefix, &amqp).await;
    opencast.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_has_one_rate_and_one_pause_for_opencast() {
    let Some(amqp) = server("UA_TEST_AMQP_URL") else { return };
    let opencast = opencast().await;
    let prefix = unique("pause");
    let program = Program::new()
        .with_opencast(&opencast)
        .with("OPENCAST_CALLS_PER_SECOND", RATE)
        .with("AMQP_URL", &amqp)
        .with("UA_QUEUE_PREFIX", &prefix)
        .with("UA_DATA_DIR", "data");
    plan(&program);
    let fleet: Vec<Running> = [&["work", "opencast", "index"][..], &["work", "opencast"]]
        .into_iter()
        .enumerate()
        .map(|(number, words)| program.start(words, &format!("{number}.log")))
        .collect();
    eventually("both have work in hand", 60, async || {
        roles(&program).iter().filter(|role| role["in_flight"].as_u64() > Some(0)).count() == 2
    })
    .await;
    let (before, began) = (calls(&opencast), Instant::now());
    eventually("calls are made", 120, async || calls(&opencast) >= before + SPAN).await;
    let made = calls(&opencast) - before;
    let most = RATE * (began.elapsed().as_secs_f64() + OLD) + AT_ONCE;
    assert!((made as f64) <= most, "{made} calls, {most:.0} at the most");
    paused_and_resumed(&program, &opencast, 2).await;
    unharmed(&program, &opencast).await;
    for process in fleet {
        assert_eq!(process.terminate(), Some(0));
    }
    remove(prefix, &amqp).await;
    opencast.stop().await;
}

async fn remove(prefix: String, amqp: &str) {
    let settings = runtime::broker::amqp::AmqpSettings {
        prefix,
        documents_limit: 1_000,
        ..runtime::broker::amqp::AmqpSettings::new(amqp.into())
    };
    let amqp = runtime::broker::Amqp::connect(settings).await.unwrap();
    amqp.remove().await.unwrap();
    amqp.remove_lead("quota.opencast.main").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_local_file_a_pause_holds_opencast_and_one_process_fetches() {
    let opencast = opencast().await;
    let program = Program::new()
        .with_opencast(&opencast)
        .with("OPENCAST_CALLS_PER_SECOND", RATE)
        .with("UA_DATA_DIR", "data");
    plan(&program);
    let worker = program.start(&["work", "opencast", "index"], "work.log");
    eventually("there is work in hand", 60, async || {
        roles(&program).iter().any(|role| role["in_flight"].as_u64() > Some(0))
    })
    .await;
    let date = ago(30).to_string();
    for words in [
        &["work", "opencast"][..],
        &["run", "--source", "opencast", "--date", &date],
        &["run", "--source", "opencast", "--date", &date, "--destination", "stdout"],
    ] {
        let ended = program.call(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {}", ended.err);
        assert!(ended.err.contains("another process fetches from opencast with"), "{}", ended.err);
    }
    paused_and_resumed(&program, &opencast, 1).await;
    unharmed(&program, &opencast).await;
    assert_eq!(worker.terminate(), Some(0));
    opencast.stop().await;
}

/// A command is stored without a fetching process, for the source that it names.
#[test]
fn orders_reach_the_source_they_name() {
    let program = Program::new().with("OPENCAST_ENGAGE_URL", "http://127.0.0.1:9");
    let refused = program.call(&["pause", "zoom"]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("ZOOM_ACCOUNT_ID"), "{}", refused.err);
    let refused = program.call(&["pause", "opencast", "--account", "main"]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("Opencast has none"), "{}", refused.err);
    let said = succeed(&program, &["pause", "opencast"]);
    assert!(said.contains("opencast: paused until it is resumed (by hand)"), "{said}");
    let said = succeed(&program, &["resume", "opencast"]);
    assert!(said.contains("opencast: 300 calls a minute (100 %)"), "{said}");
    let said = succeed(&program, &["quota", "set", "opencast=50%"]);
    assert!(said.contains("opencast: 150 calls a minute (50 %)"), "{said}");

    let program =
        program.with("ZOOM_ACCOUNT_ID", "a").with("ZOOM_CLIENT_ID", "b").with("ZOOM_CLIENT_SECRET", "c");
    let said = succeed(&program, &["pause", "heavy", "opencast", "--why", "moving house"]);
    assert_eq!(said.matches("moving house").count(), 2, "{said}");
    let said = succeed(&program, &["resume", "zoom"]);
    assert!(!said.contains("opencast"), "{said}");
    let said = succeed(&program, &["quota"]);
    assert!(said.contains("zoom account main, ") && said.contains("opencast, "), "{said}");
    assert!(said.contains("opencast: paused until it is resumed (moving house)"), "{said}");
    assert!(!succeed(&program, &["quota", "--account", "main"]).contains("opencast"));
}
