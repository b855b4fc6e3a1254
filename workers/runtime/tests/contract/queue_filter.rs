//! Filters: matching messages are taken, all others stay unchanged.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use messages::{Cause, CauseClass};
use runtime::{Broker, Delivery, Message, QueueFilter};

use crate::fixture::*;

/// Takes every third message.
fn every_third(broker: &Broker) -> QueueFilter {
    broker.filter(jobs(), |message| number(message).is_multiple_of(3))
}

fn number(message: &Message) -> usize {
    message.headers.message_id.strip_prefix('m').unwrap().parse().unwrap()
}

async fn all(mut filter: QueueFilter) -> Vec<Delivery> {
    let mut matching = Vec::new();
    while let Some(some) = filter.next().await.unwrap() {
        assert!(!some.is_empty() && some.len() <= 500, "a bounded number at a time");
        matching.extend(some);
    }
    matching
}

pub(crate) async fn matching_messages_come_out_and_the_rest_keeps_its_order(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 1_003)).await.unwrap();
    wait_ready(&fixture.broker, &jobs(), 1_003).await;
    let mut filter = every_third(&fixture.broker);
    let mut matching = Vec::new();
    while let Some(some) = filter.next().await.unwrap() {
        for delivery in some {
            matching.push(number(&delivery.message));
            delivery.ack().await.unwrap();
        }
    }
    assert_eq!(matching, (0..1_003).step_by(3).collect::<Vec<_>>());
    let left: Vec<String> =
        ids(1_003).into_iter().enumerate().filter(|(n, _)| n % 3 > 0).map(|(_, id)| id).collect();
    let mut consumer = consume(&fixture.broker, &jobs(), 100).await;
    assert_eq!(drain(&mut consumer, left.len()).await, left);
    assert_quiet(&mut consumer).await;
}

pub(crate) async fn an_empty_queue_is_filtered_at_once(fixture: &Fixture) {
    assert!(all(every_third(&fixture.broker)).await.is_empty());
}

pub(crate) async fn other_messages_are_not_changed(fixture: &Fixture) {
    let mut odd = message(&jobs(), 1);
    odd.headers.attempt = 2;
    odd.headers.replays = 1;
    odd.headers.cause = Some(Cause::new(CauseClass::Gone, "as it was"));
    odd.body = vec![0, 159, 146, 150].into();
    fixture.broker.publish(vec![message(&jobs(), 0), odd.clone()]).await.unwrap();
    wait_ready(&fixture.broker, &jobs(), 2).await;
    let matching = all(every_third(&fixture.broker)).await;
    assert_eq!(ids_of(&matching), ["m0"]);
    let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
    let left = take_one(&mut consumer).await;
    assert_eq!((&left.message, left.crashes), (&odd, 0));
    left.ack().await.unwrap();
    for delivery in matching {
        delivery.ack().await.unwrap();
    }
    assert_quiet(&mut consumer).await;
}

pub(crate) async fn a_matching_message_that_is_not_settled_goes_back(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 10)).await.unwrap();
    wait_ready(&fixture.broker, &jobs(), 10).await;
    drop(all(every_third(&fixture.broker)).await);
    let mut consumer = consume(&fixture.broker, &jobs(), 100).await;
    let taken = take(&mut consumer, 10).await;
    assert_eq!(sorted(ids_of(&taken)), sorted(ids(10)));
    assert!(taken.iter().all(|delivery| (delivery.message.headers.attempt, delivery.crashes) == (0, 0)));
    for delivery in taken {
        delivery.ack().await.unwrap();
    }
}

pub(crate) async fn a_crash_in_the_middle_loses_none(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 600)).await.unwrap();
    wait_ready(&fixture.broker, &jobs(), 600).await;
    let other = fixture.another().await;
    let mut filter = every_third(&other);
    let held = filter.next().await.unwrap().unwrap();
    other.crash().await;
    drop((held, filter));
    let mut consumer = consume(&fixture.broker, &jobs(), 100).await;
    let mut seen = BTreeSet::new();
    // A message may be duplicated: it was requeued, and its ack was lost with the process.
    while seen.len() < 600 {
        seen.extend(drain(&mut consumer, 1).await);
    }
    assert_eq!(seen, ids(600).into_iter().collect());
}

