//! SIGTERM: a worker ends in time from every state, and no work is lost.

use std::time::Duration;

use simulator::{Simulator, ZoomSettings};

use crate::embedded::{sessions_in, true_sessions, truth};
use crate::program::{Program, Running, closed_date, eventually};
use crate::proxy::{Proxy, host_of};
use crate::servers::{server, unique};
use crate::serving::{address, get};

/// Allowance in seconds beyond the grace, for a busy machine.
const SLACK: u64 = 5;

fn world(faults: &[&str]) -> ZoomSettings {
    ZoomSettings {
        meetings_per_day: 80,
        participants: 6.0,
        speed: 20.0,
        faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
        ..ZoomSettings::default()
    }
}

/// A world whose calls hang for 10 minutes, so that the first call of a job is its last.
fn hanging() -> ZoomSettings {
    ZoomSettings { fault_timeout: Duration::from_secs(600), ..world(&["timeout=1"]) }
}

fn planned(simulator: &Simulator, speed: f64) -> Program {
    let program = Program::new().with_account(simulator, speed);
    let plan = program.call(&["plan", "--date", &closed_date(), "--yes"]);
    assert_eq!(plan.code, Some(0), "{}", plan.err);
    program
}

pub(crate) fn port(simulator: &Simulator) -> u16 {
    simulator.api_url().rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap()
}

/// Restarts the account on the same port without faults.
async fn mended(simulator: Simulator) -> Simulator {
    let port = port(&simulator);
    simulator.stop().await;
    Simulator::start(ZoomSettings { port, ..world(&[]) }).await.unwrap()
}

/// Another worker finishes the rest: the sessions equal the truth.
async fn finished(program: &Program, simulator: &Simulator) {
    let worker = program.start(&["work", "all"], "after.log");
    let truth = truth(simulator);
    eventually("all sessions are held", 120, async || sessions_in(program) == true_sessions(&truth)).await;
    assert_eq!(worker.terminate(), Some(0));
    let dead = program.call(&["dlq", "list"]);
    assert_eq!((dead.code, dead.out.as_str()), (Some(0), "no dead letters\n"), "nothing died of the stop");
}

/// Waits until a worker has a job in progress.
async fn in_hand(program: &Program) {
    eventually("a job is in hand", 60, async || {
        let status = program.call(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&status.out).unwrap();
        let roles = status["workers"][0]["roles"].as_array().cloned().unwrap_or_default();
        roles.iter().any(|role| role["in_flight"].as_u64() > Some(0))
    })
    .await;
}

