//! The outbox on every broker.

use std::time::Duration;

use messages::Queue;
use runtime::{Failure, Outbox, OutboxError};
use tokio_util::sync::CancellationToken;

use crate::fixture::*;

pub(crate) async fn an_outbox_holds_while_documents_are_full_and_goes_on(fixture: &Fixture) {
    const COUNT: usize = 900;
    let mut outbox = Outbox::new(fixture.broker.clone(), CancellationToken::new());
    let worker = tokio::spawn(async move {
        for message in messages(&Queue::documents(), COUNT) {
            outbox.send(message).await.unwrap();
        }
        outbox.flush().await.unwrap();
    });
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert!(!worker.is_finished(), "the worker is held");
    let mut consumer = consume(&fixture.broker, &Queue::documents(), 20).await;
    let seen = drain(&mut consumer, COUNT).await;
    worker.await.unwrap();
    assert_eq!(sorted(seen), sorted(ids(COUNT)), "nothing lost, nothing doubled");
}

pub(crate) async fn an_outbox_stops_holding_when_stopped(fixture: &Fixture) {
    let stop = CancellationToken::new();
    let mut outbox = Outbox::new(fixture.broker.clone(), stop.clone());
    let worker = tokio::spawn(async move {
        for message in messages(&Queue::documents(), 900) {
            outbox.send(message).await?;
        }
        outbox.flush().await
    });
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert!(!worker.is_finished(), "the worker is held");
    stop.cancel();
    let outcome = tokio::time::timeout(PATIENCE, worker).await.expect("it still holds").unwrap();
    let error = outcome.unwrap_err();
    assert!(matches!(&error, OutboxError::Stopped { queue } if *queue == Queue::documents()), "{error}");
    assert!(matches!(Failure::from(error), Failure::Hold { .. }), "the job is innocent");
}

pub(crate) async fn an_outbox_publishes_by_itself_when_it_holds_much(fixture: &Fixture) {
    let mut outbox = Outbox::new(fixture.broker.clone(), CancellationToken::new());
    for message in messages(&jobs(), 199) {
        outbox.send(message).await.unwrap();
    }
    tokio::time::sleep(QUIET).await;
    wait_ready(&fixture.broker, &jobs(), 0).await;
    outbox.send(message(&jobs(), 199)).await.unwrap();
    wait_ready(&fixture.broker, &jobs(), 200).await;
    outbox.send(message(&jobs(), 200)).await.unwrap();
    outbox.flush().await.unwrap();
    assert_eq!(drain(&mut consume(&fixture.broker, &jobs(), 50).await, 201).await, ids(201));
}
