//! Jobs that are planned and in no queue, because something has emptied it: `ua status` names them, and `ua plan` publishes
//! them again at once.

use messages::{Family, Source};
use runtime::Broker;
use serde_json::{Value, json};
use simulator::{Simulator, ZoomSettings};

use crate::program::{Program, eventually};
use crate::runs::{json as told, plan};
use crate::servers::{Site, server};

const SPEED: f64 = 100.0;

async fn small() -> Simulator {
    let settings =
        ZoomSettings { meetings_per_day: 5, participants: 2.0, speed: SPEED, ..ZoomSettings::default() };
    Simulator::start(settings).await.unwrap()
}

/// Empties the queues of Zoom's jobs.
async fn purge(broker: &Broker) {
    for queue in Source::Zoom.families().iter().copied().flat_map(Family::queues) {
        broker.purge(&queue).await.unwrap();
    }
}

fn ready(program: &Program) -> u64 {
    let status = told(program, &["status", "--json"]);
    let jobs = status["queues"].as_array().unwrap().iter();
    let jobs = jobs.filter(|line| line["queue"].as_str().unwrap().starts_with("ua.jobs."));
    jobs.map(|line| line["ready"].as_u64().unwrap()).sum()
}

async fn named_and_published_again(program: &Program, broker: &Broker) {
    let (_, planned) = plan(program, 4, 3);
    assert_eq!((&planned["jobs"], ready(program)), (&2.into(), 2), "{planned}");
    let (_, again) = plan(program, 4, 3);
    assert_eq!(again["jobs"], 0, "what waits is not planned again: {again}");
    purge(broker).await;
    let status = told(program, &["status", "--json"]);
    assert_eq!((&status["lost"], &status["advice"]["lost"]), (&json!([["zoom", 2]]), &2.into()), "{status}");
    let shown = program.call(&["status"]).out;
    assert!(shown.contains("2 jobs of zoom lost: planned, and in no queue; `ua plan`"), "{shown}");
    let (run, again) = plan(program, 4, 3);
    assert_eq!((&again["jobs"], ready(program)), (&2.into(), 2), "at once: {again}");
    let status = told(program, &["status", "--json"]);
    assert_eq!(status["lost"], json!([]), "{status}");
    let worker = program.start(&["work", "all"], "work.log");
    eventually("they are done", 60, async || {
        let run: Value = told(program, &["status", "--run", &run, "--json"]);
        run["progress"]["waiting"] == 0 && run["progress"]["complete"].as_u64() > Some(2)
    })
    .await;
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_an_emptied_local_queue_are_named_and_published_again() {
    let simulator = small().await;
    let program = Program::new().with_account(&simulator, SPEED);
    assert_eq!(program.call(&["setup"]).code, Some(0));
    let settings = runtime::broker::local::LocalBrokerSettings {
        folder: program.path().join("ua-data"),
        ladder: runtime::Ladder::default(),
        documents_limit: 1_000,
    };
    let broker = Broker::Local(runtime::broker::Local::open(settings).unwrap());
    named_and_published_again(&program, &broker).await;
    broker.close().await;
    simulator.stop().await;
}

async fn on_servers(amqp: &str, search: &str) {
    let (Some(amqp), Some(search)) = (server(amqp), server(search)) else { return };
    let simulator = small().await;
    let site = Site::with(Program::new().with_account(&simulator, SPEED), &amqp, &search);
    site.succeed(&["setup"]);
    let mut settings = runtime::broker::amqp::AmqpSettings::new(amqp.as_str().into());
    site.program.value("UA_QUEUE_PREFIX").clone_into(&mut settings.prefix);
    let amqp = runtime::broker::Amqp::open(settings).await.unwrap();
    named_and_published_again(&site.program, &Broker::Amqp(amqp.clone())).await;
    amqp.remove().await.unwrap();
    site.store.wipe_prefix().await.unwrap();
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_an_emptied_queue_of_rabbitmq_3_are_named_and_published_again() {
    on_servers("UA_TEST_AMQP_URL", "UA_TEST_ES_9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_an_emptied_queue_of_rabbitmq_4_are_named_and_published_again() {
    on_servers("UA_TEST_AMQP4_URL", "UA_TEST_OS_3").await;
}
