//! Jobs of cancelled runs: a worker checks the broker's record before a job and once a second during it. It settles
//! such a job with a receipt in state `cancelled`. Independent of what jobs ask for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use messages::{Calls, Document, JobHead, Queue, Receipt, ReceiptState, RunId, Source, decode, encode};

use crate::job_context::unwritable;
use crate::outbox::OutboxError;
use crate::{Broker, BrokerError, Failure, Message, Outbox, PublishError, clock};

/// Interval at which the run of a job in progress is checked.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Number of cached runs above which stale ones are dropped; more than are in progress at once.
const REMEMBERED: usize = 1_000;

/// Cache of cancelled runs, shared by the jobs of a role.
#[derive(Debug)]
pub(crate) struct Recall {
    broker: Broker,
    known: Mutex<HashMap<RunId, Known>>,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    cancelled: bool,
    asked: Instant,
}

/// Returns the run of a job; `None` for a message that is no job.
pub(crate) fn run_of(message: &Message) -> Option<RunId> {
    decode::<JobHead>(&message.body).ok().map(|head| head.run)
}

/// Returns the outcome of a job whose run is cancelled; the worker loop replaces it with a receipt.
pub(crate) fn stopped(run: &RunId) -> Failure {
    Failure::Defer { until: None, why: format!("the run {run} is cancelled") }
}

impl Recall {
    pub(crate) fn new(broker: Broker) -> Arc<Self> {
        Arc::new(Self { broker, known: Mutex::default(), asking: tokio::sync::Mutex::default() })
    }

    /// Returns true when the run is cancelled. Asks the broker, unless the cache says so already.
    pub(crate) async fn is_cancelled(&self, run: &RunId) -> Result<bool, Failure> {
        if self.knows(run) {
            return Ok(true);
        }
        let asked = Instant::now();
        let cancelled = self.broker.is_cancelled(run).await.map_err(unanswered)?;
        let mut known = self.known();
        if known.len() >= REMEMBERED {
            known.retain(|_, known| known.asked.elapsed() < ASK_AGAIN);
        }
        known.insert(run.clone(), Known { cancelled, asked });
        Ok(cancelled)
    }

    /// Returns true when the cache has the run as cancelled.
    pub(crate) fn knows(&self, run: &RunId) -> bool {
        self.known().get(run).is_some_and(|known| known.cancelled)
    }

    /// Waits until the run is cancelled. All jobs of a run share one check per second. While the broker is unavailable
    /// the job goes on: its publishes fail as well.
    pub(crate) async fn cancelled(&self, run: &RunId) {
        loop {
            tokio::time::sleep(ASK_AGAIN).await;
            let _turn = self.asking.lock().await;
            let fresh = |known: &Known| known.cancelled || known.asked.elapsed() < ASK_AGAIN / 2;
            let known = self.known().get(run).copied().filter(fresh);
            let cancelled = match known {
                Some(known) => known.cancelled,
                None => self.is_cancelled(run).await.unwrap_or(false),
            };
            if cancelled {
                return;
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<RunId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends and confirms the job's receipt in place of its work.
pub(crate) async fn settle(message: &Message, outbox: &mut Outbox) -> Result<(), Failure> {
    outbox.discard();
    let Some(receipt) = receipt(message, message.headers.calls) else { return Ok(()) };
    let id = format!("{}#cancelled", receipt.job_id);
    let body = encode(&Document::Receipts(vec![receipt])).map_err(|_| unwritable(&id))?;
    outbox.send(Message::new(Queue::documents(), id, body, clock::now())).await?;
    Ok(outbox.flush().await?)
}

/// Returns the receipt of a job that is not begun, or not finished, because its run is cancelled.
///
/// Its time is 1 ms after the job was planned, so that it replaces the planned receipt and no later one: a job that was
/// done, and whose message came twice, stays done, and a later run's plan stays planned. A replayed dead letter has a
/// receipt in state `failed`; there the time is now.
fn receipt(message: &Message, calls: Calls) -> Option<Receipt> {
    let planned = Source::ALL.into_iter().find_map(|source| source.planned(&message.body))?;
    let after = planned.planned_at.checked_add(SignedDuration::from_millis(1)).unwrap_or(planned.planned_at);
    let finished_at = if message.headers.replays > 0 { clock::now().max(after) } else { after };
    Some(Receipt {
        state: ReceiptState::Cancelled,
        attempts: message.headers.attempt,
        calls,
        finished_at: Some(finished_at),
        queue: Some(message.queue.clone()),
        ..planned
    })
}

fn unanswered(error: BrokerError) -> Failure {
    OutboxError::from(PublishError::from(error)).into()
}
