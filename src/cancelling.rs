//! Takes the waiting jobs of a run out of the queues. At any moment a job is still queued, or its receipt says
//! cancelled: the receipt is filed first, then the job goes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::join_all;
use messages::{Family, JobHead, JobId, Receipt, RunId, decode};
use planner::{RunRecord, RunState, Taken};
use runtime::{Broker, BrokerError, Delivery, Message, Sift, clock};
use store::{Kind, Store};
use tracing::{debug, info};

use crate::{filing, runs};

/// How long lists that are in a worker's hands are waited for: their jobs come when they are done.
const PATIENCE: Duration = Duration::from_secs(15);
/// The pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What became of the jobs of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cancelled {
    /// Jobs taken out.
    pub taken: u64,
    /// Jobs that are neither done nor taken out: in workers' hands.
    pub left: u64,
}

/// Cancels a run: its record says so first, then its jobs are taken out until none is found any more.
///
/// May be interrupted at any point and done again.
///
/// # Errors
/// When the broker or the store is away.
pub(crate) async fn cancel(record: RunRecord, broker: &Broker, store: &Store) -> anyhow::Result<Cancelled> {
    let run = record.run.clone();
    filing::record(store, &record.into_state(RunState::Cancelled, clock::now())).await?;
    let (began, mut taken) = (Instant::now(), 0);
    loop {
        store.refresh().await?;
        let mut found = 0;
        for queue in Family::ALL.into_iter().flat_map(Family::queues) {
            found += take_out(broker.sift(queue, of(&run)), store).await?;
        }
        found += take_out(broker.sift_parked(of(&run)), store).await?;
        taken += found;
        let left = runs::waiting(store, &run).await?;
        debug!(%run, found, left, "took {found} jobs out, {left} are left");
        // A list that was in a worker's hands may have published more meanwhile.
        if found == 0 && (left == 0 || began.elapsed() >= PATIENCE) {
            return Ok(Cancelled { taken, left });
        }
        if found == 0 {
            tokio::time::sleep(LOOK_AGAIN).await;
        } else {
            info!(%run, "{taken} jobs taken out");
        }
    }
}

/// Takes out what is picked; returns how many jobs there were.
async fn take_out(mut sift: Sift, store: &Store) -> anyhow::Result<u64> {
    let mut taken = 0;
    while let Some(deliveries) = sift.next().await? {
        taken += deliveries.len() as u64;
        settle(deliveries, store).await?;
    }
    Ok(taken)
}

/// Picks the jobs of a run.
fn of(run: &RunId) -> impl Fn(&Message) -> bool + Send + Sync + 'static {
    let run = run.clone();
    move |message| head(message).is_some_and(|head| head.run == run)
}

/// `None` for a message that is no job: it is left to the workers, who make a dead letter of it.
fn head(message: &Message) -> Option<JobHead> {
    decode(&message.body).ok()
}

/// Files the receipts of jobs, then removes the jobs.
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
            // What its attempts have cost was used all the same.
            Some(Receipt { calls: delivery.message.headers.calls, ..receipt })
        })
        .collect();
    filing::receipts(store, &receipts).await.context("nothing of these jobs was removed")?;
    // All at once: a broker that commits them together is asked once.
    for settled in join_all(deliveries.into_iter().map(Delivery::ack)).await {
        match settled {
            // Somebody else has it, or the broker gives it to somebody: it is done once more, which is harmless.
            Err(BrokerError::LeaseLost(id)) => debug!(message.id = %id, "{id} is in other hands again"),
            settled => settled?,
        }
    }
    Ok(())
}

async fn held(store: &Store, heads: &[JobHead]) -> anyhow::Result<HashMap<JobId, Receipt>> {
    let ids: Vec<&str> = heads.iter().map(|head| head.id.as_str()).collect();
    let hits = store.get_many(Kind::Harvests, &ids).await?;
    // A row that cannot be read is replaced.
    let receipts = hits.iter().filter_map(|hit| serde_json::from_str::<Receipt>(hit.source.get()).ok());
    Ok(receipts.map(|receipt| (receipt.job_id.clone(), receipt)).collect())
}