fn log(program: &Program, name: &str) -> String {
    std::fs::read_to_string(program.path().join(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_hangs_does_not_hold_the_stop() {
    let simulator = Simulator::start(hanging()).await.unwrap();
    let program = planned(&simulator, 20.0);
    let worker = program.start(&["work", "all", "--grace", "2s"], "first.log");
    in_hand(&program).await;
    worker.signal();
    assert_eq!(worker.ended_within(2 + SLACK), Some(0));
    assert!(log(&program, "first.log").contains("hands back"), "{}", log(&program, "first.log"));
    let simulator = mended(simulator).await;
    finished(&program, &simulator).await;
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once() {
    let simulator = Simulator::start(hanging()).await.unwrap();
    let program = planned(&simulator, 20.0);
    let mut worker = program.start(&["work", "all", "--grace", "500s"], "first.log");
    in_hand(&program).await;
    worker.signal();
    eventually("the first signal is heard", 20, async || log(&program, "first.log").contains("stopping;"))
        .await;
    assert!(worker.is_running(), "what hangs has 500 s");
    worker.signal();
    assert_eq!(worker.ended_within(SLACK), Some(1));
    let simulator = mended(simulator).await;
    finished(&program, &simulator).await;
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_does_not_hold_the_stop() {
    let simulator = Simulator::start(world(&[])).await.unwrap();
    let port = port(&simulator);
    // Slow enough that jobs are left when the account becomes unavailable.
    let program = planned(&simulator, 0.5);
    let worker = program.start(&["work", "all", "--grace", "500s"], "first.log");
    eventually("it works", 60, async || simulator.ledger_summary().calls.heavy >= 5).await;
    simulator.stop().await;
    eventually("it is on hold", 60, async || log(&program, "first.log").contains("zoom.detail is on hold"))
        .await;
    worker.signal();
    assert_eq!(worker.ended_within(SLACK), Some(0));
    let simulator = Simulator::start(ZoomSettings { port, ..world(&[]) }).await.unwrap();
    let program = program.with("ZOOM_QUOTA_SPEED", "20");
    finished(&program, &simulator).await;
    simulator.stop().await;
}

/// At this speed the quota permits one call in many minutes.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_the_quota_does_not_hold_the_stop() {
    let simulator = Simulator::start(world(&[])).await.unwrap();
    let program = planned(&simulator, 0.000_1);
    let worker = program.start(&["work", "all", "--grace", "2s"], "first.log");
    in_hand(&program).await;
    worker.signal();
    assert_eq!(worker.ended_within(2 + SLACK), Some(0));
    let program = program.with("ZOOM_QUOTA_SPEED", "20");
    finished(&program, &simulator).await;
    simulator.stop().await;
}

/// A worker waits at most 90 s for a 429 that names a late time; a stop ends even that.
#[tokio::test(flavor = "multi_thread")]
async fn a_429_does_not_hold_the_stop() {
    let simulator = Simulator::start(world(&["429=1"])).await.unwrap();
    let program = planned(&simulator, 1.0);
    let worker = program.start(&["work", "zoom", "--grace", "2s"], "first.log");
    eventually("it was told to wait", 60, async || {
        simulator.ledger_summary().calls.resource_intensive > 0 || simulator.ledger_summary().calls.medium > 0
    })
    .await;
    worker.signal();
    assert_eq!(worker.ended_within(2 + SLACK), Some(0));
    let simulator = mended(simulator).await;
    let program = program.with("ZOOM_QUOTA_SPEED", "20");
    finished(&program, &simulator).await;
    simulator.stop().await;
}

/// The stop comes before any server is available.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_to_begin_does_not_hold_the_stop() {
    let program = Program::new().with("ES_HOST", "127.0.0.1:9");
    let worker: Running = program.start(&["work", "index", "--grace", "500s"], "first.log");
    eventually("it waits", 60, async || log(&program, "first.log").contains("waiting for the store")).await;
    worker.signal();
    assert_eq!(worker.ended_within(SLACK), Some(0));
}

/// The broker becomes unavailable before the stop: the worker cannot requeue its jobs, and ends all the same.
async fn stops_without_its_broker(vanish: fn(&Proxy)) {
    let Some(amqp) = server("UA_TEST_AMQP_URL") else { return };
    let simulator = Simulator::start(world(&[])).await.unwrap();
    let proxy = Proxy::to(host_of(&amqp)).await;
    let program = Program::new()
        .with_account(&simulator, 0.5)
        .with("UA_HTTP", "0")
        .with("UA_QUEUE_PREFIX", unique("t"))
        .with("AMQP_URL", proxy.through(&amqp));
    let worker = program.start(&["work", "all", "--grace", "5s"], "first.log");
    let address = address(&program, "first.log").await;
    eventually("it waits for the broker", 60, async || {
        log(&program, "first.log").contains("waiting for the broker")
    })
    .await;
    assert_eq!(get(&address, "/readyz").await, (503, "waiting for the broker\n".to_owned()));
    proxy.open();
    eventually("it is ready", 60, async || get(&address, "/readyz").await.0 == 200).await;
    let plan = program.call(&["plan", "--date", &closed_date(), "--yes"]);
    assert_eq!(plan.code, Some(0), "{}", plan.err);
    eventually("it works", 60, async || simulator.ledger_summary().calls.heavy >= 5).await;
    vanish(&proxy);
    eventually("it is not ready", 60, async || get(&address, "/readyz").await.0 == 503).await;
    assert_eq!(get(&address, "/healthz").await.0, 200);
    worker.signal();
    assert_eq!(worker.ended_within(5 + SLACK), Some(0));
    proxy.cut();
    proxy.open();
    let program = program.with("ZOOM_QUOTA_SPEED", "20");
    finished(&program, &simulator).await;
    simulator.stop().await;
    let mut settings = runtime::broker::amqp::AmqpSettings::new(amqp.into());
    settings.prefix = program.value("UA_QUEUE_PREFIX").to_owned();
    runtime::broker::Amqp::open(settings).await.unwrap().remove().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_down_does_not_hold_the_stop() {
    stops_without_its_broker(Proxy::cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_does_not_answer_does_not_hold_the_stop() {
    stops_without_its_broker(Proxy::freeze).await;
}
