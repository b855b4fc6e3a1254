//! One quota for all processes: a fleet over RabbitMQ, and a single process on a local file. With the real binary,
//! against the simulator, which counts every call in sliding windows.

use messages::zoom::{Event, Listing, MeetingContext, Task};
use messages::{Family, Lane, Queue, RunId};
use runtime::{Broker, Message, Outbox};
use serde_json::Value;
use simulator::{Simulator, Source, ZoomSettings};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use crate::program::{Program, Running, closed_date, eventually};
use crate::proxy::{Proxy, host_of};
use crate::servers::{server, unique};

const SPEED: f64 = 5.0;

async fn simulator() -> Simulator {
    let settings = ZoomSettings {
        meetings_per_day: 12_000,
        participants: 2.0,
        hosts: 60,
        speed: SPEED,
        ..ZoomSettings::default()
    };
    Simulator::start(settings).await.unwrap()
}

/// Publishes detail jobs for `count` meetings.
async fn publish(broker: &Broker, simulator: &Simulator, count: usize) {
    let date = closed_date().parse().unwrap();
    let uuids = simulator.truth(date, Source::Dashboard).ids.unwrap().meeting_uuids;
    let mut outbox = Outbox::new(broker.clone(), CancellationToken::new());
    let now = runtime::clock::now();
    for uuid in uuids.into_iter().take(count) {
        let meeting_uuid = uuid.parse().unwrap();
        let meeting = MeetingContext {
            meeting_uuid,
            series_id: None,
            topic: None,
            start_time: None,
            end_time: None,
            host_id: None,
        };
        let (event, listing) = (Event::Meeting, Some(Listing::Past));
        let task = Task::Participants { meeting, event, listing, api: None, date: Some(date), header: false };
        let job = task.into_job(RunId::from("quota"), Lane::Backfill, now);
        let queue = Queue::jobs(Family::ZOOM_DETAIL, Lane::Backfill);
        outbox
            .send(Message::new(queue, job.id.as_str(), messages::encode(&job).unwrap(), now))
            .await
            .unwrap();
    }
    outbox.flush().await.unwrap();
}

fn calls(simulator: &Simulator) -> u64 {
    simulator.ledger_summary().calls.heavy
}

async fn goes_on(simulator: &Simulator, what: &str) {
    let before = calls(simulator);
    eventually(what, 40, async || calls(simulator) > before + 50).await;
}

/// Number of calls that arrive in one second.
async fn calls_in_a_second(simulator: &Simulator) -> u64 {
    let before = calls(simulator);
    tokio::time::sleep(Duration::from_secs(1)).await;
    calls(simulator) - before
}

fn succeed(program: &Program, words: &[&str]) -> String {
    let ended = program.call(words);
    assert_eq!(ended.code, Some(0), "{words:?}: {}\n{}", ended.out, ended.err);
    ended.out
}

fn news(program: &Program) -> Value {
    serde_json::from_str(&succeed(program, &["quota", "--json"])).unwrap()
}

