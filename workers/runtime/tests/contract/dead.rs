//! Dead letters: how messages become dead letters, and that they move like any message.

use messages::{Cause, CauseClass, Queue};
use runtime::{Consumer, Delivery};

use crate::fixture::*;

async fn dead_letter(consumer: &mut Consumer) -> Delivery {
    let delivery = take_one(consumer).await;
    assert_eq!(delivery.message.queue, Queue::dead());
    delivery
}

pub(crate) async fn spent_attempts_make_a_dead_letter(fixture: &Fixture) {
    let sent = message(&jobs(), 0);
    fixture.broker.publish(vec![sent.clone()]).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    for _ in 0..ATTEMPTS {
        let cause = Cause::new(CauseClass::NotReadyExpired, "404 code 3001, no such meeting yet");
        take_one(&mut consumer).await.retry(Some(RUNGS[0]), cause).await.unwrap();
    }
    let dead = dead_letter(&mut consume(&fixture.broker, &Queue::dead(), 10).await).await;
    let headers = &dead.message.headers;
    assert_eq!(headers.origin, Some(jobs()));
    assert_eq!(headers.attempt, ATTEMPTS);
    let cause = headers.cause.clone().unwrap();
    assert_eq!(cause.class, CauseClass::NotReadyExpired, "the cause's class, not that it was tried often");
    assert_eq!(cause.text, format!("404 code 3001, no such meeting yet (after {ATTEMPTS} attempts)"));
    assert_eq!(dead.message.body, sent.body);
    assert_eq!(headers.first_seen, sent.headers.first_seen);
    dead.ack().await.unwrap();
    assert_quiet(&mut consumer).await;
}

pub(crate) async fn a_rejected_message_is_a_dead_letter_at_once(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 2)).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    let cause = Cause::new(CauseClass::Gone, "404 code 3001 two days after its end: \"weg\"");
    take_one(&mut consumer).await.reject(cause.clone()).await.unwrap();
    let dead = dead_letter(&mut consume(&fixture.broker, &Queue::dead(), 10).await).await;
    assert_eq!(dead.message.headers.message_id, "m0");
    assert_eq!(dead.message.headers.cause, Some(cause));
    assert_eq!(dead.message.headers.origin, Some(jobs()));
    assert_eq!(dead.message.headers.attempt, 1);
    dead.ack().await.unwrap();
    // The next message is not affected.
    assert_eq!(drain(&mut consumer, 1).await, ["m1"]);
}

pub(crate) async fn a_dead_letter_goes_back_by_a_publish(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 1)).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    let cause = Cause::new(CauseClass::Forbidden, "403");
    take_one(&mut consumer).await.reject(cause).await.unwrap();
    let dead = dead_letter(&mut consume(&fixture.broker, &Queue::dead(), 10).await).await;
    let mut replayed = dead.message.clone();
    replayed.queue = jobs().replay_lane();
    replayed.headers.replays += 1;
    replayed.headers.attempt = 0;
    fixture.broker.publish(vec![replayed]).await.unwrap();
    dead.ack().await.unwrap();
    let back = take_one(&mut consume(&fixture.broker, &jobs().replay_lane(), 10).await).await;
    assert_eq!((back.message.headers.replays, back.message.headers.attempt), (1, 0));
    assert_eq!(back.message.body, "body of m0");
    // Its second dead letter has the original queue as origin.
    back.reject(Cause::new(CauseClass::Gone, "404")).await.unwrap();
    let again = dead_letter(&mut consume(&fixture.broker, &Queue::dead(), 10).await).await;
    assert_eq!(again.message.headers.origin, Some(jobs()));
    assert_eq!(again.message.headers.cause, Some(Cause::new(CauseClass::Gone, "404")));
    again.ack().await.unwrap();
}

pub(crate) async fn a_dead_letter_can_be_requeued(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 1)).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    take_one(&mut consumer).await.reject(Cause::new(CauseClass::BadShape, "line 1")).await.unwrap();
    let mut desk = consume(&fixture.broker, &Queue::dead(), 10).await;
    let first = dead_letter(&mut desk).await;
    let kept = first.message.clone();
    first.requeue().await.unwrap();
    let second = dead_letter(&mut desk).await;
    assert_eq!(second.message, kept);
    second.ack().await.unwrap();
}
