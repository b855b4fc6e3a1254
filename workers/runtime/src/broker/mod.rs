//! The broker's contract: publish, take, settle, depth. Two back ends, one meaning; see `tests/contract`.
//!
//! Must not know what is in a message.

pub mod amqp;
mod ladder;
mod lanes;
mod lead;
pub mod local;
mod sift;

use std::time::Duration;

use messages::{Cause, CauseClass, Queue};

pub use amqp::Amqp;
pub use ladder::Ladder;
pub use lead::{Lead, Order};
pub use local::Local;
pub use sift::Sift;

use crate::{Card, Message};

/// A message larger than this is refused: RabbitMQ 4 takes 16 MiB by default, headers included.
pub const MAX_MESSAGE_BYTES: usize = 15 << 20;
/// Crashes and lost connections after which a message is a dead letter of class `crashed-worker`.
pub const MAX_CRASHES: u32 = 20;

/// Why messages were not published. What was not confirmed must be published again.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A bounded queue is full. Every message not in `rest` is confirmed.
    #[error("the queue {queue} is full")]
    Full {
        /// The full queue.
        queue: Queue,
        /// What was not taken, in order.
        rest: Vec<Message>,
    },
    /// There is no such queue: the topology is not declared, or the message names a queue that is gone.
    #[error("no queue {queue} at the broker: run `ua setup`")]
    Unroutable {
        /// The queue that is not there.
        queue: Queue,
    },
    /// A message is larger than [`MAX_MESSAGE_BYTES`].
    #[error("a message for {queue} has {bytes} bytes; the broker takes {MAX_MESSAGE_BYTES}")]
    TooLarge {
        /// Where it was bound.
        queue: Queue,
        /// Its size.
        bytes: usize,
    },
    /// The broker is away or failed.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Why the broker could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The broker cannot be reached or the connection was lost; tried again by itself.
    #[error("the broker is away: {0}")]
    Away(String),
    /// The broker refuses: credentials, rights, differing queue arguments, a file of a newer version.
    #[error("the broker refuses: {0}")]
    Refused(String),
    /// The lease was lost: somebody else has the message now.
    #[error("the lease of message {0} was lost; somebody else has it now")]
    LeaseLost(String),
}

/// How much waits in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Depth {
    /// Ready to be taken.
    pub ready: u64,
    /// Taken and not yet settled; `None` where the broker does not tell (RabbitMQ over AMQP).
    pub leased: Option<u64>,
    /// Bound for this queue later: parked on a rung. On RabbitMQ `None`: rungs are shared, see
    /// [`Broker::parked`].
    pub delayed: Option<u64>,
    /// Workers that take from it now.
    pub consumers: u64,
}

/// A queue's broker: the closed set of back ends.
#[derive(Debug, Clone)]
pub enum Broker {
    /// Tables in one SQLite file.
    Local(Local),
    /// RabbitMQ.
    Amqp(Amqp),
}

impl Broker {
    /// Publishes messages in order and returns when every one is confirmed.
    ///
    /// # Errors
    /// See [`PublishError`]; after an error other than `Full` any of them may have been published.
    pub async fn publish(&self, batch: Vec<Message>) -> Result<(), PublishError> {
        if let Some(large) = batch.iter().find(|message| message.body.len() > MAX_MESSAGE_BYTES) {
            return Err(PublishError::TooLarge { queue: large.queue.clone(), bytes: large.body.len() });
        }
        match self {
            Self::Local(local) => local.publish(batch).await,
            Self::Amqp(amqp) => amqp.publish(batch).await,
        }
    }

    /// Starts to take from `queues`, the most urgent first.
    ///
    /// # Errors
    /// When the broker refuses. A broker that is away is waited for by [`Consumer::take`].
    pub async fn consume(&self, queues: Vec<Subscription>) -> Result<Consumer, BrokerError> {
        match self {
            Self::Local(local) => Ok(Consumer::Local(local.consume(queues))),
            Self::Amqp(amqp) => Ok(Consumer::Amqp(amqp.consume(queues))),
        }
    }

