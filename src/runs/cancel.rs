//! Removes the waiting jobs of a run from the queues. The receipt is written first, then the job is removed. So at any
//! moment a job is queued or its receipt is in state "cancelled".

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use messages::{Family, JobHead, JobId, Queue, Receipt, ReceiptState, RunId, decode};
use planner::{RunRecord, RunState, Taken};
use runtime::{Broker, BrokerError, Delivery, Message, QueueFilter, WorkerInfo, clock};
use store::{DocumentKind, Query, SortOrder, Store};
use tracing::{debug, info, warn};

use crate::{receipts, units};

/// How long to wait for jobs in progress: workers stop them within about a second.
const PATIENCE: Duration = Duration::from_secs(15);
/// Time that workers have to answer a presence request.
const PRESENCE_TIMEOUT: Duration = Duration::from_secs(1);
/// Age of a run after which the broker's record of its cancellation is removed.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24 * 365);
/// Receipts per request to the store.
const SOME: usize = 1_000;
/// Pause between two checks of the workers.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Number of jobs of a cancelled run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cancelled {
    /// Jobs removed from the queues.
    pub taken: u64,
    /// Jobs still in progress.
    pub left: u64,
}

/// Cancels a run. First its record in the store and at the broker changes; from then on no worker starts a job of the
/// run, and jobs in progress stop. Then its waiting jobs are removed until none is found.
///
/// With `waits`, waits until jobs in progress have stopped, else for up to 15 seconds. Waits up to 15 seconds until
/// their receipts are in the store. Idempotent: may be interrupted at any point and repeated.
///
/// # Errors
/// If the broker or the store is unreachable.
pub(crate) async fn cancel(
    record: RunRecord,
    waits: bool,
    broker: &Broker,
    store: &Store,
) -> anyhow::Result<Cancelled> {
    let run = record.run.clone();
    receipts::write::record(store, &record.into_state(RunState::Cancelled, clock::now())).await?;
    broker.cancel(&run).await?;
    forget_old(broker, store).await?;
    let (began, since, mut taken, mut told) = (Instant::now(), clock::now(), 0, false);
    // True if the previous check found no job in progress: since then all receipts have reached the broker.
    let mut stopped = false;
    loop {
        let mut found = 0;
        for queue in Family::ALL.into_iter().flat_map(Family::queues) {
            found += take_out(broker.filter(queue, of(&run)), store).await?;
        }
        found += take_out(broker.filter_delayed(of(&run)), store).await?;
        taken += found;
        debug!(%run, found, "took {} out", units::some(found, "job"));
        if found > 0 {
            info!(%run, "{} taken out", units::some(taken, "job"));
            continue;
        }
        let hands = Hands::look(broker, &run, since).await?;
        let late = began.elapsed() >= PATIENCE;
        let was_stopped = std::mem::replace(&mut stopped, hands.jobs == 0);
        if hands.jobs == 0 && (was_stopped && hands.is_quiet || late) {
            // No job of the run can start any more: a receipt in state "planned" has no job.
            write_off(store, &run).await?;
            return Ok(Cancelled { taken, left: 0 });
        }
        if late && !waits {
            return Ok(Cancelled { taken, left: hands.jobs });
        }
        if late && !std::mem::replace(&mut told, true) {
            warn!(%run, "waiting for {} in progress", units::some(hands.jobs, "job"));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// What the workers are doing.
struct Hands {
    /// Number of the run's jobs in progress, as reported. A worker without a report since the cancellation counts as
    /// one.
    jobs: u64,
    /// True if no document was queued or being written.
    is_quiet: bool,
}

impl Hands {
    async fn look(broker: &Broker, run: &RunId, since: Timestamp) -> anyhow::Result<Self> {
        // Read before the workers: a worker counts the messages that have left the queue.
        let documents = broker.depth(&Queue::documents()).await?;
        let workers = broker.list_workers(PRESENCE_TIMEOUT).await?;
        // Over RabbitMQ, workers write their reports on request.
        let is_old = |worker: &&WorkerInfo| matches!(broker, Broker::Local(_)) && worker.written_at <= since;
        let silent = workers.iter().filter(is_old).count() as u64;
        let roles = || workers.iter().flat_map(|worker| &worker.roles).map(|role| &role.now);
        let jobs: u64 = roles().filter_map(|role| role.runs.get(run)).sum();
        let writing = match documents.leased {
            Some(leased) => leased > 0,
            None => roles().any(|role| role.name == "index" && role.in_flight > 0),
        };
        Ok(Self { jobs: jobs.max(silent), is_quiet: documents.ready == 0 && !writing })
    }
}

/// Removes the broker's records of runs that were cancelled long ago.
async fn forget_old(broker: &Broker, store: &Store) -> anyhow::Result<()> {
    let before = clock::now().checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    let old = Query::all(DocumentKind::Runs).with("state", RunState::Cancelled.name());
    let old =
        old.between("planned_at", Timestamp::UNIX_EPOCH, before).sorted("planned_at", SortOrder::Descending);
    let hits = store.search(&old.limit(SOME)).await?;
    let runs: Vec<RunId> = hits.iter().map(|hit| RunId::from(hit.id.as_str())).collect();
    Ok(broker.forget_cancelled(&runs).await?)
}

/// Writes the receipts of jobs that a list planned and did not publish.
async fn write_off(store: &Store, run: &RunId) -> anyhow::Result<()> {
    store.refresh().await?;
    let planned =
        Query::all(DocumentKind::Harvests).with("state", ReceiptState::Planned.name()).with("run", run);
    let mut after = None;
    loop {
        let (hits, next) = store.scan(&planned, SOME, after).await?;
        let receipts: Vec<Receipt> =
            hits.iter().filter_map(|hit| serde_json::from_str(hit.source.get()).ok()).collect();
        let receipts: Vec<Receipt> = receipts.into_iter().map(planner::written_off).collect();
        receipts::write::receipts(store, &receipts).await?;
        match next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// Removes the filtered jobs; returns their number.
async fn take_out(mut filter: QueueFilter, store: &Store) -> anyhow::Result<u64> {
    let mut taken = 0;
    while let Some(deliveries) = filter.next().await? {
        taken += deliveries.len() as u64;
        settle(deliveries, store).await?;
    }
    Ok(taken)
}

/// Returns a predicate for the jobs of a run.
fn of(run: &RunId) -> impl Fn(&Message) -> bool + Send + Sync + 'static {
    let run = run.clone();
    move |message| head(message).is_some_and(|head| head.run == run)
}

/// Decodes the head of a job; `None` for another message, which the workers dead-letter.
fn head(message: &Message) -> Option<JobHead> {
    decode(&message.body).ok()
}

/// Writes the receipts of the jobs, then removes the jobs.
async fn settle(deliveries: Vec<Delivery>, store: &Store) -> anyhow::Result<()> {
    let heads: Vec<JobHead> = deliveries.iter().filter_map(|delivery| head(&delivery.message)).collect();
    let mut held = held(store, &heads).await?;
    let now = clock::now();
    let receipts: Vec<Receipt> = deliveries
        .iter()
        .zip(&heads)
        .filter_map(|(delivery, head)| {
            let taken = Taken { queue: &delivery.message.queue, head, body: &delivery.message.body };
            let receipt = planner::taken_out(&taken, held.remove(&head.id), now)?;
            // The calls of earlier attempts count all the same.
            Some(Receipt { calls: delivery.message.headers.calls, ..receipt })
        })
        .collect();
    receipts::write::receipts(store, &receipts).await.context("nothing of these jobs was removed")?;
    // Concurrently, so that the broker can commit them together.
    for settled in join_all(deliveries.into_iter().map(Delivery::ack)).await {
        match settled {
            // Another worker has it or will receive it. It runs once more, which is harmless.
            Err(BrokerError::LeaseLost(id)) => debug!(message.id = %id, "{id} is in other hands again"),
            settled => settled?,
        }
    }
    Ok(())
}

async fn held(store: &Store, heads: &[JobHead]) -> anyhow::Result<HashMap<JobId, Receipt>> {
    let ids: Vec<&str> = heads.iter().map(|head| head.id.as_str()).collect();
    let hits = store.get_many(DocumentKind::Harvests, &ids).await?;
    // An unreadable row is overwritten.
    let receipts = hits.iter().filter_map(|hit| serde_json::from_str::<Receipt>(hit.source.get()).ok());
    Ok(receipts.map(|receipt| (receipt.job_id.clone(), receipt)).collect())
}
