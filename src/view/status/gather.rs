//! Gathers the status: queries broker, workers and store concurrently.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use messages::{Queue, Source};
use runtime::quota::{self, Account, QuotaStatus};
use runtime::{Broker, Depth, WorkerInfo, presence};
use serde::Serialize;
use store::{DocumentKind, Query, Store};

use super::days::{self, Day};
use super::workers::silent;
use super::{Away, DeadCounts, StatusReport};
use crate::advice::{self, Observed};
use crate::assemble;
use crate::config::Config;
use crate::exit::sentence;

/// Timeout for the workers' answers.
const PRESENCE_TIMEOUT: Duration = Duration::from_millis(700);

/// A queue and its depth.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct QueueLine {
    pub(crate) queue: Queue,
    #[serde(flatten)]
    pub(crate) depth: Depth,
}

/// Data from the broker.
struct Waiting {
    /// The reason why the broker blocks publishers, if it reports one.
    blocked: Option<String>,
    queues: Vec<QueueLine>,
    parked: u64,
    /// `None` while the broker blocks publishers: requests to workers cannot be published then.
    workers: anyhow::Result<Option<Vec<WorkerInfo>>>,
    /// Quotas as workers report them; for other accounts, the state that the last leader persisted.
    quota: anyhow::Result<Vec<QuotaStatus>>,
}

/// Data from the store.
struct Held {
    on_the_desk: u64,
    days: Vec<Day>,
}

/// Gathers the report. Broker and store have a timeout of `patience` each.
pub(crate) async fn report(config: &Config, patience: Duration) -> StatusReport {
    let (waiting, held, trouble, lost) = tokio::join!(
        within(patience, broker_name(config), Box::pin(waiting(config))),
        within(patience, store_name(config), Box::pin(held(config))),
        tokio::time::timeout(patience, Box::pin(trouble(config))),
        within(patience, "lost jobs", Box::pin(lost(config))),
    );
    let mut away = Vec::new();
    let mut known = |what, error: anyhow::Error| {
        away.push(Away { what, why: sentence(&error), error });
    };
    let waiting = waiting.map_err(|error| known("broker", error)).ok();
    let held = held.map_err(|error| known("store", error)).ok();
    let mut broken: Vec<String> = Vec::new();
    let mut is_blocked = false;
    let (queues, parked, workers, quota) = match waiting {
        Some(waiting) => {
            is_blocked = waiting.blocked.is_some();
            broken.extend(waiting.blocked.map(|why| format!("the broker takes no messages: {why}")));
            let workers = waiting.workers.map_err(|error| known("workers", error)).ok().flatten();
            let quota = waiting.quota.map_err(|error| known("quota", error)).ok();
            (Some(waiting.queues), Some(waiting.parked), workers, quota)
        }
        None => (None, None, None, None),
    };
    broken.extend(trouble.ok().flatten());
    broken.extend(away.iter().map(Away::sentence));
    let ready = |queue: &Queue| {
        let line = queues.as_ref()?.iter().find(|line| line.queue == *queue)?;
        Some(line.depth.ready)
    };
    let dead = DeadCounts {
        on_the_desk: held.as_ref().map(|held| held.on_the_desk),
        on_the_way: ready(&Queue::dead()),
    };
    let observe = |depths, workers: &[WorkerInfo]| {
        Observed::of(depths, parked.unwrap_or(0), workers, config.documents_limit)
    };
    let observed = match (&queues, &workers) {
        (Some(queues), Some(workers)) => {
            let depths = queues.iter().map(|line| (line.queue.clone(), line.depth)).collect();
            let days = held.as_ref().map(|held| &*held.days).unwrap_or_default();
            let planned = days.iter().map(|day| day.planned).sum();
            Some(Observed { planned, silent: silent(workers, queues), ..observe(depths, workers) })
        }
        // Workers cannot be asked: report only broken parts, dead letters and parked messages.
        (Some(_), None) if is_blocked => Some(observe(Vec::new(), &[])),
        _ => None,
    };
    StatusReport {
        advice: observed.map(|observed| {
            let dead = dead.on_the_desk.unwrap_or(0) + dead.on_the_way.unwrap_or(0);
            let observed = Observed { broken, dead, ..observed };
            advice::advise(&observed.with_quota(quota.as_deref().unwrap_or_default()))
        }),
        dead,
        quota,
        queues,
        parked,
        workers,
        days: held.map(|held| held.days),
        // The broker or store that failed is reported in `away`.
        lost: lost.unwrap_or_default(),
        away,
    }
}

