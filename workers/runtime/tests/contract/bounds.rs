//! Refused publishes, and counts of messages.

use messages::{Family, Lane, Queue};
use runtime::broker::MAX_MESSAGE_BYTES;
use runtime::{Message, PublishError};

use crate::fixture::*;

pub(crate) async fn an_unroutable_publish_fails_and_names_the_queue(fixture: &Fixture) {
    let nowhere = Queue::named("ua.jobs.nobody.daily");
    let error = fixture.broker.publish(messages(&nowhere, 1)).await.unwrap_err();
    assert!(matches!(&error, PublishError::Unroutable { queue } if *queue == nowhere), "{error:?}");
    assert!(error.to_string().contains("ua.jobs.nobody.daily"), "{error}");
    let long = Queue::named("ua.".to_owned() + &"x".repeat(400));
    let error = fixture.broker.publish(messages(&long, 1)).await.unwrap_err();
    assert!(matches!(&error, PublishError::Unroutable { queue } if *queue == long), "{error:?}");
    // The broker still works.
    fixture.broker.publish(messages(&jobs(), 1)).await.unwrap();
    assert_eq!(drain(&mut consume(&fixture.broker, &jobs(), 1).await, 1).await, ids(1));
}

pub(crate) async fn a_batch_with_an_unroutable_message_fails(fixture: &Fixture) {
    let nowhere = Queue::named("ua.jobs.nobody.daily");
    let mut batch = messages(&jobs(), 50);
    batch.insert(25, message(&nowhere, 99));
    let concurrent = fixture.broker.publish(messages(&Queue::dead(), 50));
    let (error, good) = tokio::join!(fixture.broker.publish(batch), concurrent);
    let error = error.unwrap_err();
    assert!(matches!(&error, PublishError::Unroutable { queue } if *queue == nowhere), "{error:?}");
    good.expect("another's batch is not concerned");
    wait_ready(&fixture.broker, &Queue::dead(), 50).await;
}

pub(crate) async fn too_large_a_message_is_refused(fixture: &Fixture) {
    let large = Message::new(jobs(), "large", vec![b' '; MAX_MESSAGE_BYTES + 1], now());
    let error = fixture.broker.publish(vec![message(&jobs(), 0), large]).await.unwrap_err();
    assert!(
        matches!(&error, PublishError::TooLarge { bytes, .. } if *bytes == MAX_MESSAGE_BYTES + 1),
        "{error}"
    );
    assert!(error.to_string().contains(jobs().as_str()), "{error}");
    wait_ready(&fixture.broker, &jobs(), 0).await;
}

pub(crate) async fn the_largest_message_passes(fixture: &Fixture) {
    let body: Vec<u8> = (0..MAX_MESSAGE_BYTES).map(|at| (at % 251) as u8).collect();
    fixture.broker.publish(vec![Message::new(jobs(), "large", body.clone(), now())]).await.unwrap();
    let delivery = take_one(&mut consume(&fixture.broker, &jobs(), 1).await).await;
    assert!(delivery.message.body == body);
    delivery.ack().await.unwrap();
}

pub(crate) async fn a_take_is_bounded_by_bytes(fixture: &Fixture) {
    const SIZE: usize = 6 << 20;
    let body = vec![b' '; SIZE];
    let large = (0..8).map(|n| Message::new(jobs(), format!("large-{n}"), body.clone(), now()));
    fixture.broker.publish(large.collect()).await.unwrap();
    wait_ready(&fixture.broker, &jobs(), 8).await;
    let mut consumer = consume(&fixture.broker, &jobs(), 8).await;
    let mut left = 8;
    while left > 0 {
        let taken = consumer.take(8).await.unwrap();
        assert!((1..=3).contains(&taken.len()), "{} at once", taken.len());
        left -= taken.len();
        for delivery in taken {
            delivery.ack().await.unwrap();
        }
    }
}

pub(crate) async fn depth_counts_ready_and_consumers(fixture: &Fixture) {
    let broker = &fixture.broker;
    assert_eq!(broker.depth(&jobs()).await.unwrap().ready, 0);
    broker.publish(messages(&jobs(), 7)).await.unwrap();
    wait_ready(broker, &jobs(), 7).await;
    let elsewhere = Queue::jobs(Family::ZOOM_DETAIL, Lane::Backfill);
    assert_eq!(broker.depth(&elsewhere).await.unwrap().ready, 0);
    let mut consumer = consume(broker, &jobs(), 2).await;
    let held = take(&mut consumer, 2).await;
    wait_ready(broker, &jobs(), 5).await;
    let depth = broker.depth(&jobs()).await.unwrap();
    assert!(depth.consumers >= 1, "{depth:?}");
    assert!(depth.leased.is_none_or(|leased| leased == 2), "{depth:?}");
    drop(held);
}

pub(crate) async fn an_unknown_queue_does_no_harm(fixture: &Fixture) {
    let broker = &fixture.broker;
    broker.publish(messages(&jobs(), 2)).await.unwrap();
    let mut consumer = consume(broker, &jobs(), 1).await;
    let held = take_one(&mut consumer).await;
    // RabbitMQ replies with an error that closes the channel; the local broker returns a count of 0.
    let depth = broker.depth(&Queue::named("ua.jobs.nobody.daily")).await;
    if let Err(error) = &depth {
        assert!(error.to_string().contains("ua.jobs.nobody.daily"), "{error}");
    }
    held.ack().await.unwrap();
    assert_eq!(drain(&mut consumer, 1).await, ["m1"]);
    broker.publish(messages(&jobs(), 1)).await.unwrap();
    assert_eq!(drain(&mut consumer, 1).await, ["m0"]);
}

pub(crate) async fn purge_empties_one_queue(fixture: &Fixture) {
    let broker = &fixture.broker;
    let other = Queue::jobs(Family::OPENCAST, Lane::Replay);
    broker.publish(messages(&jobs(), 5)).await.unwrap();
    broker.publish(messages(&other, 5)).await.unwrap();
    broker.purge(&jobs()).await.unwrap();
    wait_ready(broker, &jobs(), 0).await;
    wait_ready(broker, &other, 5).await;
    assert_quiet(&mut consume(broker, &jobs(), 10).await).await;
}
