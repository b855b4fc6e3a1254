//! Presence: running workers are listed, stopped and crashed ones are not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::broker::Amqp;
use runtime::presence::Identity;
use runtime::{Broker, BrokerError, Status, WorkerInfo};
use tokio::task::JoinHandle;

use crate::fixture::*;

/// How long one request waits for replies.
const CALL: Duration = Duration::from_millis(700);

fn answering(broker: &Broker, state: &'static str) -> JoinHandle<()> {
    let broker = broker.clone();
    tokio::spawn(async move {
        let identity = Identity::of_this_process("1.2.3", now());
        let statuses = [Arc::new(Status::new("test.role"))];
        broker.serve_presence(move || identity.info(state, &statuses, now())).await;
    })
}

async fn states(broker: &Broker) -> Vec<String> {
    let workers = broker.list_workers(CALL).await.unwrap();
    sorted(workers.into_iter().map(|worker| worker.state).collect())
}

async fn eventually(broker: &Broker, expected: &[&str]) {
    let begin = Instant::now();
    loop {
        let found = states(broker).await;
        if found == expected {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "{found:?} answered, not {expected:?}");
    }
}

pub(crate) async fn running_workers_are_listed_and_gone_ones_are_not(fixture: &Fixture) {
    let asker = &fixture.broker;
    assert_eq!(states(asker).await, Vec::<String>::new());
    let (one, other) = (fixture.another().await, fixture.another().await);
    let stopped = answering(&one, "one");
    let crashed = answering(&other, "other");
    eventually(asker, &["one", "other"]).await;
    eventually(&one, &["one", "other"]).await;
    stopped.abort();
    eventually(asker, &["other"]).await;
    other.crash().await;
    eventually(asker, &[]).await;
    tokio::time::timeout(PATIENCE, crashed).await.expect("a closed broker ends the answering").unwrap();
    one.close().await;
}

pub(crate) async fn a_command_that_lifts_holds_reaches_every_process(fixture: &Fixture) {
    let asker = &fixture.broker;
    let (one, other) = (fixture.another().await, fixture.another().await);
    let answering = [answering(&one, "one"), answering(&other, "other")];
    eventually(asker, &["one", "other"]).await;
    let heard = async {
        tokio::join!(one.lifted("zoom.list"), other.lifted("index"));
    };
    let ordered = async {
        // A lift request is not stored, so it is repeated until it is received.
        loop {
            asker.lift(vec!["zoom".to_owned(), "index".to_owned()]).await.unwrap();
            tokio::time::sleep(CALL).await;
        }
    };
    tokio::select! {
        () = heard => {}
        () = ordered => {}
        () = tokio::time::sleep(PATIENCE) => panic!("not heard"),
    }
    answering.iter().for_each(JoinHandle::abort);
    one.close().await;
    other.close().await;
}

pub(crate) async fn worker_info_arrives_unchanged(fixture: &Fixture) {
    let (asker, worker) = (&fixture.broker, fixture.another().await);
    let info: WorkerInfo = Identity::of_this_process("1.2.3", now()).info(
        "waits for the store",
        &[Arc::new(Status::new("zoom.list")), Arc::new(Status::new("index"))],
        now(),
    );
    let (broker, sent) = (worker.clone(), info.clone());
    let answering = tokio::spawn(async move { broker.serve_presence(move || sent.clone()).await });
    eventually(asker, &["waits for the store"]).await;
    assert_eq!(asker.list_workers(CALL).await.unwrap(), [info]);
    worker.close().await;
    tokio::time::timeout(PATIENCE, answering).await.expect("a closed broker ends the answering").unwrap();
}

pub(crate) async fn a_read_only_handle_declares_nothing(fixture: &Fixture) {
    let mut settings = fixture.settings().clone();
    settings.prefix.push_str("-none");
    let looking = Broker::Amqp(Amqp::open(settings).await.unwrap());
    let depth = looking.depth(&jobs()).await.map(|_| ());
    let listed = looking.list_workers(CALL).await.map(|_| ());
    for outcome in [depth, listed, looking.parked().await.map(|_| ())] {
        let Err(BrokerError::Refused(text)) = outcome else { panic!("{outcome:?}") };
        assert!(text.contains("ua setup"), "{text}");
    }
    looking.close().await;
    let looking = Broker::Amqp(Amqp::open(fixture.settings().clone()).await.unwrap());
    fixture.broker.publish(messages(&jobs(), 3)).await.unwrap();
    wait_ready(&looking, &jobs(), 3).await;
    assert_eq!(states(&looking).await, Vec::<String>::new());
    looking.close().await;
}
