//! The batch loop: gathers messages until a limit of count, bytes or time, processes them together, and settles each by
//! its own verdict. Several batches may be in progress, so that one is encoded while another is sent.

use std::sync::Arc;
use std::time::Duration;

use messages::{Cause, CauseClass, Queue};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info_span};

use crate::broker::Subscription;
use crate::run::{Role, RunError, caught, confirm, finish, refusal};
use crate::settle::{self, Signal};
use crate::status::Status;
use crate::{
    BatchWorker, Broker, BrokerError, Consumer, Delivery, Failure, Message, Outbox, clock, hold, telemetry,
};

/// Bounds of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Maximum number of unacked messages, those of batches in progress included. The local broker has no such bound
    /// and needs none.
    pub prefetch: u16,
    /// Maximum number of messages.
    pub messages: usize,
    /// Bytes of message bodies at which a batch is full; the last take may exceed it.
    pub bytes: usize,
    /// Longest wait of the first message for more.
    pub linger: Duration,
    /// Time without a new message after which a batch is complete: the tail of a queue does not wait for the whole
    /// linger.
    pub lull: Duration,
}

impl Default for BatchLimits {
    /// 1,000 messages, 8 MiB, linger 1 s, lull 100 ms, prefetch 64. Tests start from these; the index roles set their
    /// own.
    fn default() -> Self {
        Self {
            prefetch: 64,
            messages: 1_000,
            bytes: 8 << 20,
            linger: Duration::from_secs(1),
            lull: Duration::from_millis(100),
        }
    }
}

/// Maximum number of messages per take.
const AT_ONCE: usize = 64;

/// Runs `role` on `queue` until it is stopped, with up to `role.permits` batches in progress.
///
/// # Errors
/// When the worker halts, when a peer refuses it from its start, or when the broker is closed.
pub async fn run_batches<W: BatchWorker>(
    role: Role<W>,
    queue: Queue,
    limits: BatchLimits,
) -> Result<(), RunError> {
    let mut consumer = role.broker.consume(vec![Subscription { queue, prefetch: limits.prefetch }]).await?;
    role.status.runs_with(role.permits);
    let permits = Arc::new(Semaphore::new(role.permits));
    let (signals, mut signalled) = mpsc::channel(1);
    let mut batches = JoinSet::new();
    let outcome = loop {
        while batches.try_join_next().is_some() {}
        let permit = tokio::select! {
            biased;
            () = role.stop.cancelled() => break Ok(()),
            Some(signal) = signalled.recv() => match signal {
                Signal::Halt(cause) => break Err(RunError::Halted(cause)),
                Signal::Hold(hold) => {
                    consumer.pause().await;
                    // Batches in progress fail for the same cause. Wait until they are requeued.
                    role.status.heartbeat(finish(&mut batches, role.grace, role.status.name())).await;
                    let well = || {
                        let worker = Arc::clone(&role.worker);
                        async move { worker.healthy().await && clock::doubt().is_none() }
                    };
                    let lifted = |_| std::future::ready(false);
                    let ordered = role.broker.lifted(role.status.name());
                    let waiting =
                        hold::wait(hold, &role.status, &role.stop, well, lifted, ordered, &mut signalled);
                    match waiting.await {
                        Some(cause) => break Err(RunError::Halted(cause)),
                        None => continue,
                    }
                }
            },
            permit = role.status.heartbeat(Arc::clone(&permits).acquire_owned()) => permit,
        };
        let batch = tokio::select! {
            biased;
            () = role.stop.cancelled() => break Ok(()),
            Some(signal) = signalled.recv() => {
                // The signal goes back. If a batch has filled the slot meanwhile, the loop obeys that batch's signal.
                let _ = signals.try_send(signal);
                continue;
            }
            batch = role.status.heartbeat(gather(&mut consumer, limits, &role.status)) => match batch {
                Ok(batch) => batch,
                Err(error) => match refusal(error) {
                    Ok(hold) => {
                        // A full channel already has a signal.
                        let _ = signals.try_send(Signal::Hold(hold));
                        continue;
                    }
                    Err(error) => break Err(error.into()),
                },
            },
        };
        let work = one(
            Arc::clone(&role.worker),
            role.broker.clone(),
            Arc::clone(&role.status),
            batch,
            role.stop.clone(),
        );
        let signals = signals.clone();
        batches.spawn(async move {
            if let Some(signal) = work.await {
                // A full channel already has a signal.
                let _ = signals.try_send(signal);
            }
            drop(permit);
        });
    };
    consumer.pause().await;
    finish(&mut batches, role.grace, role.status.name()).await;
    outcome
}

/// Deliveries of one batch, counted as in flight until this is dropped. They may be taken out to be settled, which may be
/// cut short.
struct Gathered {
    deliveries: Vec<Delivery>,
    in_flight: usize,
    status: Arc<Status>,
}

impl Gathered {
    fn add(&mut self, more: Vec<Delivery>) {
        self.status.began(more.len());
        self.in_flight += more.len();
        self.deliveries.extend(more);
    }

    /// Removes the deliveries that crashed workers too often, with their causes.
    fn poisonous(&mut self) -> Vec<(Delivery, Cause)> {
        let mut poisonous = Vec::new();
        for at in (0..self.deliveries.len()).rev() {
            if let Some(cause) = self.deliveries[at].crashed_too_often() {
                self.status.ended(1);
                self.in_flight -= 1;
                poisonous.push((self.deliveries.swap_remove(at), cause));
            }
        }
        poisonous
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        self.status.ended(self.in_flight);
    }
}

