//! Retries on their rungs, and requeues.

use std::time::{Duration, Instant};

use messages::{Calls, Cause, CauseClass, Queue};
use runtime::Consumer;

use crate::fixture::*;

fn cause(text: &str) -> Cause {
    Cause::new(CauseClass::AttemptsSpent, text)
}

pub(crate) async fn two_hundred_go_through_a_rung_in_order_with_their_headers(fixture: &Fixture) {
    const COUNT: usize = 200;
    let mut sent = messages(&jobs(), COUNT);
    for (number, message) in sent.iter_mut().enumerate() {
        message.headers.replays = u32::try_from(number).unwrap();
        message.headers.message_id = format!("zoom:details:{number}");
    }
    fixture.broker.publish(sent.clone()).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 250).await;
    for delivery in take(&mut consumer, COUNT).await {
        let text = format!("cause of {}", delivery.message.headers.message_id);
        delivery.retry(Some(RUNGS[1]), cause(&text)).await.unwrap();
    }
    let back = take(&mut consumer, COUNT).await;
    for (delivery, mut expected) in back.into_iter().zip(sent) {
        expected.headers.attempt = 1;
        expected.headers.cause = Some(cause(&format!("cause of {}", expected.headers.message_id)));
        assert_eq!(delivery.message, expected);
        assert_eq!(delivery.crashes, 0);
        delivery.ack().await.unwrap();
    }
}

pub(crate) async fn a_retry_counts_the_attempt_and_keeps_the_cause(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 1)).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    for attempt in 0..ATTEMPTS - 1 {
        let delivery = take_one(&mut consumer).await;
        assert_eq!(delivery.message.headers.attempt, attempt);
        assert!(!delivery.is_last_attempt());
        delivery.retry(Some(Duration::ZERO), cause(&format!("failed {attempt}"))).await.unwrap();
    }
    let last = take_one(&mut consumer).await;
    assert!(last.is_last_attempt());
    assert_eq!(last.message.headers.attempt, ATTEMPTS - 1);
    assert_eq!(last.message.headers.cause, Some(cause("failed 2")));
    assert_eq!(last.message.queue, jobs());
    assert_eq!(last.message.headers.origin, None);
    last.ack().await.unwrap();
}

pub(crate) async fn the_nearest_rung_is_taken(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 3)).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    let begin = Instant::now();
    let waits = [Duration::from_secs(3_600), Duration::from_millis(800), Duration::from_millis(10)];
    for (delivery, wait) in take(&mut consumer, 3).await.into_iter().zip(waits) {
        delivery.retry(Some(wait), cause("later")).await.unwrap();
    }
    for (number, rung) in [(2, RUNGS[0]), (1, RUNGS[1]), (0, RUNGS[2])] {
        let delivery = take_one(&mut consumer).await;
        assert_eq!(delivery.message.headers.message_id, format!("m{number}"));
        assert!(begin.elapsed() >= rung.mul_f32(0.95), "m{number} after {:?}, not {rung:?}", begin.elapsed());
        delivery.ack().await.unwrap();
    }
}

pub(crate) async fn attempts_climb_the_ladder(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 1)).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    for rung in RUNGS {
        let delivery = take_one(&mut consumer).await;
        let begin = Instant::now();
        delivery.retry(None, cause("again")).await.unwrap();
        let delivery = take_one(&mut consumer).await;
        assert!(begin.elapsed() >= rung.mul_f32(0.95), "after {:?}, not {rung:?}", begin.elapsed());
        assert!(begin.elapsed() < rung + PATIENCE / 4, "after {:?}, not {rung:?}", begin.elapsed());
        delivery.requeue().await.unwrap();
    }
}

pub(crate) async fn a_retried_message_does_not_pass_for_ready(fixture: &Fixture) {
    let broker = &fixture.broker;
    broker.publish(messages(&jobs(), 4)).await.unwrap();
    let mut consumer = consume(broker, &jobs(), 10).await;
    for delivery in take(&mut consumer, 3).await {
        delivery.retry(Some(RUNGS[2]), cause("later")).await.unwrap();
    }
    drop(consumer);
    let begin = Instant::now();
    wait_parked(fixture, 3).await;
    if begin.elapsed() < RUNGS[1] {
        wait_ready(broker, &jobs(), 1).await;
    }
    wait_parked(fixture, 0).await;
    wait_ready(broker, &jobs(), 4).await;
}

async fn wait_parked(fixture: &Fixture, count: u64) {
    let begin = Instant::now();
    loop {
        let parked = fixture.broker.parked().await.unwrap();
        if parked == count {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "{parked} parked, not {count}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn calls_made_go_on_with_a_message_however_an_attempt_ends(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 1)).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    let one_more = async |consumer: &mut Consumer, before: u64| {
        let mut delivery = take_one(consumer).await;
        assert_eq!(delivery.message.headers.calls, Calls { heavy: before, ..Calls::default() });
        delivery.message.headers.calls.heavy += 1;
        delivery
    };
    let first = one_more(&mut consumer, 0).await;
    first.retry(Some(RUNGS[0]), cause("again")).await.unwrap();
    one_more(&mut consumer, 1).await.defer(RUNGS[0]).await.unwrap();
    one_more(&mut consumer, 2).await.requeue().await.unwrap();
    one_more(&mut consumer, 3).await.reject(cause("for good")).await.unwrap();
    let mut dead = consume(&fixture.broker, &Queue::dead(), 10).await;
    one_more(&mut dead, 4).await.ack().await.unwrap();
}

pub(crate) async fn handing_back_does_not_count_and_keeps_the_headers(fixture: &Fixture) {
    let mut sent = message(&jobs(), 0);
    sent.headers.attempt = 2;
    sent.headers.replays = 1;
    sent.headers.cause = Some(cause("before"));
    fixture.broker.publish(vec![sent.clone()]).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    for _ in 0..30 {
        let delivery = take_one(&mut consumer).await;
        assert_eq!(delivery.message, sent);
        assert_eq!(delivery.crashes, 0, "handing back is no crash");
        delivery.requeue().await.unwrap();
    }
    drop(consumer);
    wait_ready(&fixture.broker, &jobs(), 1).await;
    assert_eq!(fixture.broker.parked().await.unwrap(), 0);
}

pub(crate) async fn handing_back_many_loses_none(fixture: &Fixture) {
    const COUNT: usize = 300;
    fixture.broker.publish(messages(&jobs(), COUNT)).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 300).await;
    let taken = take(&mut consumer, COUNT).await;
    let handing_back = taken.into_iter().map(runtime::Delivery::requeue);
    for outcome in futures_util::future::join_all(handing_back).await {
        outcome.unwrap();
    }
    assert_eq!(sorted(drain(&mut consumer, COUNT).await), sorted(ids(COUNT)));
    assert_quiet(&mut consumer).await;
}

pub(crate) async fn a_dropped_delivery_comes_back(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 5)).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    drop(take(&mut consumer, 5).await);
    let again = take(&mut consumer, 5).await;
    assert_eq!(sorted(ids_of(&again)), ids(5));
    for delivery in again {
        assert_eq!((delivery.crashes, delivery.message.headers.attempt), (0, 0), "dropping is no crash");
        delivery.ack().await.unwrap();
    }
    assert_quiet(&mut consumer).await;
}
