//! Messages from a publisher to a consumer.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use messages::{Cause, CauseClass, Queue};
use runtime::{Broker, Message};
use tokio::sync::Mutex;

use crate::fixture::*;

pub(crate) async fn published_messages_are_taken_and_acked(fixture: &Fixture) {
    let broker = &fixture.broker;
    broker.publish(messages(&jobs(), 3)).await.unwrap();
    let mut consumer = consume(broker, &jobs(), 10).await;
    let taken = take(&mut consumer, 3).await;
    assert_eq!(ids_of(&taken), ids(3));
    assert_eq!(taken[1].message.body, "body of m1");
    assert_eq!(taken[1].message.queue, jobs());
    assert_eq!(taken[1].crashes, 0);
    for delivery in taken {
        delivery.ack().await.unwrap();
    }
    wait_ready(broker, &jobs(), 0).await;
    assert_quiet(&mut consumer).await;
    drop(consumer);
    // Acked messages are gone for later consumers too.
    assert_quiet(&mut consume(broker, &jobs(), 10).await).await;
}

pub(crate) async fn order_is_kept(fixture: &Fixture) {
    for batch in messages(&jobs(), 500).chunks(90) {
        fixture.broker.publish(batch.to_vec()).await.unwrap();
    }
    let mut consumer = consume(&fixture.broker, &jobs(), 50).await;
    assert_eq!(drain(&mut consumer, 500).await, ids(500));
}

pub(crate) async fn bodies_are_kept_byte_for_byte(fixture: &Fixture) {
    // Deterministic, without a repeating sequence.
    let large: Vec<u8> =
        (0..1_u32 << 18).flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    assert_eq!(large.len(), 1 << 20);
    let every: Vec<u8> = (0..=255).collect();
    let bodies =
        [Bytes::new(), Bytes::from(every), Bytes::from_static(b"\xff\xfe{\"a\":\r\n\0}"), Bytes::from(large)];
    let sent = bodies.iter().enumerate();
    let sent =
        sent.map(|(number, body)| Message::new(jobs(), format!("m{number}"), body.clone(), now())).collect();
    fixture.broker.publish(sent).await.unwrap();
    let taken = take(&mut consume(&fixture.broker, &jobs(), 10).await, bodies.len()).await;
    for (delivery, body) in taken.into_iter().zip(bodies) {
        assert!(
            delivery.message.body == body,
            "the body of {} is another",
            delivery.message.headers.message_id
        );
        delivery.ack().await.unwrap();
    }
}

pub(crate) async fn headers_are_kept(fixture: &Fixture) {
    let mut full = message(&jobs(), 0);
    full.headers.message_id = format!("zoom:details:{}", "ä/+=".repeat(100));
    full.headers.attempt = 2;
    full.headers.replays = 3;
    full.headers.origin = Some(Queue::named("ua.jobs.no.longer.there"));
    full.headers.cause =
        Some(Cause::new(CauseClass::HtmlBlocked, "502 \"gateway\" – Störung\n\u{1f980}".repeat(60)));
    full.headers.first_seen = "2025-12-31T23:59:59.999Z".parse().unwrap();
    let bare = Message::new(jobs(), "", "", "1969-07-20T20:17:40Z".parse().unwrap());
    let sent = vec![full, bare];
    fixture.broker.publish(sent.clone()).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    for delivery in take(&mut consumer, 2).await {
        let expected = &sent[usize::from(delivery.message.headers.message_id.is_empty())];
        assert_eq!(&delivery.message, expected);
        delivery.ack().await.unwrap();
    }
}

pub(crate) async fn a_waiting_consumer_gets_what_is_published(fixture: &Fixture) {
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    assert_quiet(&mut consumer).await;
    let broker = fixture.broker.clone();
    let publisher = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        broker.publish(messages(&jobs(), 1)).await.unwrap();
    });
    assert_eq!(drain(&mut consumer, 1).await, ids(1));
    publisher.await.unwrap();
}

pub(crate) async fn take_returns_no_more_than_asked_for(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 10)).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    let mut seen = Vec::new();
    for max in [1, 3, 2, 100, 100, 100, 100, 100, 100, 100] {
        if seen.len() == 10 {
            break;
        }
        let taken = tokio::time::timeout(PATIENCE, consumer.take(max)).await.unwrap().unwrap();
        assert!(!taken.is_empty() && taken.len() <= max, "{} of {max}", taken.len());
        seen.extend(ids_of(&taken));
        for delivery in taken {
            delivery.ack().await.unwrap();
        }
    }
    assert_eq!(seen, ids(10));
}