    /// How much waits in `queue`.
    ///
    /// # Errors
    /// When the broker is away or does not know the queue.
    pub async fn depth(&self, queue: &Queue) -> Result<Depth, BrokerError> {
        match self {
            Self::Local(local) => local.depth(queue).await,
            Self::Amqp(amqp) => amqp.depth(queue).await,
        }
    }

    /// True when the bounded queue of documents takes more. A hold because it was full ends when it has room.
    pub async fn has_room(&self) -> bool {
        let limit = match self {
            Self::Local(local) => local.documents_limit(),
            Self::Amqp(amqp) => amqp.documents_limit(),
        };
        let depth = self.depth(&Queue::documents()).await;
        depth.is_ok_and(|depth| depth.ready + depth.leased.unwrap_or(0) < limit as u64)
    }

    /// Messages parked on rungs, for whatever queue.
    ///
    /// # Errors
    /// When the broker is away.
    pub async fn parked(&self) -> Result<u64, BrokerError> {
        match self {
            Self::Local(local) => local.parked().await,
            Self::Amqp(amqp) => amqp.parked().await,
        }
    }

    /// Answers roll calls with what `card` returns, until the broker is closed or this is dropped.
    pub async fn answer_roll(&self, card: impl Fn() -> Card) {
        match self {
            Self::Local(local) => local.answer_roll(card).await,
            Self::Amqp(amqp) => amqp.answer_roll(card).await,
        }
    }

    /// Asks every process that answers roll calls for its card; `patience` is how long answers are waited for. The
    /// cards of the local file are up to two seconds old.
    ///
    /// # Errors
    /// When the broker is away, or is not set up.
    pub async fn call_roll(&self, patience: Duration) -> Result<Vec<Card>, BrokerError> {
        match self {
            Self::Local(local) => local.call_roll().await,
            Self::Amqp(amqp) => amqp.call_roll(patience).await,
        }
    }

    /// Empties `queue`: for tests, and for the cancelling of runs.
    ///
    /// # Errors
    /// When the broker is away.
    pub async fn purge(&self, queue: &Queue) -> Result<(), BrokerError> {
        match self {
            Self::Local(local) => local.purge(queue).await,
            Self::Amqp(amqp) => amqp.purge(queue).await,
        }
    }

    /// Hands back nothing, says nothing, and is gone: what a crash looks like to the broker. For tests.
    #[doc(hidden)]
    pub async fn crash(&self) {
        match self {
            Self::Local(local) => local.crash().await,
            Self::Amqp(amqp) => amqp.crash().await,
        }
    }

    /// Ends the connection in good order.
    pub async fn close(&self) {
        match self {
            Self::Local(local) => local.close().await,
            Self::Amqp(amqp) => amqp.close().await,
        }
    }

    /// The ladder in force.
    pub fn ladder(&self) -> &Ladder {
        match self {
            Self::Local(local) => local.ladder(),
            Self::Amqp(amqp) => amqp.ladder(),
        }
    }
}

/// A queue to take from, and how many of its messages may be held here at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The queue.
    pub queue: Queue,
    /// Messages held unsettled at most: those at work, and those that wait here for a permit.
    pub prefetch: u16,
}

/// Takes deliveries from its queues, the most urgent first, with a small share kept for the later ones.
#[derive(Debug)]
pub enum Consumer {
    /// Of the local broker.
    Local(local::Consumer),
    /// Of RabbitMQ.
    Amqp(amqp::Consumer),
}

impl Consumer {
    /// Waits for at least one delivery and returns up to `max`. Safe to cancel: nothing is lost.
    ///
    /// # Errors
    /// When the broker refuses; a broker that is away is waited for.
    pub async fn take(&mut self, max: usize) -> Result<Vec<Delivery>, BrokerError> {
        match self {
            Self::Local(consumer) => consumer.take(max).await,
            Self::Amqp(consumer) => consumer.take(max).await,
        }
    }

