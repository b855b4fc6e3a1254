//! Takes the messages that match a predicate out of a queue, under leases; all others stay.
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

/// One look at everything that waits in a queue, a bounded number of messages at a time.
///
/// May be given up at any point: what was handed out and not settled goes back, and nothing else was changed.
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
    /// Looks once at every message that waits in `queue` now, and takes those that `predicate` says yes to. Workers go
    /// on meanwhile; what they hold is not looked at. On the local file what is parked for another attempt is
    /// looked at, too; on RabbitMQ it is not, since rungs are shared: [`Broker::filter_delayed`] does that.
    ///
    /// On RabbitMQ a queue is looked through by going round it once: what does not match is published again
    /// behind all else, as it was and in its order. Where workers take from the queue at the same time a few
    /// hundred messages may change places with others.
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

    /// Looks once at every message that is parked for another attempt in a place that no queue has for itself, whatever
    /// the queue it came from: RabbitMQ's rungs. What does not match stays parked, for as long as it would have been.
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
    /// Returns the next messages that match; `None` when all were looked at. A message whose delivery is dropped
    /// goes back.
    ///
    /// # Errors
    /// When the broker is away or does not know the queue.
    pub async fn next(&mut self) -> Result<Option<Vec<Delivery>>, BrokerError> {
        match &mut self.0 {
            FilterBackend::Local(filter) => filter.next().await,
            FilterBackend::Amqp(filter) => filter.next().await,
            FilterBackend::Delayed(filter) => filter.next().await,
            FilterBackend::Nothing => Ok(None),
        }
    }
}