fn signal(process: &Running, name: &str) {
    let pid = process.id().to_string();
    assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_shares_one_quota_whoever_dies_or_stands_still() {
    let Some(amqp) = server("UA_TEST_AMQP_URL") else { return };
    let simulator = simulator().await;
    let prefix = unique("quota");
    let program = Program::new()
        .with_account(&simulator, SPEED)
        .with("AMQP_URL", &amqp)
        .with("UA_QUEUE_PREFIX", &prefix)
        .with("UA_DOCUMENTS_LIMIT", 1_000_000);
    let settings = runtime::broker::amqp::AmqpSettings {
        prefix,
        documents_limit: 1_000_000,
        ..runtime::broker::amqp::AmqpSettings::new(amqp.as_str().into())
    };
    let amqp = runtime::broker::Amqp::connect(settings).await.unwrap();
    let broker = Broker::Amqp(amqp.clone());
    publish(&broker, &simulator, 12_000).await;
    let mut fleet: Vec<Running> =
        (0..2).map(|number| program.start(&["work", "zoom"], &format!("{number}.log"))).collect();
    goes_on(&simulator, "calls are made").await;
    let both = async || {
        let by_token = simulator.ledger_summary().by_token;
        by_token.values().filter(|calls| **calls > 100).count() == 2
    };
    eventually("both processes make calls", 40, both).await;

    // The leader is frozen, another takes over, and the first continues.
    let keeper = news(&program)["keeper"].as_u64().unwrap();
    let place =
        fleet.iter().position(|process| u64::from(process.id()) == keeper).expect("a worker keeps it");
    signal(&fleet[place], "-STOP");
    eventually("another keeps the quota", 40, async || news(&program)["keeper"] != keeper).await;
    goes_on(&simulator, "calls are made by the others").await;
    signal(&fleet[place], "-CONT");
    goes_on(&simulator, "calls are made by all").await;

    // The leader is killed.
    let keeper = news(&program)["keeper"].as_u64().unwrap();
    let place =
        fleet.iter().position(|process| u64::from(process.id()) == keeper).expect("a worker keeps it");
    fleet.remove(place).kill();
    fleet.push(program.start(&["work", "zoom"], "third.log"));
    goes_on(&simulator, "calls are made after a kill").await;

    // A run that writes to a stream belongs to the fleet as well.
    let date = closed_date();
    let listed =
        program.start(&["run", "--date", &date, "--destination", "stdout", "--wait", "1s"], "stdout.log");
    let lists = async || simulator.ledger_summary().calls.resource_intensive > 0;
    eventually("the run fetches beside the workers", 40, lists).await;
    goes_on(&simulator, "calls are made by workers and run").await;
    listed.kill();

    // A smaller share applies to all processes at once.
    succeed(&program, &["quota", "set", "heavy=10%"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let slow = calls_in_a_second(&simulator).await;
    assert!(slow <= 40, "{slow} calls in a second, 20 allowed");
    succeed(&program, &["quota", "set", "heavy=default"]);

    // A pause applies to all processes and shows its reason.
    let said = succeed(&program, &["pause", "detail", "--why", "moving house"]);
    assert!(said.contains("heavy: paused until it is resumed (moving house)"), "{said}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(calls_in_a_second(&simulator).await, 0, "calls are made in a pause");
    succeed(&program, &["resume", "zoom"]);
    goes_on(&simulator, "calls are made after the pause").await;

    let made = calls(&simulator);
    let used = news(&program)["meters"][2]["used"].as_u64().unwrap();
    assert!(used >= made, "{used} counted, {made} made");
    assert_eq!(simulator.ledger_summary().first_over, [], "no call over quota");
    for process in fleet {
        assert_eq!(process.terminate(), Some(0));
    }
    // Without fetching processes the count remains.
    assert!(news(&program)["meters"][2]["used"].as_u64().unwrap() >= calls(&simulator));
    amqp.remove().await.unwrap();
    amqp.remove_lead("quota.zoom.main").await.unwrap();
    broker.close().await;
    simulator.stop().await;
}

/// A worker on another continent than RabbitMQ, together with a near one.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_far_from_the_broker_has_its_part() {
    let Some(amqp) = server("UA_TEST_AMQP_URL") else { return };
    let simulator = simulator().await;
    let far = Proxy::far(host_of(&amqp), Duration::from_millis(100)).await;
    let program = Program::new()
        .with_account(&simulator, SPEED)
        .with("UA_QUEUE_PREFIX", unique("far"))
        .with("UA_DOCUMENTS_LIMIT", 1_000_000)
        .with("AMQP_URL", &amqp);
    let settings = runtime::broker::amqp::AmqpSettings {
        prefix: program.value("UA_QUEUE_PREFIX").to_owned(),
        documents_limit: 1_000_000,
        ..runtime::broker::amqp::AmqpSettings::new(amqp.as_str().into())
    };
    let connection = runtime::broker::Amqp::connect(settings).await.unwrap();
    let broker = Broker::Amqp(connection.clone());
    publish(&broker, &simulator, 12_000).await;
    let mut fleet = vec![program.start(&["work", "zoom"], "near.log")];
    let program = program.with("AMQP_URL", far.through(&amqp));
    fleet.push(program.start(&["work", "zoom"], "far.log"));
    let both = async || {
        let by_token = simulator.ledger_summary().by_token;
        by_token.values().filter(|calls| **calls > 150).count() == 2
    };
    eventually("both make calls", 60, both).await;
    let program = program.with("AMQP_URL", &amqp);
    let room = async || {
        let a_minute = news(&program)["meters"][2]["per_minute"].as_f64().unwrap();
        (7_000.0..9_500.0).contains(&a_minute)
    };
    eventually("the rate leaves room for the way", 20, room).await;
    goes_on(&simulator, "calls are made").await;
    assert_eq!(simulator.ledger_summary().first_over, [], "no call over quota");
    for process in fleet {
        assert_eq!(process.terminate(), Some(0));
    }
    connection.remove().await.unwrap();
    connection.remove_lead("quota.zoom.main").await.unwrap();
    broker.close().await;
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_local_file_one_process_fetches_and_keeps_the_count() {
    let simulator = simulator().await;
    let program = Program::new().with_account(&simulator, SPEED).with("UA_DOCUMENTS_LIMIT", 1_000_000);
    let folder = program.path().join("ua-data");
    let settings = runtime::broker::local::LocalBrokerSettings {
        folder,
        ladder: runtime::Ladder::default(),
        documents_limit: 1_000_000,
    };
    let broker = Broker::Local(runtime::broker::Local::open(settings).unwrap());
    publish(&broker, &simulator, 6_000).await;
    broker.close().await;
    let worker = program.start(&["work", "zoom"], "worker.log");
    goes_on(&simulator, "calls are made").await;
    let second = program.call(&["work", "zoom"]);
    assert_eq!(second.code, Some(2), "{}", second.err);
    assert!(
        second.err.contains("another process fetches") && second.err.contains("UA_DATA_DIR"),
        "{}",
        second.err
    );
    // A run must not fetch either, with any destination, and it plans nothing that it cannot fetch.
    for destination in ["index", "stdout"] {
        let run = program.call(&["run", "--date", &closed_date(), "--destination", destination]);
        assert_eq!(run.code, Some(2), "{destination}: {}", run.err);
        assert!(run.err.contains("another process fetches"), "{destination}: {}", run.err);
    }
    assert_eq!(succeed(&program, &["runs", "--json"]).trim(), "", "nothing was planned");

    succeed(&program, &["pause", "zoom", "--until", "2h"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(calls_in_a_second(&simulator).await, 0, "calls are made in a pause");
    succeed(&program, &["resume", "zoom"]);
    goes_on(&simulator, "calls are made after the pause").await;
    worker.kill();
    let made = calls(&simulator);
    let counted = news(&program)["meters"][2]["used"].as_u64().unwrap();
    assert!((made..made + 600).contains(&counted), "{counted} counted after a crash, {made} made");
    assert_eq!(simulator.ledger_summary().first_over, []);
    simulator.stop().await;
}

#[test]
fn what_cannot_be_ordered_is_refused() {
    let program = Program::new()
        .with("ZOOM_ACCOUNT_ID", "a")
        .with("ZOOM_CLIENT_ID", "b")
        .with("ZOOM_CLIENT_SECRET", "c");
    for words in [
        &["quota", "set", "heavy=0"][..],
        &["quota", "set", "heavy=101%"],
        &["quota", "set", "huge=10%"],
        &["quota", "set", "reserve=60000"],
        &["quota", "set"],
        &["quota", "--account", "nobody"],
        &["pause", "heavy", "--until", "2020-01-01T00:00"],
        &["pause", "heavy", "--until", "soon"],
        &["pause", "netflix"],
        &["resume"],
    ] {
        let ended = program.call(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {}", ended.err);
    }
    // Without fetching processes, commands are stored all the same.
    let said = succeed(&program, &["pause", "list", "--why", "a holiday"]);
    assert!(said.contains("resource-intensive: paused until it is resumed (a holiday)"), "{said}");
    assert!(succeed(&program, &["quota"]).contains("a holiday"));
    let said = succeed(&program, &["quota", "set", "all=50%", "reserve=40000"]);
    assert!(said.contains("heavy: 1,200 calls a minute (50 %), 0 of 20,000 used today"), "{said}");
    assert!(!succeed(&program, &["resume", "zoom"]).contains("a holiday"));
}