    /// Unsettled messages beyond which the broker lets none out, where there is such a bound.
    pub(crate) fn holds_at_most(&self) -> Option<usize> {
        match self {
            Self::Local(_) => None,
            Self::Amqp(consumer) => Some(consumer.holds_at_most()),
        }
    }

    /// Stops taking and hands back, uncounted, what was prefetched; `take` starts again.
    pub async fn pause(&mut self) {
        match self {
            Self::Local(_) => {}
            Self::Amqp(consumer) => consumer.pause().await,
        }
    }
}

/// A message held under a lease. Settling consumes it, so nothing can be settled twice.
#[derive(Debug)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// How often a worker crashed or lost its connection while holding it.
    pub crashes: u32,
    lease: Lease,
    ladder: Ladder,
}

#[derive(Debug)]
enum Lease {
    Local(local::Lease),
    Amqp(amqp::Lease),
}

impl Delivery {
    fn new(message: Message, crashes: u32, lease: Lease, ladder: Ladder) -> Self {
        Self { message, crashes, lease, ladder }
    }

    /// True when a retry of this delivery would be a dead letter.
    pub fn is_last_attempt(&self) -> bool {
        self.message.headers.attempt + 1 >= self.ladder.attempts
    }

    /// Done: the message is removed.
    ///
    /// # Errors
    /// When the broker is away or the lease was lost; the message is then delivered again to somebody.
    pub async fn ack(self) -> Result<(), BrokerError> {
        match self.lease {
            Lease::Local(lease) => lease.ack().await,
            Lease::Amqp(lease) => lease.ack().await,
        }
    }

    /// Counts the attempt and parks the message on the rung nearest to `after` (by attempts when `None`);
    /// the attempts spent, it is rejected with the cause's class, `attempts-spent` in place of none better.
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    pub async fn retry(mut self, after: Option<Duration>, cause: Cause) -> Result<(), BrokerError> {
        let last = self.is_last_attempt();
        self.message.headers.attempt += 1;
        if last {
            let attempts = self.message.headers.attempt;
            let text = format!("{} (after {attempts} attempts)", cause.text);
            return self.bury(Cause::new(cause.class, text)).await;
        }
        let delay = self.ladder.delay(after, self.message.headers.attempt);
        self.message.headers.cause = Some(cause);
        match self.lease {
            Lease::Local(lease) => lease.park(self.message.headers, delay).await,
            Lease::Amqp(lease) => lease.park(self.message.headers, delay).await,
        }
    }

    /// Parks the message on the rung nearest to `after`: the attempt does not count.
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    pub async fn defer(self, after: Duration) -> Result<(), BrokerError> {
        let delay = self.ladder.delay(Some(after), 1);
        match self.lease {
            Lease::Local(lease) => lease.park(self.message.headers, delay).await,
            Lease::Amqp(lease) => lease.park(self.message.headers, delay).await,
        }
    }

    /// Will never work as it is: a dead letter at once, with its cause and origin.
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    pub async fn reject(mut self, cause: Cause) -> Result<(), BrokerError> {
        self.message.headers.attempt += 1;
        self.bury(cause).await
    }

    /// Back to its queue as it was: the attempt does not count, but the calls it made are kept.
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    pub async fn hand_back(self) -> Result<(), BrokerError> {
        match self.lease {
            Lease::Local(lease) => lease.hand_back(self.message.headers).await,
            Lease::Amqp(lease) => lease.hand_back(self.message.headers).await,
        }
    }

    /// What befalls a message whose workers crash again and again, if this is one.
    pub fn crashed_too_often(&self) -> Option<Cause> {
        (self.crashes > MAX_CRASHES).then(|| {
            let text = format!("{} workers crashed or lost their connection while holding it", self.crashes);
            Cause::new(CauseClass::CrashedWorker, text)
        })
    }

    async fn bury(self, cause: Cause) -> Result<(), BrokerError> {
        let dead = self.message.into_dead(cause);
        match self.lease {
            Lease::Local(lease) => lease.bury(dead).await,
            Lease::Amqp(lease) => lease.bury(dead).await,
        }
    }
}
