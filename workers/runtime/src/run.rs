//! The worker loop: waits for a permit and a delivery, does the job and settles it. Runs as many jobs at once as there
//! are permits, and one more that is urgent.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::pending;
use messages::{Cause, CauseClass, Family, RunId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, info_span, warn};

use crate::broker::Subscription;
use crate::job_priority::JobPriority;
use crate::permits::Permits;
use crate::recall::{self, Recall};
use crate::settle::{self, Signal};
use crate::status::{Hold, Status};
use crate::{
    Attempt, Broker, BrokerError, Consumer, Delivery, Failure, Outbox, Worker, clock, hold, telemetry,
};

/// A job in progress for this long is finished although its lease is lost and another worker receives its message. What
/// it has fetched is worth more than the duplicate work, and with an unstable connection it would never finish.
const WORTH_FINISHING: Duration = Duration::from_secs(600);

/// Why a worker loop ended before its stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The worker's configuration is wrong, or a peer refused it from its start.
    #[error("{0}")]
    Halted(String),
    /// The broker is closed.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Parts of a worker loop.
#[derive(Debug)]
pub struct Role<W> {
    /// Does the work.
    pub worker: Arc<W>,
    /// Source of the jobs and destination of the messages.
    pub broker: Broker,
    /// Jobs (or batches) in progress at once; a loop over jobs runs one more when it is urgent and all permits are
    /// taken.
    pub permits: usize,
    /// Reported state of the role.
    pub status: Arc<Status>,
    /// Stops the loop: it takes no more deliveries and finishes those in progress.
    pub stop: CancellationToken,
    /// Time that jobs in progress have after the stop before they are requeued.
    pub grace: Duration,
}

/// Runs `role` on the queues of `family` until it is stopped.
///
/// # Errors
/// When the worker halts, when a peer refuses it from its start, or when the broker is closed.
pub async fn run<W: Worker>(role: Role<W>, family: Family) -> Result<(), RunError> {
    // Twice as many as are in progress. With every permit on one lane, the next jobs of that lane are already here.
    // Otherwise a free permit finds only jobs of later lanes, and daily work becomes as slow as they are.
    let at_work = role.permits.saturating_add(1);
    let prefetch = u16::try_from(at_work.saturating_mul(2)).unwrap_or(u16::MAX);
    let subscriptions = family.queues().map(|queue| Subscription { queue, prefetch });
    let mut consumer = role.broker.consume(subscriptions.into()).await?;
    role.status.runs_with(role.permits);
    let permits = Permits::new(role.permits);
    let recall = Recall::new(role.broker.clone());
    let (signals, mut signalled) = mpsc::channel(at_work);
    let mut jobs = JoinSet::new();
    let outcome = loop {
        let next = next(&role, &permits, &mut consumer, &mut signalled, &mut jobs);
        match role.status.heartbeat(next).await {
            Next::Deliveries(deliveries) => {
                for delivery in deliveries {
                    // `next` takes no more deliveries than there are permits, and only this loop takes permits.
                    let Some(permit) = permits.hold() else { break };
                    let work = one(
                        Arc::clone(&role.worker),
                        role.broker.clone(),
                        (Arc::clone(&role.status), Arc::clone(&recall)),
                        delivery,
                        role.stop.clone(),
                    );
                    let signals = signals.clone();
                    jobs.spawn(async move {
                        if let Some(signal) = work.await {
                            // A full channel already has a signal.
                            let _ = signals.try_send(signal);
                        }
                        drop(permit);
                    });
                }
            }
            Next::Signal(Signal::Hold(hold)) => {
                consumer.pause().await;
                let well = || {
                    let (worker, broker) = (Arc::clone(&role.worker), role.broker.clone());
                    async move { worker.healthy().await && broker.has_room().await && clock::doubt().is_none() }
                };
                let lifted = |limit| {
                    let worker = Arc::clone(&role.worker);
                    async move { worker.lifted(limit).await }
                };
                let ordered = async {
                    role.broker.lifted(role.status.name()).await;
                    role.worker.resumed();
                };
                let waiting =
                    hold::wait(hold, &role.status, &role.stop, well, lifted, ordered, &mut signalled);
                let waited = waiting.await;
                if let Some(cause) = waited {
                    break Err(RunError::Halted(cause));
                }
            }
            Next::Signal(Signal::Halt(cause)) => break Err(RunError::Halted(cause)),
            Next::Stop => break Ok(()),
            Next::Closed(error) => break Err(error.into()),
        }
    };
    consumer.pause().await;
    finish(&mut jobs, role.grace, role.status.name()).await;
    outcome
}

enum Next {
    Deliveries(Vec<Delivery>),
    Signal(Signal),
    Stop,
    Closed(BrokerError),
}

/// Waits for the next event. A stop comes before a signal, and a signal before deliveries.
async fn next<W>(
    role: &Role<W>,
    permits: &Permits,
    consumer: &mut Consumer,
    signalled: &mut mpsc::Receiver<Signal>,
    jobs: &mut JoinSet<()>,
) -> Next {
    while jobs.try_join_next().is_some() {}
    tokio::select! {
        biased;
        () = role.stop.cancelled() => Next::Stop,
        Some(signal) = signalled.recv() => Next::Signal(signal),
        taken = permits.take(consumer) => match taken {
            Ok(deliveries) => Next::Deliveries(deliveries),
            Err(error) => match refusal(error) {
                Ok(hold) => Next::Signal(Signal::Hold(hold)),
                Err(error) => Next::Closed(error),
            },
        },
    }
}