pub(crate) async fn each_message_is_delivered_once_while_workers_go_on(fixture: &Fixture) {
    const COUNT: usize = 2_000;
    fixture.broker.publish(messages(&jobs(), COUNT)).await.unwrap();
    wait_ready(&fixture.broker, &jobs(), COUNT as u64).await;
    let other = fixture.another().await;
    let worker = async {
        let mut consumer = consume(&other, &jobs(), 16).await;
        let mut done = Vec::new();
        // Ends when nothing arrives for a while; the filter ends much earlier.
        while let Ok(taken) = tokio::time::timeout(Duration::from_secs(3), consumer.take(16)).await {
            for delivery in taken.unwrap() {
                done.push(delivery.message.headers.message_id.clone());
                delivery.ack().await.unwrap();
            }
        }
        done
    };
    let filtering = async {
        let mut matching = Vec::new();
        for _ in 0..3 {
            let mut filter = every_third(&fixture.broker);
            while let Some(some) = filter.next().await.unwrap() {
                for delivery in some {
                    matching.push(delivery.message.headers.message_id.clone());
                    delivery.ack().await.unwrap();
                }
            }
        }
        matching
    };
    let (done, matching) = tokio::join!(worker, filtering);
    assert!(
        !matching.is_empty() && done.len() >= COUNT * 2 / 3,
        "{} done, {} picked",
        done.len(),
        matching.len()
    );
    assert_eq!(sorted([done, matching].concat()), sorted(ids(COUNT)));
}

/// Only on the local file: the filter includes parked messages, and those that do not match stay parked.
#[tokio::test]
async fn on_the_local_file_what_is_parked_is_looked_at_too() {
    run(BackEnd::Local, async |fixture| {
        fixture.broker.publish(messages(&jobs(), 4)).await.unwrap();
        let mut consumer = consume(&fixture.broker, &jobs(), 10).await;
        for delivery in take(&mut consumer, 4).await {
            delivery.retry(Some(RUNGS[2]), Cause::new(CauseClass::Gone, "later")).await.unwrap();
        }
        let matching = all(every_third(&fixture.broker)).await;
        assert_eq!(ids_of(&matching), ["m0", "m3"]);
        assert_eq!(fixture.broker.depth(&jobs()).await.unwrap().delayed, Some(2));
        for delivery in matching {
            delivery.ack().await.unwrap();
        }
        assert_eq!(sorted(drain(&mut consumer, 2).await), ["m1", "m2"]);
    })
    .await;
}

/// Filters the parked messages of a queue, on every broker.
pub(crate) async fn delayed_messages_come_out_and_the_rest_comes_back_in_time(fixture: &Fixture) {
    fixture.broker.publish(messages(&jobs(), 9)).await.unwrap();
    let mut consumer = consume(&fixture.broker, &jobs(), 9).await;
    let mut taken = 0;
    while taken < 9 {
        for delivery in consumer.take(9).await.unwrap() {
            taken += 1;
            delivery.retry(Some(RUNGS[2]), Cause::new(CauseClass::BadShape, "later")).await.unwrap();
        }
    }
    let parked_at = Instant::now();
    let third = |message: &Message| number(message).is_multiple_of(3);
    let mut matching = all(fixture.broker.filter(jobs(), third)).await;
    matching.extend(all(fixture.broker.filter_delayed(third)).await);
    let mut numbers: Vec<usize> = matching.iter().map(|delivery| number(&delivery.message)).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 3, 6]);
    assert!(
        matching.iter().all(|delivery| delivery.message.queue == jobs()),
        "each names the queue it came from"
    );
    for delivery in matching {
        delivery.ack().await.unwrap();
    }
    let mut back = drain(&mut consumer, 6).await;
    back.sort_unstable();
    assert_eq!(back, ["m1", "m2", "m4", "m5", "m7", "m8"]);
    assert!(parked_at.elapsed() < 4 * RUNGS[2] + PATIENCE, "parked no longer than they would have been");
    assert_quiet(&mut consumer).await;
}
