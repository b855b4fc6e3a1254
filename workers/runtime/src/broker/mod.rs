//! The broker's contract: publish, take, settle, depth. Two back ends, one meaning; see `tests/contract`.
//!
//! Must not know what is in a message.

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

/// A message larger than this is refused: RabbitMQ 4 takes 16 MiB by default, headers included.
pub const MAX_MESSAGE_BYTES: usize = 15 << 20;
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
        match self.depth(&Queue::documents()).await {
            Ok(depth) => depth.ready + depth.leased.unwrap_or(0) < limit as u64,
            // A refusal is counted where work is taken, not here.
            Err(BrokerError::Refused(_) | BrokerError::Misconfigured(_) | BrokerError::Gone(_)) => true,
            Err(BrokerError::Away(_) | BrokerError::LeaseLost(_)) => false,
        }
    }

    /// Why the broker takes no messages (an alarm), if it takes none. The last thing to ask: it may no longer listen
    /// to this connection.
    pub async fn takes_none(&self) -> Option<String> {
        match self {
            Self::Local(_) => None,
            Self::Amqp(amqp) => amqp.takes_none().await,
        }
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

    /// True when anything waits in one of these queues, is in somebody's hands there as far as the broker tells, or is
    /// parked for whatever queue. A queue that is not there yet holds nothing.
    ///
    /// # Errors
    /// When the broker is away, or the user may not look.
    pub async fn holds_any(&self, queues: &[Queue]) -> Result<bool, BrokerError> {
        match self {
            Self::Local(local) => local.holds_any(queues).await,
            Self::Amqp(amqp) => amqp.holds_any(queues).await,
        }
    }

    /// Answers presence requests with `info`, until the broker is closed or this is dropped.
    pub async fn serve_presence(&self, info: impl Fn() -> WorkerInfo) {
        match self {
            Self::Local(local) => local.serve_presence(info).await,
            Self::Amqp(amqp) => amqp.serve_presence(info).await,
        }
    }

    /// Lists the workers that answer within `patience`. Reports in the local file are up to two seconds old.
    ///
    /// # Errors
    /// When the broker is away, or is not set up.
    pub async fn list_workers(&self, patience: Duration) -> Result<Vec<WorkerInfo>, BrokerError> {
        match self {
            Self::Local(local) => local.list_workers().await,
            Self::Amqp(amqp) => amqp.list_workers(patience).await,
        }
    }

    /// Tells every process at work to try again at once in the roles of these names, whatever they wait for. `all` is every
    /// role, and `zoom` every role of that source. A local file tells them within two seconds.
    ///
    /// # Errors
    /// When the broker is away, or is not set up.
    pub async fn lift(&self, roles: Vec<String>) -> Result<(), BrokerError> {
        let lift = Lift { lift: roles };
        match self {
            Self::Local(local) => local.lift(&lift).await,
            Self::Amqp(amqp) => amqp.lift(&lift).await,
        }
    }

    /// Waits for an order to lift the holds of `role`. Orders are heard while presence requests are answered.
    pub async fn lifted(&self, role: &str) {
        match self {
            Self::Local(local) => local.lifts().of(role).await,
            Self::Amqp(amqp) => amqp.lifts().of(role).await,
        }
    }

    /// Records durably that `run` is cancelled. Once this returns, [`Broker::is_cancelled`] says so in every process.
    ///
    /// # Errors
    /// When the broker is away, or the run's id is too long for a routing key.
    pub async fn cancel(&self, run: &RunId) -> Result<(), BrokerError> {
        match self {
            Self::Local(local) => local.cancel(run).await,
            Self::Amqp(amqp) => amqp.cancel(run).await,
        }
    }

    /// True when `run` is recorded as cancelled. Reads the record itself, so the answer is never old.
    ///
    /// # Errors
    /// When the broker is away or refuses.
    pub async fn is_cancelled(&self, run: &RunId) -> Result<bool, BrokerError> {
        match self {
            Self::Local(local) => local.is_cancelled(run).await,
            Self::Amqp(amqp) => amqp.is_cancelled(run).await,
        }
    }

    /// Removes the records of cancelled runs, which keeps them few. A run without a record is left out.
    ///
    /// # Errors
    /// When the broker is away or refuses.
    pub async fn forget_cancelled(&self, runs: &[RunId]) -> Result<(), BrokerError> {
        match self {
            Self::Local(local) => local.forget_cancelled(runs).await,
            Self::Amqp(amqp) => amqp.forget_cancelled(runs).await,
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
        self.take_of(Lanes::All, max).await
    }

    /// The same, of some of its queues.
    pub(crate) async fn take_of(&mut self, lanes: Lanes, max: usize) -> Result<Vec<Delivery>, BrokerError> {
        match self {
            Self::Local(consumer) => consumer.take(max, lanes).await,
            Self::Amqp(consumer) => consumer.take(max, lanes).await,
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
