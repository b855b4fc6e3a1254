//! A broker that is stopped and started during work.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use messages::{Cause, CauseClass, Family, Queue};
use runtime::{Attempt, Broker, BrokerError, Failure, Message, Outbox, PublishError, Role, Status, Worker};
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::fixture::*;

const SERVER: &str = "rabbitmq-restart";

/// Runs `docker/services/service.sh` for the server of this case.
async fn service(command: &'static str) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docker/services/service.sh");
    let folder = variable(SERVICES).expect("the folder of the servers");
    let mut service = tokio::process::Command::new("bash");
    service.arg(script).arg(command).arg(folder).arg(SERVER);
    let output = service.output().await.unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Messages confirmed to the publisher, and messages seen by the consumer.
#[derive(Default)]
struct Flow {
    confirmed: Mutex<Vec<String>>,
    seen: Mutex<HashSet<String>>,
    ending: AtomicBool,
}

pub(crate) async fn nothing_is_lost(fixture: &Fixture) {
    let flow = Arc::<Flow>::default();
    let publisher = tokio::spawn(publish_until(fixture.broker.clone(), Arc::clone(&flow)));
    let consumer = tokio::spawn(consume_until(fixture.another().await, Arc::clone(&flow)));
    wait_until("it flows", || async { flow.seen.lock().await.len() > 300 }).await;
    service("stop").await;
    let before = flow.confirmed.lock().await.len();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!publisher.is_finished() && !consumer.is_finished(), "both wait for the broker");
    service("start").await;
    wait_until("it flows again", || async { flow.confirmed.lock().await.len() > before + 300 }).await;
    flow.ending.store(true, Ordering::SeqCst);
    publisher.await.unwrap();
    let all = |flow: Arc<Flow>| async move {
        let seen = flow.seen.lock().await;
        flow.confirmed.lock().await.iter().all(|id| seen.contains(id))
    };
    wait_until("everything is seen", || all(Arc::clone(&flow))).await;
    consumer.abort();
}

/// Number of jobs that a list plans.
const PLANNED: usize = 10;

/// Plans jobs when permitted, like a list that waited for its quota.
struct Lister {
    begun: Semaphore,
    may: Semaphore,
}

impl Worker for Lister {
    const NAME: &'static str = "lister";
    type Job = serde_json::Value;

    async fn perform(
        &self,
        _job: Self::Job,
        _attempt: &mut Attempt,
        outbox: &mut Outbox,
    ) -> Result<(), Failure> {
        self.begun.add_permits(1);
        drop(self.may.acquire().await.unwrap());
        for planned in messages(&Queue::documents(), PLANNED) {
            outbox.send(planned).await?;
        }
        Ok(())
    }
}

pub(crate) async fn what_is_done_again_is_planned_once(fixture: &Fixture) {
    let lister = Arc::new(Lister { begun: Semaphore::new(0), may: Semaphore::new(0) });
    let (stop, list) = (CancellationToken::new(), Family::ZOOM_LIST.queues()[0].clone());
    let role = Role {
        worker: Arc::clone(&lister),
        broker: fixture.another().await,
        permits: 4,
        status: Arc::new(Status::new("lister")),
        stop: stop.clone(),
        grace: PATIENCE,
    };
    let running = tokio::spawn(runtime::run(role, Family::ZOOM_LIST));
    fixture.broker.publish(vec![Message::new(list, "list", "{}", now())]).await.unwrap();
    wait_until("the list is begun", || async { lister.begun.available_permits() == 1 }).await;
    service("stop").await;
    service("start").await;
    wait_until("the list is begun again", || async { lister.begun.available_permits() == 2 }).await;
    // Both attempts may continue now.
    lister.may.add_permits(4);
    wait_ready(&fixture.broker, &Queue::documents(), PLANNED as u64).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    let planned = fixture.broker.depth(&Queue::documents()).await.unwrap().ready;
    assert_eq!(planned, PLANNED as u64, "planned by the one that holds the list, and by nobody else");
}

async fn wait_until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let begin = Instant::now();
    while !is_so().await {
        assert!(begin.elapsed() < PATIENCE * 2, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Publishes until `flow.ending`.
async fn publish_until(broker: Broker, flow: Arc<Flow>) {
    let mut count = 0;
    while !flow.ending.load(Ordering::SeqCst) {
        let batch: Vec<_> = (0..10).map(|number| message(&jobs(), count + number)).collect();
        loop {
            match broker.publish(batch.clone()).await {
                Ok(()) => break,
                Err(PublishError::Broker(BrokerError::Away(_))) => {}
                Err(error) => panic!("{error}"),
            }
        }
        count += batch.len();
        flow.confirmed.lock().await.extend(batch.into_iter().map(|message| message.headers.message_id));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Acks most messages and retries some. Messages it cannot settle must be redelivered.
async fn consume_until(broker: Broker, flow: Arc<Flow>) {
    let mut consumer = consume(&broker, &jobs(), 50).await;
    let mut turn = 0_u32;
    loop {
        for delivery in consumer.take(20).await.unwrap() {
            turn += 1;
            let id = delivery.message.headers.message_id.clone();
            let again = turn.is_multiple_of(10) && !delivery.is_last_attempt();
            let settled = match again {
                true => delivery.retry(Some(RUNGS[1]), Cause::new(CauseClass::BadShape, "again")).await,
                false => delivery.ack().await,
            };
            match settled {
                Ok(()) if !again => _ = flow.seen.lock().await.insert(id),
                Ok(()) | Err(BrokerError::LeaseLost(_) | BrokerError::Away(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}