pub(crate) async fn two_consumers_share_a_queue(fixture: &Fixture) {
    let other = fixture.another().await;
    let shared = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for broker in [&fixture.broker, &other] {
        let mut consumer = consume(broker, &jobs(), 5).await;
        let shared = Arc::clone(&shared);
        tasks.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            while shared.load(Ordering::SeqCst) < 400 {
                let Ok(taken) = tokio::time::timeout(QUIET, consumer.take(5)).await else { continue };
                for delivery in taken.unwrap() {
                    mine.push(delivery.message.headers.message_id.clone());
                    // Work takes a moment, in which another process polls for messages, ten times per second.
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    delivery.ack().await.unwrap();
                    shared.fetch_add(1, Ordering::SeqCst);
                }
            }
            mine
        }));
    }
    fixture.broker.publish(messages(&jobs(), 400)).await.unwrap();
    let mut all = Vec::new();
    for task in tasks {
        let mine = task.await.unwrap();
        assert!(!mine.is_empty(), "one consumer got all");
        all.extend(mine);
    }
    other.close().await;
    assert_eq!(sorted(all), sorted(ids(400)));
}

pub(crate) async fn take_may_be_cancelled_at_any_time(fixture: &Fixture) {
    const COUNT: usize = 300;
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    let broker = fixture.broker.clone();
    let publisher = tokio::spawn(async move {
        for message in messages(&jobs(), COUNT) {
            broker.publish(vec![message]).await.unwrap();
            // Slower than the consumer, so that most takes wait and many are cancelled.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    let mut seen = Vec::new();
    let (mut tries, mut cancelled) = (0_u64, 0_u32);
    let begin = std::time::Instant::now();
    while seen.len() < COUNT {
        assert!(begin.elapsed() < PATIENCE * 3, "only {} of {COUNT} came in {tries} tries", seen.len());
        tries += 1;
        let patience = Duration::from_micros(tries * 137 % 4_000);
        let Ok(taken) = tokio::time::timeout(patience, consumer.take(7)).await else {
            cancelled += 1;
            continue;
        };
        for delivery in taken.unwrap() {
            assert_eq!(delivery.crashes, 0, "a cancelled take counts as no crash");
            seen.push(delivery.message.headers.message_id.clone());
            delivery.ack().await.unwrap();
        }
    }
    publisher.await.unwrap();
    assert!(cancelled > 10, "the case cancelled {cancelled} takes of {tries}");
    assert_eq!(sorted(seen), sorted(ids(COUNT)));
    assert_quiet(&mut consumer).await;
}

pub(crate) async fn eight_tasks_publish_and_settle_each_message_once(fixture: &Fixture) {
    const TASKS: usize = 8;
    const EACH: usize = 625;
    let seen: Arc<Mutex<HashMap<String, u32>>> = Arc::default();
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        tasks.push(tokio::spawn(publish_some(fixture.broker.clone(), task, EACH)));
        tasks.push(tokio::spawn(settle_until(fixture.broker.clone(), Arc::clone(&seen), TASKS * EACH)));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let seen = seen.lock().await;
    assert_eq!(seen.len(), TASKS * EACH);
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    wait_ready(&fixture.broker, &jobs(), 0).await;
}

async fn publish_some(broker: Broker, task: usize, count: usize) {
    let all: Vec<_> = (0..count).map(|number| message(&jobs(), task * 10_000 + number)).collect();
    for batch in all.chunks(25) {
        broker.publish(batch.to_vec()).await.unwrap();
    }
}

/// Acks most messages, retries, requeues or drops a few, until all tasks together acked `count`.
async fn settle_until(broker: Broker, seen: Arc<Mutex<HashMap<String, u32>>>, count: usize) {
    let mut consumer = consume(&broker, &jobs(), 20).await;
    let mut turn = 0_u32;
    while seen.lock().await.len() < count {
        let Ok(taken) = tokio::time::timeout(QUIET, consumer.take(10)).await else { continue };
        for delivery in taken.unwrap() {
            turn += 1;
            let first = delivery.message.headers.attempt == 0;
            match turn % 50 {
                7 if first => {
                    let cause = Cause::new(CauseClass::BadShape, "for a change");
                    delivery.retry(Some(RUNGS[0]), cause).await.unwrap();
                }
                17 => delivery.requeue().await.unwrap(),
                27 => drop(delivery),
                _ => {
                    let id = delivery.message.headers.message_id.clone();
                    delivery.ack().await.unwrap();
                    *seen.lock().await.entry(id).or_default() += 1;
                }
            }
        }
    }
}

pub(crate) async fn a_second_process_sees_the_same_queues(fixture: &Fixture) {
    let other = fixture.another().await;
    other.publish(messages(&jobs(), 5)).await.unwrap();
    let mut here = consume(&fixture.broker, &jobs(), 3).await;
    assert_eq!(drain(&mut here, 5).await, ids(5));
    fixture.broker.publish(messages(&jobs(), 5)).await.unwrap();
    drop(here);
    let mut there = consume(&other, &jobs(), 3).await;
    assert_eq!(sorted(drain(&mut there, 5).await), ids(5));
    other.close().await;
}
