//! A message that was taken, and the ways in which it is settled. Says what becomes of it; its lease does it.

use std::time::Duration;

use futures_util::future::{Either, pending};
use messages::{Cause, CauseClass};

use super::{BrokerError, Ladder, amqp, local};
use crate::Message;

/// Crashes and lost connections after which a message is a dead letter of class `crashed-worker`.
pub const MAX_CRASHES: u32 = 20;

/// A message held under a lease. Settling consumes it, so nothing can be settled twice.
#[derive(Debug)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// How often a worker crashed or lost its connection while holding it.
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

    /// True when a retry of this delivery would be a dead letter.
    pub fn is_last_attempt(&self) -> bool {
        self.message.headers.attempt + 1 >= self.ladder.attempts
    }

    /// Returns when the lease is lost, soon after the broker is: it gives the message to somebody else, and what is done
    /// for it here is done twice. A lease on the local file is lost with its process only.
    pub fn lapse(&self) -> impl Future<Output = ()> + Send + use<> {
        match &self.lease {
            Lease::Local(_) => Either::Left(pending()),
            Lease::Amqp(lease) => Either::Right(lease.lapse()),
        }
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

    /// How long a retry, or a pause of about `after`, will take.
    pub(crate) fn pause(&self, after: Option<Duration>) -> Duration {
        self.ladder.delay(after, self.message.headers.attempt + 1)
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
        self.dead_letter(cause).await
    }

    /// Back to its queue as it was: the attempt does not count, but the calls it made are kept.
    ///
    /// # Errors
    /// As [`Delivery::ack`].
    pub async fn requeue(self) -> Result<(), BrokerError> {
        match self.lease {
            Lease::Local(lease) => lease.requeue(self.message.headers).await,
            Lease::Amqp(lease) => lease.requeue(self.message.headers).await,
        }
    }

    /// What befalls a message whose workers crash again and again, if this is one.
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
