//! Crashed processes, and processes that shut down cleanly.

use std::time::Duration;

use messages::{Cause, CauseClass};
use runtime::BrokerError;
use runtime::broker::MAX_CRASHES;

use crate::fixture::*;

pub(crate) async fn a_crash_between_take_and_ack_redelivers(fixture: &Fixture) {
    let other = fixture.another().await;
    fixture.broker.publish(messages(&jobs(), 3)).await.unwrap();
    let mut doomed = consume(&other, &jobs(), 3).await;
    let held = take(&mut doomed, 3).await;
    let mut survivor = consume(&fixture.broker, &jobs(), 10).await;
    assert_quiet(&mut survivor).await;
    other.crash().await;
    let again = take(&mut survivor, 3).await;
    assert_eq!(sorted(ids_of(&again)), ids(3));
    for delivery in again {
        assert_eq!(delivery.crashes, 1);
        assert_eq!(delivery.message.headers.attempt, 0, "a crash is no attempt");
        delivery.ack().await.unwrap();
    }
    drop(held);
    assert_quiet(&mut survivor).await;
}

pub(crate) async fn a_crash_is_counted_across_retries(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 1)).await.unwrap();
    let doomed = fixture.another().await;
    let held = take_one(&mut consume(&doomed, &jobs(), 3).await).await;
    doomed.crash().await;
    drop(held);
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    let delivery = take_one(&mut consumer).await;
    assert_eq!(delivery.crashes, 1);
    delivery.retry(Some(RUNGS[0]), Cause::new(CauseClass::BadShape, "again")).await.unwrap();
    let delivery = take_one(&mut consumer).await;
    assert_eq!(delivery.crashes, 1, "a retry forgets no crash");
    delivery.requeue().await.unwrap();
    let delivery = take_one(&mut consumer).await;
    assert_eq!((delivery.crashes, delivery.message.headers.attempt), (1, 1), "nor does a hand-back");
    delivery.ack().await.unwrap();
}

pub(crate) async fn a_message_that_crashes_its_workers_is_told_apart(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 1)).await.unwrap();
    for crashes in 0..=MAX_CRASHES {
        let doomed = fixture.another().await;
        let delivery = take_one(&mut consume(&doomed, &jobs(), 1).await).await;
        assert_eq!(delivery.crashes, crashes);
        assert_eq!(delivery.crashed_too_often(), None);
        doomed.crash().await;
    }
    let another = fixture.another().await;
    let delivery = take_one(&mut consume(&another, &jobs(), 1).await).await;
    let cause = delivery.crashed_too_often().expect("more than enough");
    assert_eq!(cause.class, CauseClass::CrashedWorker);
    assert!(cause.text.contains("21"), "{cause}");
    delivery.ack().await.unwrap();
    another.close().await;
}

pub(crate) async fn settling_after_a_crash_is_an_error(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 4)).await.unwrap();
    let doomed = fixture.another().await;
    let held = take(&mut consume(&doomed, &jobs(), 4).await, 4).await;
    doomed.crash().await;
    // Another process receives the messages.
    let mut survivor = consume(&fixture.broker, &jobs(), 4).await;
    let again = take(&mut survivor, 4).await;
    let mut held = held.into_iter();
    let cause = Cause::new(CauseClass::BadShape, "too late");
    let outcomes = [
        held.next().unwrap().ack().await,
        held.next().unwrap().retry(Some(RUNGS[0]), cause.clone()).await,
        held.next().unwrap().reject(cause).await,
        held.next().unwrap().requeue().await,
    ];
    for outcome in outcomes {
        let error = outcome.expect_err("the lease is lost");
        assert!(matches!(error, BrokerError::LeaseLost(_) | BrokerError::Away(_)), "{error}");
    }
    for delivery in again {
        delivery.ack().await.unwrap();
    }
    tokio::time::sleep(RUNGS[0] * 2).await;
    assert_quiet(&mut survivor).await;
}

pub(crate) async fn a_lease_that_is_lost_says_so(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 1)).await.unwrap();
    let doomed = fixture.another().await;
    let held = take_one(&mut consume(&doomed, &jobs(), 1).await).await;
    let lapse = tokio::spawn(held.lapse());
    tokio::time::sleep(QUIET).await;
    assert!(!lapse.is_finished(), "it is held, though nothing is taken any more");
    doomed.crash().await;
    tokio::time::timeout(PATIENCE, lapse).await.expect("nobody says so").unwrap();
    take_one(&mut consume(&fixture.broker, &jobs(), 1).await).await.ack().await.unwrap();
}

pub(crate) async fn closing_hands_back_uncounted(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 10)).await.unwrap();
    let leaving = fixture.another().await;
    let mut consumer = consume(&leaving, &jobs(), 10).await;
    // The worker holds four; six wait in the consumer, if it prefetches.
    let held = take(&mut consumer, 4).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    leaving.close().await;
    let mut staying = consume(&fixture.broker, &jobs(), 10).await;
    let again = take(&mut staying, 10).await;
    assert_eq!(sorted(ids_of(&again)), sorted(ids(10)));
    for delivery in again {
        assert_eq!((delivery.crashes, delivery.message.headers.attempt), (0, 0), "leaving is no crash");
        delivery.ack().await.unwrap();
    }
    drop(held);
    assert_quiet(&mut staying).await;
}

pub(crate) async fn a_closed_broker_says_so(fixture: &Fixture) {
    let leaving = fixture.another().await;
    let mut consumer = consume(&leaving, &jobs(), 10).await;
    leaving.close().await;
    leaving.close().await;
    let taken = tokio::time::timeout(PATIENCE, consumer.take(1)).await.expect("it waits for ever");
    assert!(matches!(taken, Err(BrokerError::Away(_))), "{taken:?}");
    let published = tokio::time::timeout(PATIENCE, leaving.publish(messages(&jobs(), 1))).await;
    published.expect("it waits for ever").unwrap_err();
}

pub(crate) async fn pausing_hands_back_and_taking_resumes(fixture: &Fixture) {
    let other = fixture.another().await;
    fixture.broker.publish(messages(&jobs(), 10)).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    let held = take(&mut consumer, 3).await;
    consumer.pause().await;
    // Prefetched messages are requeued without a crash; held ones are not requeued.
    let mut elsewhere = consume(&other, &jobs(), 10).await;
    let taken = take(&mut elsewhere, 7).await;
    assert!(taken.iter().all(|delivery| delivery.crashes == 0), "pausing is no crash");
    assert_quiet(&mut elsewhere).await;
    for delivery in held.into_iter().chain(taken) {
        delivery.ack().await.unwrap();
    }
    drop(elsewhere);
    other.close().await;
    fixture.broker.publish(messages(&jobs(), 5)).await.unwrap();
    assert_eq!(drain(&mut consumer, 5).await, ids(5));
    consumer.pause().await;
    consumer.pause().await;
    fixture.broker.publish(messages(&jobs(), 1)).await.unwrap();
    assert_eq!(drain(&mut consumer, 1).await, ids(1));
}

pub(crate) async fn a_consumer_dropped_gives_back_what_it_held(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 10)).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    let held = take(&mut consumer, 2).await;
    drop(consumer);
    let mut next = consume(&fixture.broker, &jobs(), 10).await;
    let taken = take(&mut next, 8).await;
    assert!(taken.iter().all(|delivery| delivery.crashes == 0));
    for delivery in held.into_iter().chain(taken) {
        delivery.ack().await.expect("a lease outlives its consumer");
    }
    assert_quiet(&mut next).await;
}
