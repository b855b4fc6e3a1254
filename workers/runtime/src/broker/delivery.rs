//! A delivered message and the ways to settle it. The back end's lease carries them out.

use std::time::Duration;

use futures_util::future::{Either, pending};
use messages::{Cause, CauseClass};

use super::{BrokerError, Ladder, amqp, local};
use crate::Message;

/// Number of crashes or lost connections after which a message becomes a dead letter of class `crashed-worker`.
pub const MAX_CRASHES: u32 = 20;

/// A message held under a lease. Settling consumes it, so that settling twice does not compile.
#[derive(Debug)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// Number of times a worker crashed or lost its connection while it held the message.
    pub crashes: u32,
    pub(super) lease: Lease,
    ladder: Ladder,
}

#[derive(Debug)]
pub(super) enum Lease {
    Local(local::Lease),
    Amqp(amqp::Lease),
}

impl Delivery {
    pub(super) fn new(message: Message, crashes: u32, lease: Lease, ladder: Ladder) -> Self {
        Self { message, crashes, lease, ladder }
    }

    /// Returns true when a retry of this delivery would dead-letter it.
    pub fn is_last_attempt(&self) -> bool {
        self.message.headers.attempt + 1 >= self.ladder.attempts
    }

    /// Returns when the lease is lost, soon after the connection is. The broker then redelivers the message, and work
    /// on it here is duplicated. A lease on the local file ends only with its process.
    pub fn lapse(&self) -> impl Future<Output = ()> + Send + use<> {
        match &self.lease {
            Lease::Local(_) => Either::Left(pending()),
            Lease::Amqp(lease) => Either::Right(lease.lapse()),
        }
    }

    /// Removes the message: the work is done.
    ///
    /// # Errors
    /// When the broker is away or the lease was lost. The message is then redelivered.
    pub async fn ack(self) -> Result<(), BrokerError> {
        match self.lease {
            Lease::Local(lease) => lease.ack().await,
            Lease::Amqp(lease) => lease.ack().await,
        }
    }

    /// Counts the attempt and parks the message on the rung nearest to `after`, or on the rung of its attempt when
    /// `None`. After the last attempt, dead-letters the message with the cause's class.
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    pub async fn retry(mut self, after: Option<Duration>, cause: Cause) -> Result<(), BrokerError> {
        let last = self.is_last_attempt();
        self.message.headers.attempt += 1;
        if last {
            let attempts = self.message.headers.attempt;
            let attempts = messages::counted(attempts.into(), "attempt");
            let text = format!("{} (after {attempts})", cause.text);
            return self.dead_letter(Cause::new(cause.class, text)).await;
        }
        let delay = self.ladder.delay(after, self.message.headers.attempt);
        self.message.headers.cause = Some(cause);
        match self.lease {
            Lease::Local(lease) => lease.park(self.message.headers, delay).await,
            Lease::Amqp(lease) => lease.park(self.message.headers, delay).await,
        }
    }

    /// Returns the delay of a retry, or of a deferral by about `after`.
    pub(crate) fn pause(&self, after: Option<Duration>) -> Duration {
        self.ladder.delay(after, self.message.headers.attempt + 1)
    }

    /// Parks the message on the rung nearest to `after` without counting the attempt.
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

    /// Dead-letters the message at once, with its cause and origin: no retry can succeed.
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    pub async fn reject(mut self, cause: Cause) -> Result<(), BrokerError> {
        self.message.headers.attempt += 1;
        self.dead_letter(cause).await
    }

    /// Returns the message to its queue. The attempt does not count; the recorded calls stay.
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    pub async fn requeue(self) -> Result<(), BrokerError> {
        match self.lease {
            Lease::Local(lease) => lease.requeue(self.message.headers).await,
            Lease::Amqp(lease) => lease.requeue(self.message.headers).await,
        }
    }

    /// Returns the cause of the dead letter when the workers of this message crashed more than [`MAX_CRASHES`] times.
    pub fn crashed_too_often(&self) -> Option<Cause> {
        (self.crashes > MAX_CRASHES).then(|| {
            let text = format!("{} workers crashed or lost their connection while holding it", self.crashes);
            Cause::new(CauseClass::CrashedWorker, text)
        })
    }

    async fn dead_letter(self, cause: Cause) -> Result<(), BrokerError> {
        let dead = self.message.into_dead(cause);
        match self.lease {
            Lease::Local(lease) => lease.dead_letter(dead).await,
            Lease::Amqp(lease) => lease.dead_letter(dead).await,
        }
    }
}
