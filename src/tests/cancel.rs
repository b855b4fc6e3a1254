//! What `ua cancel` promises: with exit 0 nothing of the run starts any more, whatever becomes of the workers that had its
//! jobs.

use std::process::Command;

use simulator::{Calls, Simulator, ZoomSettings};

use crate::program::{Program, Running, eventually};
use crate::runs::{json, plan};
use crate::servers::{Site, server};

const SPEED: f64 = 5.0;

async fn world() -> Simulator {
    let settings =
        ZoomSettings { meetings_per_day: 80, participants: 3.0, speed: SPEED, ..ZoomSettings::default() };
    Simulator::start(settings).await.unwrap()
}

/// A run of 240 meetings of which some details are fetched, slowly, and the worker that does.
async fn in_the_middle(program: &Program, simulator: &Simulator) -> (String, Running) {
    let (doomed, _) = plan(program, 12, 10);
    let worker = program.start(&["work", "all"], "first.log");
    quota(program, "heavy=5%");
    eventually("some details are fetched", 90, async || simulator.ledger_summary().calls.heavy > 10).await;
    (doomed, worker)
}

fn quota(program: &Program, setting: &str) {
    let ended = program.call(&["quota", "set", setting]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

/// Another run is done by the workers there are, and every call since `before` was made for it.
async fn only_another_is_done(program: &Program, simulator: &Simulator, doomed: &str, before: Calls) {
    let done = json(program, &["status", "--run", doomed, "--json"]);
    assert_eq!(done["progress"]["waiting"], 0, "{done}");
    assert!(done["progress"]["cancelled"].as_u64() > Some(0), "it was cancelled too late: {done}");
    quota(program, "heavy=default");
    let (other, _) = plan(program, 5, 5);
    eventually("the other run is done", 180, async || {
        json(program, &["status", "--run", &other, "--json"])["progress"]["waiting"] == 0
    })
    .await;
    let (after, calls) =
        (simulator.ledger_summary().calls, json(program, &["status", "--run", &other, "--json"]));
    let calls = &calls["progress"]["calls"];
    assert_eq!(calls["heavy"], after.heavy - before.heavy, "{calls}");
    assert_eq!(calls["resource_intensive"], after.resource_intensive - before.resource_intensive, "{calls}");
}

/// `cancel --wait` ends when the jobs in progress have stopped.
async fn waits(program: &Program, simulator: &Simulator) {
    let (doomed, worker) = in_the_middle(program, simulator).await;
    let ended = json(program, &["cancel", &doomed, "--yes", "--wait", "--json"]);
    let before = simulator.ledger_summary().calls;
    assert_eq!(ended["left"], 0, "{ended}");
    let progress = || {
        let mut progress = json(program, &["status", "--run", &doomed, "--json"])["progress"].take();
        // A speed, which falls as time passes.
        progress.as_object_mut().unwrap().retain(|name, _| !name.starts_with("recent"));
        progress
    };
    let settled = progress();
    only_another_is_done(program, simulator, &doomed, before).await;
    assert_eq!(progress(), settled, "its receipts were written before the exit");
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cancel_that_waited_nothing_starts() {
    let simulator = world().await;
    waits(&Program::new().with_account(&simulator, SPEED), &simulator).await;
    simulator.stop().await;
}

async fn waits_on(amqp: &str, search: &str) {
    let (Some(amqp), Some(search)) = (server(amqp), server(search)) else { return };
    let simulator = world().await;
    let site = Site::with(Program::new().with_account(&simulator, SPEED), &amqp, &search);
    site.succeed(&["setup"]);
    waits(&site.program, &simulator).await;
    site.store.wipe_prefix().await.unwrap();
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cancel_on_rabbitmq_3_that_waited_nothing_starts() {
    waits_on("UA_TEST_AMQP_URL", "UA_TEST_ES_9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cancel_on_rabbitmq_4_that_waited_nothing_starts() {
    waits_on("UA_TEST_AMQP4_URL", "UA_TEST_ES_7").await;
}

/// Jobs that a killed worker had come back into the local queues, and are not begun.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_worker_that_was_killed_before_the_cancel_are_not_begun() {
    let simulator = world().await;
    let program = Program::new().with_account(&simulator, SPEED);
    let (doomed, worker) = in_the_middle(&program, &simulator).await;
    worker.kill();
    let ended = program.call(&["cancel", &doomed, "--yes", "--wait", "--json"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    let before = simulator.ledger_summary().calls;
    let worker = program.start(&["work", "all"], "second.log");
    only_another_is_done(&program, &simulator, &doomed, before).await;
    assert_eq!(worker.terminate(), Some(0));
    simulator.stop().await;
}

/// RabbitMQ requeues the jobs of a worker that is killed after the cancel; it was frozen and had stopped none of them.
async fn requeued_on(amqp: &str, search: &str) {
    let (Some(amqp), Some(search)) = (server(amqp), server(search)) else { return };
    let simulator = world().await;
    let site = Site::with(Program::new().with_account(&simulator, SPEED), &amqp, &search);
    site.succeed(&["setup"]);
    let (doomed, worker) = in_the_middle(&site.program, &simulator).await;
    let frozen = Command::new("kill").args(["-STOP", &worker.id().to_string()]).status().unwrap();
    assert!(frozen.success());
    let ended = site.program.call(&["cancel", &doomed, "--yes", "--json"]);
    assert!(matches!(ended.code, Some(0 | 3)), "{}{}", ended.out, ended.err);
    let before = simulator.ledger_summary().calls;
    worker.kill();
    let worker = site.program.start(&["work", "all"], "second.log");
    eventually("the requeued jobs are settled", 60, async || {
        let run = json(&site.program, &["status", "--run", &doomed, "--json"]);
        let status = json(&site.program, &["status", "--json"]);
        let queues = status["queues"].as_array().unwrap();
        let works = status["workers"].as_array().is_some_and(|workers| workers.len() == 1);
        works && run["progress"]["waiting"] == 0 && queues.iter().all(|queue| queue["ready"] == 0)
    })
    .await;
    only_another_is_done(&site.program, &simulator, &doomed, before).await;
    assert_eq!(worker.terminate(), Some(0));
    site.store.wipe_prefix().await.unwrap();
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_rabbitmq_3_requeues_after_the_cancel_are_not_begun() {
    requeued_on("UA_TEST_AMQP_URL", "UA_TEST_ES_9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_rabbitmq_4_requeues_after_the_cancel_are_not_begun() {
    requeued_on("UA_TEST_AMQP4_URL", "UA_TEST_ES_9").await;
}