/// Applies the timeout; the error names what did not answer.
async fn within<T>(
    patience: Duration,
    who: &str,
    told: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let late = |_| anyhow!("{who}: no answer within {} s", patience.as_secs());
    tokio::time::timeout(patience, told).await.map_err(late)?
}

fn broker_name(config: &Config) -> &'static str {
    if config.amqp.is_some() { "RabbitMQ (AMQP_URL)" } else { "local file (UA_DATA_DIR)" }
}

fn store_name(config: &Config) -> &'static str {
    if config.search.is_some() { "Elasticsearch (ES_HOST)" } else { "local file (UA_DATA_DIR)" }
}

async fn waiting(config: &Config) -> anyhow::Result<Waiting> {
    let broker = assemble::reader(config, "status").await?;
    // An error in an account's configuration does not prevent a look at the status.
    let accounts = |source| assemble::accounts(config, &[source], None).unwrap_or_default();
    let accounts: Vec<Account> =
        Source::ALL.into_iter().flat_map(accounts).map(|(_, account)| account).collect();
    let found = ask(&broker, &accounts).await;
    broker.close().await;
    found.context(broker_name(config))
}

async fn ask(broker: &Broker, accounts: &[Account]) -> anyhow::Result<Waiting> {
    let mut queues = Vec::new();
    for queue in Queue::all() {
        let depth = broker.depth(&queue).await?;
        queues.push(QueueLine { queue, depth });
    }
    let parked = broker.parked().await?;
    let blocked = broker.takes_none().await;
    let workers = match blocked {
        Some(_) => Ok(None),
        None => broker.list_workers(PRESENCE_TIMEOUT).await.map(Some).context("cannot ask the workers"),
    };
    let told = workers.as_ref().ok().and_then(Option::as_deref).map(presence::quota).unwrap_or_default();
    let quota = quotas(broker, accounts, told).await.context("cannot look at the quota");
    Ok(Waiting { blocked, queues, parked, workers, quota })
}

async fn quotas(
    broker: &Broker,
    accounts: &[Account],
    mut told: Vec<QuotaStatus>,
) -> anyhow::Result<Vec<QuotaStatus>> {
    for account in accounts {
        let is_it = |status: &QuotaStatus| status.source == account.source && status.account == account.label;
        if !told.iter().any(is_it) {
            told.extend(quota::peek(broker, account).await?);
        }
    }
    Ok(told)
}

async fn held(config: &Config) -> anyhow::Result<Held> {
    let store = assemble::store(config)?;
    let on_the_desk = dead(&store).await?;
    Ok(Held { on_the_desk, days: days::last(&store).await? })
}

/// Returns what hinders a store that answers, for example missing shards, which make counts fail.
async fn trouble(config: &Config) -> Option<String> {
    assemble::store(config).ok()?.trouble().await
}

/// Counts the jobs by source that receipts call planned and no queue holds.
async fn lost(config: &Config) -> anyhow::Result<Vec<(Source, u64)>> {
    let store = assemble::store(config)?;
    let broker = assemble::reader(config, "status").await?;
    let lost = crate::planning::lost::count(&broker, &store).await;
    broker.close().await;
    lost
}

async fn dead(store: &Store) -> anyhow::Result<u64> {
    Ok(store.count(&Query::all(DocumentKind::Deadletters).with("state", "dead")).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_does_not_answer_in_time_is_named() {
        let never = std::future::pending::<anyhow::Result<()>>();
        let error = within(Duration::from_millis(1), "RabbitMQ (AMQP_URL)", never).await.unwrap_err();
        assert_eq!(error.to_string(), "RabbitMQ (AMQP_URL): no answer within 0 s");
        assert_eq!(within(Duration::from_secs(9), "x", async { Ok(7) }).await.unwrap(), 7);
    }
}
