//! Finds lost jobs: jobs with a receipt in state "planned" that no queue holds, because a broker policy or an operator
//! removed them. Takes no message: if the source's queues and the rungs are empty and no worker has a job in progress,
//! every planned job of the source is lost.

use std::time::Duration;

use messages::{Family, Queue, ReceiptState, Source};
use planner::Queues;
use runtime::{Broker, BrokerError, WorkerInfo};
use store::{DocumentKind, Query, Store};

/// Time that workers have to answer a presence request.
const PRESENCE_TIMEOUT: Duration = Duration::from_millis(700);
/// Pause between the two checks: a message may be between a queue and a worker.
const AGAIN: Duration = Duration::from_millis(300);

/// Returns where the planned jobs of a source can be.
///
/// # Errors
/// If the broker or the store is unreachable.
pub(crate) async fn queues(broker: &Broker, store: &Store, source: Source) -> anyhow::Result<Queues> {
    // Usually no job is planned while the queues are empty. Then no presence request is needed.
    if planned(store, source).await? == 0 {
        return Ok(Queues::Untold);
    }
    for look in 0..2 {
        if look > 0 {
            tokio::time::sleep(AGAIN).await;
        }
        match look_once(broker, source).await? {
            Queues::Empty => {}
            found => return Ok(found),
        }
    }
    Ok(Queues::Empty)
}

async fn look_once(broker: &Broker, source: Source) -> anyhow::Result<Queues> {
    let jobs: Vec<Queue> = source.families().iter().copied().flat_map(Family::queues).collect();
    if broker.holds_any(&jobs).await? {
        return Ok(Queues::Hold);
    }
    // A receipt in the document queue is newer than the one in the store.
    if broker.holds_any(&[Queue::documents()]).await? {
        return Ok(Queues::Untold);
    }
    // Without the right to ask, or without the queue, nothing is known.
    let workers = match broker.list_workers(PRESENCE_TIMEOUT).await {
        Err(BrokerError::Refused(_)) => return Ok(Queues::Untold),
        workers => workers?,
    };
    for family in source.families() {
        for queue in family.queues() {
            let depth = match broker.depth(&queue).await {
                Err(BrokerError::Refused(_)) => return Ok(Queues::Untold),
                depth => depth?,
            };
            if depth.consumers > roles(&workers, family.name()) {
                return Ok(Queues::Untold);
            }
        }
    }
    let busy = |name: &str| {
        let mut roles = workers.iter().flat_map(|worker| &worker.roles);
        roles.any(|role| role.now.name == name && role.now.in_flight > 0)
    };
    let is_busy = source.families().iter().any(|family| busy(family.name())) || busy("index");
    Ok(if is_busy { Queues::Untold } else { Queues::Empty })
}

fn roles(workers: &[WorkerInfo], name: &str) -> u64 {
    workers.iter().flat_map(|worker| &worker.roles).filter(|role| role.now.name == name).count() as u64
}

/// Number of lost jobs by source; omits sources without any.
///
/// # Errors
/// If the broker or the store is unreachable.
pub(crate) async fn count(broker: &Broker, store: &Store) -> anyhow::Result<Vec<(Source, u64)>> {
    let mut lost = Vec::new();
    for source in Source::ALL {
        let planned = planned(store, source).await?;
        // Counted again afterwards: a job that finished in between is not lost.
        if planned > 0 && queues(broker, store, source).await? == Queues::Empty {
            let still = planned.min(self::planned(store, source).await?);
            lost.extend((still > 0).then_some((source, still)));
        }
    }
    Ok(lost)
}

async fn planned(store: &Store, source: Source) -> anyhow::Result<u64> {
    let planned = Query::all(DocumentKind::Harvests).with("state", ReceiptState::Planned.name());
    Ok(store.count(&planned.with("source", source)).await?)
}
