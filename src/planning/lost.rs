//! Jobs that receipts call planned and no queue holds: a policy of the broker, or a hand, has removed them. They are
//! found without taking a message: when the queues of a source, the rungs and the workers' hands are empty, every
//! planned job of that source is lost.

use std::time::Duration;

use messages::{Family, Queue, ReceiptState, Source};
use planner::Queues;
use runtime::{Broker, BrokerError, WorkerInfo};
use store::{DocumentKind, Query, Store};

/// How long workers may take to say what they do.
const PRESENCE_TIMEOUT: Duration = Duration::from_millis(700);
/// Between two looks: a message may be on its way between a queue and a worker.
const AGAIN: Duration = Duration::from_millis(300);

/// Where the jobs of a source are.
///
/// # Errors
/// When the broker or the store is away.
pub(crate) async fn queues(broker: &Broker, store: &Store, source: Source) -> anyhow::Result<Queues> {
    // Nearly always no job is planned while the queues are empty: then the workers need not be asked.
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
    // A receipt that is on its way into the store says more than the one that is there.
    if broker.holds_any(&[Queue::documents()]).await? {
        return Ok(Queues::Untold);
    }
    // Who may not ask, or finds no queue, knows nothing.
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

/// How many jobs of each source are lost; only sources that have lost any.
///
/// # Errors
/// When the broker or the store is away.
pub(crate) async fn count(broker: &Broker, store: &Store) -> anyhow::Result<Vec<(Source, u64)>> {
    let mut lost = Vec::new();
    for source in Source::ALL {
        let planned = planned(store, source).await?;
        // Planned jobs are counted before and after: one that is done meanwhile is not lost.
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
