//! The bounded queue of documents.

use std::sync::Arc;
use std::time::Duration;

use messages::{Cause, CauseClass, Queue};
use runtime::{
    BatchLimits, BatchWorker, Broker, Failure, Message, Outbox, PublishError, Role, Status, run_batches,
};
use tokio_util::sync::CancellationToken;

use crate::fixture::*;

/// More than any broker accepts without consumers: RabbitMQ accepts messages in flight when the limit is reached.
const MANY: usize = 900;

fn ids_in(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| message.headers.message_id.clone()).collect()
}

/// Fills the documents queue; returns the accepted ids and the refused messages.
async fn fill(broker: &Broker) -> (Vec<String>, Vec<Message>) {
    let sent = messages(&Queue::documents(), MANY);
    match broker.publish(sent.clone()).await.unwrap_err() {
        PublishError::Full { queue, rest } => {
            assert_eq!(queue, Queue::documents());
            let left = ids_in(&rest);
            (ids(MANY).into_iter().filter(|id| !left.contains(id)).collect(), rest)
        }
        error => panic!("{error}"),
    }
}

pub(crate) async fn a_full_queue_refuses_and_names_the_rest(fixture: &Fixture) {
    let broker = &fixture.broker;
    let (taken, rest) = fill(broker).await;
    assert!(taken.len() >= DOCUMENTS_LIMIT && !rest.is_empty(), "{} taken", taken.len());
    let positions: Vec<usize> =
        rest.iter().map(|message| message.headers.message_id[1..].parse().unwrap()).collect();
    assert!(positions.is_sorted(), "the rest is in order");
    assert!(rest.iter().all(|message| message.body == format!("body of {}", message.headers.message_id)));
    // Each message is either in the queue once or in the rest.
    wait_ready(broker, &Queue::documents(), taken.len() as u64).await;
    let error = broker.publish(rest.clone()).await.unwrap_err();
    assert!(matches!(&error, PublishError::Full { rest: again, .. } if *again == rest), "still full");
    let mut consumer = consume(broker, &Queue::documents(), 100).await;
    assert_eq!(drain(&mut consumer, taken.len()).await, taken);
    assert_quiet(&mut consumer).await;
}

pub(crate) async fn a_full_queue_drains_and_takes_the_rest(fixture: &Fixture) {
    let broker = fixture.broker.clone();
    let (_, mut rest) = fill(&broker).await;
    let publisher = tokio::spawn(async move {
        while !rest.is_empty() {
            match broker.publish(rest).await {
                Ok(()) => return,
                Err(PublishError::Full { rest: left, .. }) => rest = left,
                Err(error) => panic!("{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut consumer = consume(&fixture.broker, &Queue::documents(), 10).await;
    let seen = drain(&mut consumer, MANY).await;
    publisher.await.unwrap();
    assert_eq!(sorted(seen), sorted(ids(MANY)), "nothing lost, nothing doubled");
    assert_quiet(&mut consumer).await;
}

pub(crate) async fn full_documents_do_not_stop_jobs(fixture: &Fixture) {
    let broker = &fixture.broker;
    fill(broker).await;
    broker.publish(messages(&jobs(), 5)).await.unwrap();
    assert_eq!(drain(&mut consume(broker, &jobs(), 5).await, 5).await, ids(5));
}

pub(crate) async fn handing_back_into_a_full_queue_loses_none(fixture: &Fixture) {
    let broker = &fixture.broker;
    let (taken, rest) = fill(broker).await;
    // The prefetch is the current number of messages, so that later ones stay in the queue.
    let mut consumer = consume(broker, &Queue::documents(), u16::try_from(taken.len()).unwrap()).await;
    let held = take(&mut consumer, taken.len()).await;
    // While these are held, new messages fill the queue.
    let again = match broker.publish(rest).await {
        Ok(()) => panic!("the queue is not full"),
        Err(PublishError::Full { rest: left, .. }) => MANY - taken.len() - left.len(),
        Err(error) => panic!("{error}"),
    };
    for outcome in futures_util::future::join_all(held.into_iter().map(runtime::Delivery::requeue)).await {
        outcome.unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < taken.len() + again {
        for delivery in tokio::time::timeout(PATIENCE, consumer.take(50)).await.unwrap().unwrap() {
            assert_eq!((delivery.crashes, delivery.message.headers.attempt), (0, 0));
            seen.push(delivery.message.headers.message_id.clone());
            delivery.ack().await.unwrap();
        }
    }
    let distinct: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "nothing doubled");
    assert!(taken.iter().all(|id| distinct.contains(id)), "nothing lost");
}

pub(crate) async fn retries_into_a_full_queue_lose_none(fixture: &Fixture) {
    let broker = &fixture.broker;
    let (taken, rest) = fill(broker).await;
    let mut consumer = consume(broker, &Queue::documents(), 1_000).await;
    for delivery in take(&mut consumer, taken.len()).await {
        let cause = Cause::new(CauseClass::AttemptsSpent, "429 of the store");
        delivery.retry(Some(RUNGS[0]), cause).await.unwrap();
    }
    consumer.pause().await;
    let error = broker.publish(rest).await.unwrap_err();
    assert!(matches!(error, PublishError::Full { .. }), "{error}");
    // Their rung's delay ends while the queue is full.
    tokio::time::sleep(RUNGS[0] * 3).await;
    let mut back = Vec::new();
    while back.len() < taken.len() {
        for delivery in tokio::time::timeout(PATIENCE, consumer.take(50)).await.unwrap().unwrap() {
            if delivery.message.headers.attempt == 1 {
                back.push(delivery.message.headers.message_id.clone());
            }
            delivery.ack().await.unwrap();
        }
    }
    assert_eq!(sorted(back), sorted(taken));
}

/// Succeeds with every message.
struct Taker;

impl BatchWorker for Taker {
    const NAME: &'static str = "taker";

    async fn perform(&self, batch: &[Message], _: &mut Outbox) -> Vec<Result<(), Failure>> {
        batch.iter().map(|_| Ok(())).collect()
    }
}

pub(crate) async fn a_batch_of_all_that_may_be_held_does_not_linger(fixture: &Fixture) {
    let (stop, status) = (CancellationToken::new(), Arc::new(Status::new("taker")));
    let role = Role {
        worker: Arc::new(Taker),
        broker: fixture.broker.clone(),
        permits: 2,
        status: Arc::clone(&status),
        stop: stop.clone(),
        grace: PATIENCE,
    };
    // Longer than the time limit of a case, so that a batch that lingers fails it.
    let long = Duration::from_secs(600);
    let limits = BatchLimits { prefetch: 4, linger: long, lull: long, ..BatchLimits::default() };
    let taking = tokio::spawn(run_batches(role, Queue::documents(), limits));
    fixture.broker.publish(messages(&Queue::documents(), 16)).await.unwrap();
    let begin = std::time::Instant::now();
    while status.snapshot().done < 16 {
        assert!(begin.elapsed() < PATIENCE, "{:?}", status.snapshot());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    taking.await.unwrap().unwrap();
}
