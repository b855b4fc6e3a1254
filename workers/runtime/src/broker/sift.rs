//! Looking through a queue without taking it apart: what is picked is handed out under leases, all else stays.
//!
//! Must not know what is in a message: whoever sifts says what is picked.

use std::fmt;
use std::sync::Arc;

use messages::Queue;

use super::{Broker, BrokerError, Delivery, amqp, local};
use crate::Message;

/// Says whether a message is picked.
#[derive(Clone)]
pub(super) struct Picks(Arc<dyn Fn(&Message) -> bool + Send + Sync>);

impl Picks {
    pub(super) fn picks(&self, message: &Message) -> bool {
        (self.0)(message)
    }
}

impl fmt::Debug for Picks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Picks")
    }
}

/// One look at everything that waits in a queue, a bounded number of messages at a time.
///
/// May be given up at any point: what was handed out and not settled goes back, and nothing else was changed.
#[derive(Debug)]
pub struct Sift(Kind);

#[derive(Debug)]
enum Kind {
    Local(local::Sift),
    Amqp(amqp::Sift),
    Parked(amqp::Parked),
    Nothing,
}

impl Broker {
    /// Looks once at every message that waits in `queue` now, and takes those that `picks` says yes to. Workers go
    /// on meanwhile; what they hold is not looked at. On the local file what is parked for another attempt is
    /// looked at, too; on RabbitMQ it is not, since rungs are shared: [`Broker::sift_parked`] does that.
    ///
    /// On RabbitMQ a queue is looked through by going round it once: what is not picked is published again
    /// behind all else, as it was and in its order. Where workers take from the queue at the same time a few
    /// hundred messages may change places with others.
    pub fn sift(&self, queue: Queue, picks: impl Fn(&Message) -> bool + Send + Sync + 'static) -> Sift {
        let picks = Picks(Arc::new(picks));
        Sift(match self {
            Self::Local(local) => Kind::Local(local.sift(queue, picks)),
            Self::Amqp(amqp) => Kind::Amqp(amqp.sift(queue, picks)),
        })
    }

    /// Looks once at every message that is parked for another attempt in a place that no queue has for itself, whatever
    /// the queue it came from: RabbitMQ's rungs. What is not picked stays parked, for as long as it would have been.
    pub fn sift_parked(&self, picks: impl Fn(&Message) -> bool + Send + Sync + 'static) -> Sift {
        Sift(match self {
            Self::Local(_) => Kind::Nothing,
            Self::Amqp(amqp) => Kind::Parked(amqp.sift_parked(Picks(Arc::new(picks)))),
        })
    }
}

impl Sift {
    /// The next messages that are picked; `None` when all were looked at. A message whose delivery is dropped
    /// goes back.
    ///
    /// # Errors
    /// When the broker is away or does not know the queue.
    pub async fn next(&mut self) -> Result<Option<Vec<Delivery>>, BrokerError> {
        match &mut self.0 {
            Kind::Local(sift) => sift.next().await,
            Kind::Amqp(sift) => sift.next().await,
            Kind::Parked(sift) => sift.next().await,
            Kind::Nothing => Ok(None),
        }
    }
}
