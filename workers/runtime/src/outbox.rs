//! Buffer of the messages that a worker produces: bounded, and confirmed by the broker before the job is acked.

use std::time::Duration;

use messages::{Cause, CauseClass, Queue, RunId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::clock::Doubt;
use crate::time_use::{Activity, during};
use crate::{Broker, BrokerError, Failure, Message, PublishError, clock, telemetry};

/// Buffered bytes that trigger a flush.
const FLUSH_BYTES: usize = 1 << 20;
/// Buffered messages that trigger a flush.
const FLUSH_MESSAGES: usize = 200;
/// Pauses between attempts on a full queue: short at first, then about the linger of a batch.
const FULL_PAUSES: [Duration; 4] = [
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
];

/// Length of the hold when the broker is unavailable.
const AWAY: Duration = Duration::from_secs(5);
/// Longest wait for a full queue with the job in progress: far below the 30 minutes after which RabbitMQ takes an
/// unacked delivery away.
const PATIENCE: Duration = Duration::from_secs(300);

/// Why an outbox could not publish. No work is lost: the job is requeued and repeated.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The worker is stopping while a queue is full.
    #[error("stopped while the queue {queue} was full")]
    Stopped {
        /// The full queue.
        queue: Queue,
    },
    /// A queue stayed full for longer than a job may wait.
    #[error("the queue {queue} has been full for {} min: is an index role at work, and the store well?", PATIENCE.as_secs() / 60)]
    Full {
        /// The full queue.
        queue: Queue,
    },
    /// The broker refused or is unavailable.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The clock of this machine is wrong, and with it the versions of what was to be published.
    #[error("{0}")]
    Clock(Doubt),
}

impl From<OutboxError> for Failure {
    /// An unavailable or full broker is a hold, and a refusal by the broker is temporary: neither counts an attempt.
    fn from(error: OutboxError) -> Self {
        match &error {
            OutboxError::Stopped { .. } => Self::hold(Some(clock::now()), error.to_string()),
            OutboxError::Full { .. } | OutboxError::Clock(_) => Self::hold(None, error.to_string()),
            OutboxError::Publish(refused) => match refused {
                PublishError::Unroutable { .. }
                | PublishError::Broker(BrokerError::Refused(_) | BrokerError::Misconfigured(_)) => {
                    Self::refused(error.to_string())
                }
                PublishError::TooLarge { .. } => {
                    Self::reject(Cause::new(CauseClass::TooLarge, error.to_string()))
                }
                PublishError::Full { .. } | PublishError::Broker(_) => {
                    Self::hold(clock::now().checked_add(AWAY).ok(), error.to_string())
                }
            },
        }
    }
}

/// Buffers messages and publishes them with confirms; waits while a bounded queue is full.
#[derive(Debug)]
pub struct Outbox {
    broker: Broker,
    stop: CancellationToken,
    held: Vec<Message>,
    bytes: usize,
    /// True when a flush has failed.
    has_lost: bool,
    /// Role to which dead letters are counted.
    role: &'static str,
}

impl Outbox {
    /// Creates an empty outbox that stops waiting for a full queue when `stop` is cancelled.
    pub fn new(broker: Broker, stop: CancellationToken) -> Self {
        Self { broker, stop, held: Vec::new(), bytes: 0, has_lost: false, role: "" }
    }

    /// Sets the role to which dead letters are counted.
    pub(crate) fn of_role(self, role: &'static str) -> Self {
        Self { role, ..self }
    }

    /// Buffers a message; flushes when the buffer is full.
    ///
    /// # Errors
    /// As [`Outbox::flush`].
    pub async fn send(&mut self, message: Message) -> Result<(), OutboxError> {
        self.bytes += message.body.len();
        self.held.push(message);
        if self.bytes >= FLUSH_BYTES || self.held.len() >= FLUSH_MESSAGES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Returns true when the run is cancelled; its jobs are not published.
    ///
    /// # Errors
    /// When the broker is unavailable or refuses.
    pub(crate) async fn is_cancelled(&self, run: &RunId) -> Result<bool, OutboxError> {
        Ok(self.broker.is_cancelled(run).await.map_err(PublishError::from)?)
    }

    /// Drops the buffered messages of a cancelled job.
    pub(crate) fn discard(&mut self) {
        self.held.clear();
        self.bytes = 0;
    }

    /// Returns true when a flush has failed, so that not everything sent is or will be confirmed.
    pub fn has_lost(&self) -> bool {
        self.has_lost
    }

    /// Publishes all buffered messages and waits for the confirms.
    ///
    /// # Errors
    /// When the broker is unavailable or refuses, when a queue stays full for 5 minutes, when the worker stops while a
    /// queue is full, or when the clock is wrong.
    pub async fn flush(&mut self) -> Result<(), OutboxError> {
        // The clock may have become wrong while the job was done.
        if let Some(doubt) = clock::doubt() {
            return Err(OutboxError::Clock(doubt));
        }
        let dead = Queue::dead();
        let letters = self.held.iter().filter(|message| message.queue == dead);
        let classes: Vec<_> =
            letters.filter_map(|letter| Some(letter.headers.cause.as_ref()?.class)).collect();
        let flushed = self.publish_held().await;
        match &flushed {
            // Such a dead letter is one item of a message. Settlement does not count it, so count it here.
            Ok(()) => classes.into_iter().for_each(|class| telemetry::buried(self.role, class)),
            Err(_) => self.has_lost = true,
        }
        flushed
    }

    async fn publish_held(&mut self) -> Result<(), OutboxError> {
        let mut batch = std::mem::take(&mut self.held);
        self.bytes = 0;
        let began = Instant::now();
        let mut pauses = FULL_PAUSES.iter().chain(std::iter::repeat(&FULL_PAUSES[3]));
        while !batch.is_empty() {
            match during(Activity::Publish, self.broker.publish(batch)).await {
                Ok(()) => return Ok(()),
                Err(PublishError::Full { queue, rest }) => {
                    debug!(%queue, waiting = rest.len(), "the queue {queue} is full; holding {} messages", rest.len());
                    let pause = pauses.next().copied().unwrap_or(FULL_PAUSES[3]);
                    let waiting = self.stop.run_until_cancelled(tokio::time::sleep(pause));
                    if during(Activity::Full, waiting).await.is_none() {
                        return Err(OutboxError::Stopped { queue });
                    }
                    if began.elapsed() >= PATIENCE {
                        return Err(OutboxError::Full { queue });
                    }
                    batch = rest;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ladder;
    use crate::broker::{Local, local};

    #[tokio::test]
    async fn an_item_that_is_dead_counts_once_it_is_confirmed() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let folder = tempfile::tempdir().unwrap();
        let (folder, ladder) = (folder.path().to_owned(), Ladder::default());
        let settings = local::LocalBrokerSettings { folder, ladder, documents_limit: 10 };
        let broker = Broker::Local(Local::open(settings).unwrap());
        let mut outbox = Outbox::new(broker, CancellationToken::new()).of_role("index");
        let document = Message::new(Queue::documents(), "a", Vec::new(), clock::now());
        let cause = Cause::new(CauseClass::MappingRefused, "a date is none");
        outbox.send(document.clone()).await.unwrap();
        outbox.send(document.into_dead(cause)).await.unwrap();
        let counted = "ua_dead_letters_total{role=\"index\",class=\"mapping-refused\"} 1";
        assert!(!recorder.handle().render().contains("mapping-refused"));
        outbox.flush().await.unwrap();
        let page = recorder.handle().render();
        assert!(page.contains(counted), "{page}");
    }
}
