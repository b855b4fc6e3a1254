//! Which lane is served first.

use messages::{Family, Lane, Queue};
use runtime::broker::Subscription;
use runtime::{Broker, Consumer, Message};

use crate::fixture::*;

const EACH: usize = 40;

fn lane_of(queue: &Queue) -> Lane {
    Lane::ALL.into_iter().find(|lane| queue.as_str().ends_with(lane.name())).unwrap()
}

async fn three_lanes(broker: &Broker) -> Consumer {
    let queues = Family::ZOOM_DETAIL.queues();
    // The least urgent is published first, so that age decides nothing.
    for queue in queues.iter().rev() {
        let batch: Vec<Message> = messages(queue, EACH);
        broker.publish(batch).await.unwrap();
    }
    broker.consume(queues.map(|queue| Subscription { queue, prefetch: 100 }).into()).await.unwrap()
}

pub(crate) async fn daily_goes_before_backfill_before_replay(fixture: &Fixture) {
    let mut consumer = three_lanes(&fixture.broker).await;
    for _ in 0..8 {
        let delivery = take_one(&mut consumer).await;
        assert_eq!(lane_of(&delivery.message.queue), Lane::Daily);
        delivery.ack().await.unwrap();
    }
    // All at once: daily's rest, then the others in their order.
    let taken = take(&mut consumer, 3 * EACH - 8).await;
    let lanes: Vec<Lane> = taken.iter().map(|delivery| lane_of(&delivery.message.queue)).collect();
    assert!(lanes.is_sorted(), "{lanes:?}");
    for delivery in taken {
        delivery.ack().await.unwrap();
    }
}

pub(crate) async fn the_later_lanes_keep_a_share(fixture: &Fixture) {
    let mut consumer = three_lanes(&fixture.broker).await;
    let mut counts = [0; 3];
    for _ in 0..20 {
        let delivery = take_one(&mut consumer).await;
        counts[Lane::ALL.iter().position(|lane| *lane == lane_of(&delivery.message.queue)).unwrap()] += 1;
        delivery.ack().await.unwrap();
    }
    assert_eq!(counts, [18, 1, 1], "of twenty turns");
}