/// Returns the hold for a broker that refuses, and any other error as it is.
pub(crate) fn refusal(error: BrokerError) -> Result<Hold, BrokerError> {
    match error {
        BrokerError::Refused(_) | BrokerError::Misconfigured(_) => Ok(Hold::refused(error.to_string())),
        other => Err(other),
    }
}

/// Does one job from decoding to settlement. Drops it when its lease is lost, because the jobs that a list plans would
/// be done twice.
async fn one<W: Worker>(
    worker: Arc<W>,
    broker: Broker,
    (status, recall): (Arc<Status>, Arc<Recall>),
    mut delivery: Delivery,
    stop: CancellationToken,
) -> Option<Signal> {
    let headers = &delivery.message.headers;
    let span = info_span!("job", job.id = %headers.message_id, attempt = headers.attempt + 1, role = W::NAME);
    let priority = JobPriority::of(&delivery.message.queue);
    let run = recall::run_of(&delivery.message);
    let _in_progress = run.clone().map(|run| status.works_on(run));
    status.began(1);
    let (began, lapse, id) = (Instant::now(), delivery.lapse(), headers.message_id.clone());
    // Boxed: the future of a job is large, and each future around it would be as large again.
    let work = Box::pin(async {
        let mut outbox = Outbox::new(broker, stop).of_role(W::NAME);
        let outcome = wanted(worker.as_ref(), (run, &recall), &mut delivery, &mut outbox).await;
        settle::settle(delivery, outcome, &status).await
    });
    let lost = async {
        lapse.await;
        if began.elapsed() >= WORTH_FINISHING {
            pending::<()>().await;
        }
    };
    let signal = tokio::select! {
        biased;
        signal = status.timed(priority.scope(work.instrument(span))) => signal,
        () = lost => {
            debug!(message.id = %id, "left {id} as it was: its lease is lost, and somebody else does it");
            None
        }
    };
    telemetry::job(status.name(), began.elapsed());
    status.ended(1);
    signal
}

/// Does a job unless its run is cancelled; settles the job of a cancelled run with a receipt.
async fn wanted<W: Worker>(
    worker: &W,
    (run, recall): (Option<RunId>, &Recall),
    delivery: &mut Delivery,
    outbox: &mut Outbox,
) -> Result<(), Failure> {
    let mut made = Attempt {
        number: delivery.message.headers.attempt + 1,
        last: delivery.is_last_attempt(),
        started_at: clock::now(),
        calls: delivery.message.headers.calls,
    };
    let Some(run) = run else {
        let outcome = attempt(worker, delivery, &mut made, outbox).await;
        return confirm(outcome, outbox).await;
    };
    if let Some(doubt) = clock::doubt() {
        return Err(Failure::hold(None, doubt.to_string()));
    }
    if !recall.is_cancelled(&run).await? {
        let outcome = tokio::select! {
            biased;
            outcome = attempt(worker, delivery, &mut made, outbox) => outcome,
            () = recall.cancelled(&run) => Err(recall::stopped(&run)),
        };
        delivery.message.headers.calls = made.calls;
        let goes_on = matches!(outcome, Ok(()) | Err(Failure::Reject { .. } | Failure::Halt { .. }));
        let is_stopped = outcome.as_ref().is_err_and(|failure| *failure == recall::stopped(&run));
        if goes_on || !(is_stopped || recall.knows(&run)) {
            return confirm(outcome, outbox).await;
        }
    }
    debug!(%run, "the job ends with its run, which is cancelled");
    recall::settle(&delivery.message, outbox).await
}

async fn attempt<W: Worker>(
    worker: &W,
    delivery: &mut Delivery,
    attempt: &mut Attempt,
    outbox: &mut Outbox,
) -> Result<(), Failure> {
    if let Some(cause) = delivery.crashed_too_often() {
        return Err(Failure::Reject { cause });
    }
    let job =
        messages::decode(&delivery.message.body).map_err(|error| Failure::Reject { cause: error.cause() })?;
    let outcome = caught(worker.perform(job, attempt, outbox)).await.unwrap_or_else(Err);
    delivery.message.headers.calls = attempt.calls;
    outcome
}

/// Runs work that may panic; a panic becomes a retry.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| {
        warn!("the worker panicked; the job will be tried again");
        Failure::retry(Cause::new(CauseClass::CrashedWorker, "the worker panicked; its log says where"))
    })
}

/// Confirms everything sent, receipts of a failed job included, before the job is settled.
pub(crate) async fn confirm(outcome: Result<(), Failure>, outbox: &mut Outbox) -> Result<(), Failure> {
    match outcome {
        Err(
            failure @ (Failure::Hold { .. }
            | Failure::Defer { .. }
            | Failure::Refused { .. }
            | Failure::Halt { .. }),
        ) => Err(failure),
        outcome => outbox.flush().await.map_err(Failure::from).and(outcome),
    }
}

/// Waits for the jobs in progress. Drops those that exceed `grace`, which requeues their messages.
pub(crate) async fn finish(jobs: &mut JoinSet<()>, grace: Duration, name: &str) {
    if jobs.is_empty() {
        return;
    }
    debug!("{name} finishes {}", messages::counted(jobs.len() as u64, "job"));
    let all = async { while jobs.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, all).await.is_err() {
        warn!("{name} hands back {} not ended within {grace:?}", messages::counted(jobs.len() as u64, "job"));
        jobs.shutdown().await;
    }
}
