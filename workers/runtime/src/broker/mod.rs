//! The broker: publishes, delivers, settles and counts messages. Both back ends pass the same suite,
//! `tests/contract`.
//!
//! Independent of the content of messages, so that every source and worker shares it.

pub mod amqp;
mod delivery;
mod error;
mod ladder;
mod lanes;
mod lead;
pub mod local;
mod queue_filter;

use std::time::Duration;

use messages::{Queue, RunId};

pub use amqp::Amqp;
pub use delivery::{Delivery, MAX_CRASHES};
pub use error::{BrokerError, PublishError};
pub use ladder::Ladder;
pub(crate) use lanes::Lanes;
pub use lead::{Lead, LeaderRequest};
pub use local::Local;
pub use queue_filter::QueueFilter;

use self::delivery::Lease;
use crate::lift::Lift;
use crate::{Message, WorkerInfo};

/// Maximum size of a message body. RabbitMQ 4 accepts 16 MiB by default, headers included.
pub const MAX_MESSAGE_BYTES: usize = 15 << 20;

/// Bytes from which a take returns no further message.
pub(crate) const TAKE_BYTES: usize = 16 << 20;

/// Number of messages and consumers of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Depth {
    /// Messages ready for delivery.
    pub ready: u64,
    /// Messages delivered and not yet settled; `None` on RabbitMQ, where AMQP does not report it.
    pub leased: Option<u64>,
    /// Messages of this queue that wait on a rung; `None` on RabbitMQ, whose rungs are shared: see
    /// [`Broker::parked`].
    pub delayed: Option<u64>,
    /// Number of consumers.
    pub consumers: u64,
}

/// A broker: the closed set of back ends.
#[derive(Debug, Clone)]
pub enum Broker {
    /// Tables in one SQLite file.
    Local(Local),
    /// RabbitMQ.
    Amqp(Amqp),
}

impl Broker {
    /// Publishes messages in order. Returns after the broker confirmed all of them.
    ///
    /// # Errors
    /// See [`PublishError`]. After any error but `Full`, each message may have been published.
    pub async fn publish(&self, batch: Vec<Message>) -> Result<(), PublishError> {
        if let Some(large) = batch.iter().find(|message| message.body.len() > MAX_MESSAGE_BYTES) {
            return Err(PublishError::TooLarge { queue: large.queue.clone(), bytes: large.body.len() });
        }
        match self {
            Self::Local(local) => local.publish(batch).await,
            Self::Amqp(amqp) => amqp.publish(batch).await,
        }
    }

    /// Starts to consume from `queues`, the most urgent first.
    ///
    /// # Errors
    /// When the broker refuses. If the broker is away, [`Consumer::take`] waits for it.
    pub async fn consume(&self, queues: Vec<Subscription>) -> Result<Consumer, BrokerError> {
        match self {
            Self::Local(local) => Ok(Consumer::Local(local.consume(queues))),
            Self::Amqp(amqp) => Ok(Consumer::Amqp(amqp.consume(queues))),
        }
    }

    /// Returns the number of messages in `queue`.
    ///
    /// # Errors
    /// When the broker is away or the queue does not exist.
    pub async fn depth(&self, queue: &Queue) -> Result<Depth, BrokerError> {
        match self {
            Self::Local(local) => local.depth(queue).await,
            Self::Amqp(amqp) => amqp.depth(queue).await,
        }
    }

    /// Returns true when the bounded documents queue accepts more. Ends a hold for a full queue.
    pub async fn has_room(&self) -> bool {
        let limit = match self {
            Self::Local(local) => local.documents_limit(),
            Self::Amqp(amqp) => amqp.documents_limit(),
        };
        match self.depth(&Queue::documents()).await {
            Ok(depth) => depth.ready + depth.leased.unwrap_or(0) < limit as u64,
            // Refusals are counted by the consumer, not here.
            Err(BrokerError::Refused(_) | BrokerError::Misconfigured(_) | BrokerError::Gone(_)) => true,
            Err(BrokerError::Away(_) | BrokerError::LeaseLost(_)) => false,
        }
    }

    /// Returns the alarm for which the broker refuses publishes, if one is active. Call it last: during an alarm the
    /// broker may stop reading from this connection.
    pub async fn takes_none(&self) -> Option<String> {
        match self {
            Self::Local(_) => None,
            Self::Amqp(amqp) => amqp.takes_none().await,
        }
    }

    /// Returns the number of messages on all rungs.
    ///
    /// # Errors
    /// When the broker is away.
    pub async fn parked(&self) -> Result<u64, BrokerError> {
        match self {
            Self::Local(local) => local.parked().await,
            Self::Amqp(amqp) => amqp.parked().await,
        }
    }

    /// Returns true when one of these queues holds a ready or delivered message, or any rung holds one. RabbitMQ does
    /// not report delivered messages. A missing queue counts as empty.
    ///
    /// # Errors
    /// When the broker is away, or the user lacks the right to read the queues.
    pub async fn holds_any(&self, queues: &[Queue]) -> Result<bool, BrokerError> {
        match self {
            Self::Local(local) => local.holds_any(queues).await,
            Self::Amqp(amqp) => amqp.holds_any(queues).await,
        }
    }

    /// Replies to presence requests with `info`, until the broker is closed or the future is dropped.
    pub async fn serve_presence(&self, info: impl Fn() -> WorkerInfo) {
        match self {
            Self::Local(local) => local.serve_presence(info).await,
            Self::Amqp(amqp) => amqp.serve_presence(info).await,
        }
    }

