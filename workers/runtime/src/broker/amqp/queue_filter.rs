//! Filters a queue by rotating it once, in bounded rounds.
//!
//! AMQP shows a message only to its consumer. Each round consumes up to a prefetch of messages, cancels the consumer,
//! publishes those that do not match to the end of the queue, and acks them. At any moment a message is queued, held
//! here, or both.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use messages::Queue;

use super::ack_channel::AckChannel;
use super::lease::Lease;
use super::{Amqp, Inner, fault, missing_or, unknown, wire};
use crate::broker::Lease as AnyLease;
use crate::broker::queue_filter::Predicate;
use crate::{BrokerError, Delivery, clock};

/// Messages per round.
const ROUND: u16 = 200;
/// Time without a delivery after which a round ends.
const IDLE: Duration = Duration::from_millis(500);
/// Number of message ids kept to detect that the rotation is complete.
const REMEMBERED: usize = 1_000;

/// One rotation of a queue.
#[derive(Debug)]
pub(in crate::broker) struct RotatingFilter {
    inner: Arc<Inner>,
    queue: Queue,
    predicate: Predicate,
    /// Maximum number of messages left; `None` before the first round.
    left: Option<u64>,
    /// Ids of the first requeued messages: meeting one again means that the rotation is complete.
    first: HashSet<String>,
}

impl Amqp {
    pub(in crate::broker) fn filter(&self, queue: Queue, predicate: Predicate) -> RotatingFilter {
        RotatingFilter { inner: Arc::clone(&self.inner), queue, predicate, left: None, first: HashSet::new() }
    }
}

impl RotatingFilter {
    pub(in crate::broker) async fn next(&mut self) -> Result<Option<Vec<Delivery>>, BrokerError> {
        loop {
            let left = match self.left {
                Some(left) => left,
                None => self.inner.look(&self.queue).await?.message_count().into(),
            };
            let wanted = u16::try_from(left).unwrap_or(u16::MAX).min(ROUND);
            let round = if wanted == 0 { Vec::new() } else { self.round(wanted).await? };
            let round_is_full = round.iter().any(|delivery| self.first.contains(id_of(delivery)));
            self.left = match round.len() {
                0 => Some(0),
                _ if round_is_full => Some(0),
                taken => Some(left.saturating_sub(taken as u64)),
            };
            if round.is_empty() {
                return Ok(None);
            }
            let (matching, rest): (Vec<_>, Vec<_>) =
                round.into_iter().partition(|delivery| self.predicate.matches(&delivery.message));
            self.requeue(rest).await;
            if !matching.is_empty() {
                return Ok(Some(matching));
            }
        }
    }

    async fn requeue(&mut self, rest: Vec<Delivery>) {
        let room = REMEMBERED.saturating_sub(self.first.len());
        self.first.extend(rest.iter().take(room).map(|delivery| id_of(delivery).to_owned()));
        let held = rest.into_iter().filter_map(|delivery| match delivery.lease {
            AnyLease::Amqp(lease) => Some(lease.give_up()),
            AnyLease::Local(_) => None,
        });
        self.inner.requeue(held.collect()).await;
    }

    /// Receives up to `wanted` messages, bounded by the prefetch.
    async fn round(&self, wanted: u16) -> Result<Vec<Delivery>, BrokerError> {
        let channel = self.inner.consuming.channel().await?;
        let name = self.inner.names.physical(&self.queue).ok_or_else(|| unknown(&self.queue))?;
        channel.basic_qos(wanted, BasicQosOptions::default()).await.map_err(|error| fault::of(&error))?;
        let options = BasicConsumeOptions::default();
        let consumer =
            channel.basic_consume(name, ShortString::default(), options, FieldTable::default()).await;
        let mut consumer = consumer.map_err(|error| missing_or(&self.queue, &error))?;
        let ack_channel = Arc::new(AckChannel::new(channel, self.inner.tasks.clone()));
        let mut round = Vec::with_capacity(wanted.into());
        let mut cancelled = false;
        while round.len() < usize::from(wanted) {
            match tokio::time::timeout(IDLE, consumer.next()).await {
                Ok(Some(Ok(delivery))) => round.push(self.delivery(&ack_channel, delivery)),
                Ok(Some(Err(error))) => return Err(fault::of(&error)),
                Ok(None) => break,
                // Deliveries that cross the cancel still arrive; then the stream ends.
                Err(_) if !cancelled => {
                    cancelled = true;
                    let tag = consumer.tag();
                    let told = ack_channel.channel().basic_cancel(tag, BasicCancelOptions::default()).await;
                    told.map_err(|error| fault::of(&error))?;
                }
                Err(_) => break,
            }
        }
        if !cancelled {
            let tag = consumer.tag();
            let told = ack_channel.channel().basic_cancel(tag, BasicCancelOptions::default()).await;
            told.map_err(|error| fault::of(&error))?;
        }
        Ok(round)
    }

    fn delivery(&self, ack_channel: &Arc<AckChannel>, delivery: lapin::message::Delivery) -> Delivery {
        let (tag, names) = (delivery.delivery_tag, &self.inner.names);
        let parcel = wire::read(&delivery.properties, delivery.data, &self.queue, names, clock::now());
        let (message, crashes) = (parcel.message.clone(), parcel.crashes);
        let lease = Lease::new(Arc::clone(&self.inner), tag, Arc::clone(ack_channel), parcel);
        Delivery::new(message, crashes, AnyLease::Amqp(lease), self.inner.ladder.clone())
    }
}

fn id_of(delivery: &Delivery) -> &str {
    &delivery.message.headers.message_id
}
