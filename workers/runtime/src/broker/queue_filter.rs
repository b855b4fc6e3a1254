//! Takes the messages that match a predicate out of a queue, under leases. All others stay.
//!
//! Independent of the content of messages: the caller supplies the predicate.

use std::fmt;
use std::sync::Arc;

use messages::Queue;

use super::{Broker, BrokerError, Delivery, amqp, local};
use crate::Message;

/// Returns true for the messages to take.
#[derive(Clone)]
pub(super) struct Predicate(Arc<dyn Fn(&Message) -> bool + Send + Sync>);

impl Predicate {
    pub(super) fn matches(&self, message: &Message) -> bool {
        (self.0)(message)
    }
}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Picks")
    }
}

/// One pass over the messages of a queue, in bounded batches.
///
/// Cancel safe at any point: returned deliveries that are not settled are requeued, and nothing else has changed.
#[derive(Debug)]
pub struct QueueFilter(FilterBackend);

#[derive(Debug)]
enum FilterBackend {
    Local(local::LocalFilter),
    Amqp(amqp::RotatingFilter),
    Delayed(amqp::DelayQueueFilter),
    Nothing,
}

impl Broker {
    /// Passes once over every message that is in `queue` now, and takes those that match `predicate`. Workers
    /// continue meanwhile; messages they hold are skipped. With the local file, messages that wait for a retry are
    /// included. On RabbitMQ they are on shared rungs: use [`Broker::filter_delayed`].
    ///
    /// On RabbitMQ the pass rotates the queue once: it publishes messages that do not match behind all others,
    /// unchanged and in order. If workers consume at the same time, the order of a few hundred messages may change.
    pub fn filter(
        &self,
        queue: Queue,
        predicate: impl Fn(&Message) -> bool + Send + Sync + 'static,
    ) -> QueueFilter {
        let predicate = Predicate(Arc::new(predicate));
        QueueFilter(match self {
            Self::Local(local) => FilterBackend::Local(local.filter(queue, predicate)),
            Self::Amqp(amqp) => FilterBackend::Amqp(amqp.filter(queue, predicate)),
        })
    }

    /// Passes once over every message on RabbitMQ's shared rungs, whatever its queue. Messages that do not match
    /// stay, with their remaining delay. Yields nothing with the local file, whose queues hold their own.
    pub fn filter_delayed(
        &self,
        predicate: impl Fn(&Message) -> bool + Send + Sync + 'static,
    ) -> QueueFilter {
        QueueFilter(match self {
            Self::Local(_) => FilterBackend::Nothing,
            Self::Amqp(amqp) => FilterBackend::Delayed(amqp.filter_delayed(Predicate(Arc::new(predicate)))),
        })
    }
}

impl QueueFilter {
    /// Returns the next messages that match; `None` at the end. Dropping a delivery requeues its message.
    ///
    /// # Errors
    /// When the broker is away or the queue does not exist.
    pub async fn next(&mut self) -> Result<Option<Vec<Delivery>>, BrokerError> {
        match &mut self.0 {
            FilterBackend::Local(filter) => filter.next().await,
            FilterBackend::Amqp(filter) => filter.next().await,
            FilterBackend::Delayed(filter) => filter.next().await,
            FilterBackend::Nothing => Ok(None),
        }
    }
}