    /// Lists the workers that reply within `patience`. Reports in the local file are up to 2 s old.
    ///
    /// # Errors
    /// When the broker is away or not set up.
    pub async fn list_workers(&self, patience: Duration) -> Result<Vec<WorkerInfo>, BrokerError> {
        match self {
            Self::Local(local) => local.list_workers().await,
            Self::Amqp(amqp) => amqp.list_workers(patience).await,
        }
    }

    /// Asks every running worker to end the holds of these roles and retry at once. `all` means every role, `zoom`
    /// every role of that source. With the local file, workers react within 2 s.
    ///
    /// # Errors
    /// When the broker is away or not set up.
    pub async fn lift(&self, roles: Vec<String>) -> Result<(), BrokerError> {
        let lift = Lift { lift: roles };
        match self {
            Self::Local(local) => local.lift(&lift).await,
            Self::Amqp(amqp) => amqp.lift(&lift).await,
        }
    }

    /// Waits for a request to lift the holds of `role`. Requests arrive only while [`Broker::serve_presence`] runs.
    pub async fn lifted(&self, role: &str) {
        match self {
            Self::Local(local) => local.lifts().of(role).await,
            Self::Amqp(amqp) => amqp.lifts().of(role).await,
        }
    }

    /// Records durably that `run` is cancelled. After it returns, [`Broker::is_cancelled`] is true in every process.
    ///
    /// # Errors
    /// When the broker is away, or the run's id is too long for a routing key.
    pub async fn cancel(&self, run: &RunId) -> Result<(), BrokerError> {
        match self {
            Self::Local(local) => local.cancel(run).await,
            Self::Amqp(amqp) => amqp.cancel(run).await,
        }
    }

    /// Returns true when `run` is recorded as cancelled. Reads the record itself, without a cache.
    ///
    /// # Errors
    /// When the broker is away or refuses.
    pub async fn is_cancelled(&self, run: &RunId) -> Result<bool, BrokerError> {
        match self {
            Self::Local(local) => local.is_cancelled(run).await,
            Self::Amqp(amqp) => amqp.is_cancelled(run).await,
        }
    }

    /// Removes the records of cancelled runs, which bounds their number. Skips runs without a record.
    ///
    /// # Errors
    /// When the broker is away or refuses.
    pub async fn forget_cancelled(&self, runs: &[RunId]) -> Result<(), BrokerError> {
        match self {
            Self::Local(local) => local.forget_cancelled(runs).await,
            Self::Amqp(amqp) => amqp.forget_cancelled(runs).await,
        }
    }

    /// Deletes all messages of `queue`: for tests and for cancelled runs.
    ///
    /// # Errors
    /// When the broker is away.
    pub async fn purge(&self, queue: &Queue) -> Result<(), BrokerError> {
        match self {
            Self::Local(local) => local.purge(queue).await,
            Self::Amqp(amqp) => amqp.purge(queue).await,
        }
    }

    /// Drops the connection without settling anything, like a crash. For tests.
    #[doc(hidden)]
    pub async fn crash(&self) {
        match self {
            Self::Local(local) => local.crash().await,
            Self::Amqp(amqp) => amqp.crash().await,
        }
    }

    /// Requeues held messages and closes the broker.
    pub async fn close(&self) {
        match self {
            Self::Local(local) => local.close().await,
            Self::Amqp(amqp) => amqp.close().await,
        }
    }

    /// Returns the ladder in use.
    pub fn ladder(&self) -> &Ladder {
        match self {
            Self::Local(local) => local.ladder(),
            Self::Amqp(amqp) => amqp.ladder(),
        }
    }
}

/// A queue to consume from, with its prefetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The queue.
    pub queue: Queue,
    /// Maximum number of unsettled messages here: those in progress and those that wait for a permit.
    pub prefetch: u16,
}

/// Takes deliveries from its queues, the most urgent first, with a small share reserved for the later ones.
#[derive(Debug)]
pub enum Consumer {
    /// A consumer of the local broker.
    Local(local::Consumer),
    /// A consumer of RabbitMQ.
    Amqp(amqp::Consumer),
}

impl Consumer {
    /// Waits for at least one delivery and returns up to `max`; fewer once they have 16 MiB in total. Cancel safe.
    ///
    /// # Errors
    /// When the broker refuses. If the broker is away, the call waits.
    pub async fn take(&mut self, max: usize) -> Result<Vec<Delivery>, BrokerError> {
        self.take_of(Lanes::All, max).await
    }

    /// As [`Consumer::take`], limited to `lanes`.
    pub(crate) async fn take_of(&mut self, lanes: Lanes, max: usize) -> Result<Vec<Delivery>, BrokerError> {
        match self {
            Self::Local(consumer) => consumer.take(max, lanes).await,
            Self::Amqp(consumer) => consumer.take(max, lanes).await,
        }
    }

    /// Maximum number of unsettled messages that the broker delivers; `None` without such a bound.
    pub(crate) fn holds_at_most(&self) -> Option<usize> {
        match self {
            Self::Local(_) => None,
            Self::Amqp(consumer) => Some(consumer.holds_at_most()),
        }
    }

    /// Stops consuming and requeues prefetched messages without counting a crash. The next `take` starts again.
    pub async fn pause(&mut self) {
        match self {
            Self::Local(_) => {}
            Self::Amqp(consumer) => consumer.pause().await,
        }
    }
}
