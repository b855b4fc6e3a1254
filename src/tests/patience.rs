//! How long programs bear a refusal: commands that do one thing and end, a run, and the scheduler.

use std::time::{Duration, Instant};

use serde_json::Value;
use simulator::{Simulator, ZoomSettings};

use crate::bad_input::account;
use crate::gate::Gate;
use crate::program::{Program, closed_date, eventually};
use crate::servers::{searched, server, unique};
use crate::user::User;

const SPEED: f64 = 100.0;

fn succeed(program: &Program, words: &[&str]) -> String {
    let ended = program.call(words);
    assert_eq!(ended.code, Some(0), "{words:?}: {}\n{}", ended.out, ended.err);
    ended.out
}

fn log(program: &Program) -> String {
    std::fs::read_to_string(program.path().join("program.log")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_asks_five_times_in_fifteen_seconds() {
    let Some(search) = server("UA_TEST_ES_9") else { return };
    let (gate, url) = Gate::before(&search).await;
    let prefix = format!("{}-", unique("patience"));
    let program = account().with("ES_HOST", &url).with("UA_INDEX_PREFIX", &prefix);
    succeed(&program, &["setup"]);
    let date = closed_date();
    let commands: [&[&str]; 6] = [
        &["status", "--json"],
        &["plan", "--date", &date, "--dry-run"],
        &["runs"],
        &["dlq", "list"],
        &["export", "meetings"],
        &["setup"],
    ];
    for (status, commands) in [(401, &commands[..]), (404, &commands[..2]), (302, &commands[..2])] {
        for words in commands {
            gate.deny_next(2, status, "");
            succeed(&program, words);
            assert_eq!(gate.denials(), 2, "{words:?} asks after {status}");
        }
    }
    for (status, code) in [(401, 2), (404, 1), (302, 1)] {
        gate.deny(status, "");
        let begun = Instant::now();
        let ended = program.call(&["runs"]);
        assert_eq!((ended.code, gate.denials()), (Some(code), 5), "{status}: {}", ended.err);
        assert!(begun.elapsed() >= Duration::from_secs(15), "{status}: {:?}", begun.elapsed());
        assert_eq!(ended.err.matches("asking again").count(), 1, "{}", ended.err);
    }
    gate.open();
    searched(&search, &prefix).wipe_prefix().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_waits_for_a_broker_that_has_not_loaded_its_users() {
    let amqp = server("UA_TEST_AMQP_URL").zip(server("UA_TEST_AMQP_MANAGEMENT_URL"));
    let Some((amqp, management)) = amqp else { return };
    let prefix = unique("patience");
    let user = format!("amqp://user-{prefix}:secret@{}", crate::proxy::host_of(&amqp));
    let program = Program::new().with("AMQP_URL", format!("{user}/%2f")).with("UA_QUEUE_PREFIX", &prefix);
    let setup = program.start(&["setup"], "program.log");
    eventually("it waits", 30, async || log(&program).contains("waiting for RabbitMQ")).await;
    let user = User::made(&amqp, &management, &prefix, [".*", ".*", ".*"]).await;
    assert_eq!(setup.ended_within(30), Some(0), "{}", log(&program));
    user.remove(&amqp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_refused_once_ends_complete() {
    let Some(search) = server("UA_TEST_ES_9") else { return };
    let settings =
        ZoomSettings { meetings_per_day: 10, participants: 3.0, speed: SPEED, ..ZoomSettings::default() };
    let simulator = Simulator::start(settings).await.unwrap();
    let (gate, url) = Gate::before(&search).await;
    let prefix = format!("{}-", unique("patience"));
    let program =
        Program::new().with_account(&simulator, SPEED).with("ES_HOST", &url).with("UA_INDEX_PREFIX", &prefix);
    for (days, path) in [(1, ""), (2, "/_bulk"), (3, "/_search")] {
        gate.deny_next(1, 401, path);
        let out = succeed(&program, &["run", "--date", &crate::runs::ago(days), "--json"]);
        let summary: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        assert_eq!((&summary["complete"], gate.denials()), (&true.into(), 1), "{summary}");
    }
    searched(&search, &prefix).wipe_prefix().await.unwrap();
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_says_what_is_parked_once_for_each_announced_attempt() {
    let faults = vec!["500=0.4".parse().unwrap()];
    let settings = ZoomSettings {
        meetings_per_day: 12,
        participants: 3.0,
        speed: SPEED,
        faults,
        ..ZoomSettings::default()
    };
    let simulator = Simulator::start(settings).await.unwrap();
    let program = Program::new().with_account(&simulator, SPEED);
    let begun = Instant::now();
    let ended = program.call(&["run", "--date", &closed_date(), "--wait", "6s"]);
    let said: Vec<&str> = ended.err.lines().filter(|line| line.contains("; next attempt in ")).collect();
    let (announced, waits): (Vec<&str>, Vec<&str>) =
        said.iter().partition(|line| !line.starts_with("waiting: "));
    let part = " has ";
    assert!(announced.iter().any(|line| line.contains(part) && line.contains("parked (")), "{}", ended.err);
    // Lists and details, each at the most once in the five seconds of the shortest delay.
    let most = 2 * (begun.elapsed().as_secs() as usize / 4 + 1);
    assert!(announced.len() <= most, "{} of {most}: {}", announced.len(), ended.err);
    assert_eq!(ended.code == Some(3), !waits.is_empty(), "what is left is named: {}", ended.err);
    simulator.stop().await;
}

/// What the scheduler says of itself.
fn schedule(program: &Program) -> Value {
    let status: Value = serde_json::from_str(&succeed(program, &["status", "--json"])).unwrap();
    let cards = status["workers"].as_array().unwrap().iter();
    let mut roles = cards.flat_map(|card| card["roles"].as_array().unwrap());
    roles.find(|role| role["name"] == "schedule").cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_that_is_refused_holds_with_growing_delays_until_an_order() {
    let Some(search) = server("UA_TEST_ES_9") else { return };
    let (gate, url) = Gate::before(&search).await;
    let prefix = format!("{}-", unique("patience"));
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let site = |host: &str| {
        account().with("ES_HOST", host).with("UA_INDEX_PREFIX", &prefix).with("UA_DATA_DIR", &data)
    };
    let (operator, program) = (site(&search), site(&url).with("UA_SCHEDULE", "0 0 1 1 *"));
    succeed(&operator, &["setup"]);
    gate.deny(401, "/_search");
    let begun = Instant::now();
    let scheduler = program.start(&["work", "schedule"], "program.log");
    // After 0, 0.5, 1.5, 3.5, 7.5 and 15.5 seconds; the next is due 16 seconds later.
    eventually("it has asked six times", 40, async || gate.denials() == 6).await;
    assert!(begun.elapsed() >= Duration::from_secs(15), "{:?}", begun.elapsed());
    eventually("status tells the refusal and the next attempt", 10, async || {
        let role = schedule(&operator);
        role["trouble"]["refused"] == true && role["hold"]["next"].is_string()
    })
    .await;
    assert!(succeed(&operator, &["status"]).contains("schedule is on hold: "));
    gate.open();
    succeed(&operator, &["resume", "schedule"]);
    eventually("it goes on", 10, async || log(&program).contains("schedule goes on")).await;
    let said = log(&program);
    assert!(said.contains("schedule tries again by order"), "{said}");
    assert_eq!(said.matches("schedule is on hold").count(), 1, "once per change: {said}");
    assert_eq!((gate.denials(), scheduler.terminate()), (6, Some(0)), "{said}");
    searched(&search, &prefix).wipe_prefix().await.unwrap();
}