/// Takes a first delivery, then more until the linger or a lull ends or a limit is reached. Cancel safe: dropped leases
/// requeue their messages.
async fn gather(
    consumer: &mut Consumer,
    limits: BatchLimits,
    status: &Arc<Status>,
) -> Result<Gathered, BrokerError> {
    let mut batch = Gathered { deliveries: Vec::new(), in_flight: 0, status: Arc::clone(status) };
    batch.add(consumer.take(room(&batch.deliveries, limits)).await?);
    let deadline = Instant::now() + limits.linger;
    // With a full prefetch the broker delivers no more, so waiting is useless.
    let bound = consumer.holds_at_most().unwrap_or(usize::MAX);
    while batch.deliveries.len() < bound && room(&batch.deliveries, limits) > 0 {
        let until = deadline.min(Instant::now() + limits.lull);
        match tokio::time::timeout_at(until, consumer.take(room(&batch.deliveries, limits))).await {
            Ok(more) => batch.add(more?),
            Err(_) => break,
        }
    }
    Ok(batch)
}

/// Returns how many messages the next take may return. Estimates their size by the mean so far, to stay near the limit
/// of bytes.
fn room(batch: &[Delivery], limits: BatchLimits) -> usize {
    let bytes: usize = batch.iter().map(|delivery| delivery.message.body.len()).sum();
    if bytes >= limits.bytes {
        return 0;
    }
    let mean = bytes.checked_div(batch.len()).unwrap_or(0).max(1 << 10);
    let by_bytes = if batch.is_empty() { 8 } else { ((limits.bytes - bytes) / mean).clamp(1, AT_ONCE) };
    by_bytes.min(limits.messages.saturating_sub(batch.len()))
}

async fn one<W: BatchWorker>(
    worker: Arc<W>,
    broker: Broker,
    status: Arc<Status>,
    mut batch: Gathered,
    stop: CancellationToken,
) -> Option<Signal> {
    let count = batch.deliveries.len();
    let span = info_span!("batch", role = W::NAME, messages = count);
    let work = async {
        for (delivery, cause) in batch.poisonous() {
            settle::settle(delivery, Err(Failure::Reject { cause }), &status).await;
        }
        let messages: Vec<Message> =
            batch.deliveries.iter().map(|delivery| delivery.message.clone()).collect();
        let mut outbox = Outbox::new(broker, stop).of_role(W::NAME);
        let verdicts = perform(worker.as_ref(), &messages, &mut outbox).await;
        drop(messages);
        settle_all(std::mem::take(&mut batch.deliveries), verdicts, &status).await
    };
    telemetry::batch(status.name(), count);
    let began = Instant::now();
    let signal = status.timed(work.instrument(span)).await;
    telemetry::job(status.name(), began.elapsed());
    signal
}

async fn perform<W: BatchWorker>(
    worker: &W,
    messages: &[Message],
    outbox: &mut Outbox,
) -> Vec<Result<(), Failure>> {
    let every = |failure: Failure| vec![Err(failure); messages.len()];
    // Document versions and expiry depend on the clock.
    if let Some(doubt) = clock::doubt() {
        return every(Failure::hold(None, doubt.to_string()));
    }
    let verdicts = match caught(worker.perform(messages, outbox)).await {
        Ok(verdicts) if verdicts.len() == messages.len() => verdicts,
        Ok(_) => {
            let text =
                format!("{} gave a wrong number of verdicts: a fault in this ua, please report it", W::NAME);
            every(Failure::retry(Cause::new(CauseClass::CrashedWorker, text)))
        }
        Err(failure) => every(failure),
    };
    // Dead letters and receipts in the outbox are confirmed before any message of the batch is settled.
    match confirm(Ok(()), outbox).await {
        Ok(()) => verdicts,
        Err(failure) => every(failure),
    }
}

async fn settle_all(
    deliveries: Vec<Delivery>,
    verdicts: Vec<Result<(), Failure>>,
    status: &Status,
) -> Option<Signal> {
    // Concurrently: the local broker commits concurrent requests in one transaction.
    let settling = deliveries
        .into_iter()
        .zip(verdicts)
        .map(|(delivery, verdict)| settle::settle(delivery, verdict, status));
    let signals = futures_util::future::join_all(settling).await;
    signals.into_iter().flatten().max_by_key(Signal::weight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ladder;
    use crate::broker::{Local, local};

    #[tokio::test]
    async fn a_batch_that_is_cut_short_while_it_is_settled_is_no_longer_in_flight() {
        let folder = tempfile::tempdir().unwrap();
        let settings = local::LocalBrokerSettings {
            folder: folder.path().to_owned(),
            ladder: Ladder::default(),
            documents_limit: 10,
        };
        let broker = Broker::Local(Local::open(settings).unwrap());
        let message = |id: &str| Message::new(Queue::documents(), id, Vec::new(), clock::now());
        broker.publish(vec![message("a"), message("b")]).await.unwrap();
        let subscription = Subscription { queue: Queue::documents(), prefetch: 10 };
        let mut consumer = broker.consume(vec![subscription]).await.unwrap();
        let status = Arc::new(Status::new("test"));
        let mut batch = gather(&mut consumer, BatchLimits::default(), &status).await.unwrap();
        assert_eq!(status.snapshot().in_flight, 2);
        let settling = std::mem::take(&mut batch.deliveries);
        drop((settling, batch));
        assert_eq!(status.snapshot().in_flight, 0);
    }
}
