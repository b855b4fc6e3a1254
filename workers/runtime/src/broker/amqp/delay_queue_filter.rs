//! Filters the delay queues (rungs): messages of all queues that wait for a retry.
//!
//! The filter holds all messages of a rung unacked and returns those that do not match. RabbitMQ puts returned
//! messages at their old place with their remaining TTL. A message whose TTL ended meanwhile moves on when it is
//! returned. The filter gets messages one by one, because parked documents are large; of those that do not match it
//! keeps only the delivery tag.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use lapin::options::BasicGetOptions;
use tracing::debug;

use super::ack_channel::AckChannel;
use super::lease::Lease;
use super::{Amqp, Inner, fault, missing_or, wire};
use crate::broker::Lease as AnyLease;
use crate::broker::queue_filter::Predicate;
use crate::{BrokerError, Delivery, clock};

/// Approximate number of messages per batch: their receipts are written before the next batch.
const SOME: usize = 500;

/// One pass over every rung.
#[derive(Debug)]
pub(in crate::broker) struct DelayQueueFilter {
    inner: Arc<Inner>,
    predicate: Predicate,
    rungs: VecDeque<Duration>,
}

impl Amqp {
    pub(in crate::broker) fn filter_delayed(&self, predicate: Predicate) -> DelayQueueFilter {
        let rungs = self.inner.ladder.rungs.iter().copied().collect();
        DelayQueueFilter { inner: Arc::clone(&self.inner), predicate, rungs }
    }
}

impl DelayQueueFilter {
    /// Returns the matching messages of the next rung that has any, in batches.
    pub(in crate::broker) async fn next(&mut self) -> Result<Option<Vec<Delivery>>, BrokerError> {
        while let Some(rung) = self.rungs.pop_front() {
            let matching = self.rung(rung).await?;
            if matching.len() == SOME {
                self.rungs.push_front(rung);
            }
            if !matching.is_empty() {
                return Ok(Some(matching));
            }
        }
        Ok(None)
    }

    async fn rung(&self, rung: Duration) -> Result<Vec<Delivery>, BrokerError> {
        let (inner, physical) = (&self.inner, self.inner.names.rung(rung));
        let logical = inner.names.logical(physical.as_str());
        let wanted = inner.look(&logical).await?.message_count();
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let ack_channel = Arc::new(AckChannel::new(inner.consuming.channel().await?, inner.tasks.clone()));
        let (mut matching, mut rest) = (Vec::new(), Vec::new());
        for _ in 0..wanted {
            if matching.len() == SOME {
                break;
            }
            let taken = ack_channel.channel().basic_get(physical.clone(), BasicGetOptions::default()).await;
            let Some(taken) = taken.map_err(|error| missing_or(&logical, &error))? else { break };
            match self.select(&ack_channel, taken.delivery) {
                Ok(delivery) => matching.push(delivery),
                Err(tag) => rest.push(tag),
            }
        }
        debug!(matching = matching.len(), rest = rest.len(), "looked through the rung {logical}");
        for tag in rest {
            ack_channel.nack(tag).await.map_err(|error| fault::of(&error))?;
        }
        Ok(matching)
    }

    /// Returns the delivery if it matches, else its tag.
    fn select(
        &self,
        ack_channel: &Arc<AckChannel>,
        delivery: lapin::message::Delivery,
    ) -> Result<Delivery, u64> {
        let (tag, names) = (delivery.delivery_tag, &self.inner.names);
        // A rung leaves the routing key unchanged: it names the origin queue.
        let origin = names.logical(delivery.routing_key.as_str());
        let parcel = wire::read(&delivery.properties, delivery.data, &origin, names, clock::now());
        if !self.predicate.matches(&parcel.message) {
            return Err(tag);
        }
        let (message, crashes) = (parcel.message.clone(), parcel.crashes);
        let lease = Lease::new(Arc::clone(&self.inner), tag, Arc::clone(ack_channel), parcel);
        Ok(Delivery::new(message, crashes, AnyLease::Amqp(lease), self.inner.ladder.clone()))
    }
}
