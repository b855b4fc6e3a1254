//! Gauges of queues, workers, quota and advice. A read of `/metrics` refreshes them, at most every 5 s.

use std::time::{Duration, Instant};

use messages::{Queue, Source};
use metrics::{Unit, describe_gauge, gauge};
use runtime::quota::QuotaStatus;
use runtime::{Broker, BrokerError, Depth, presence, telemetry};

use super::{HealthState, Working};
use crate::advice::{self, Advice, Bound, Observed};
use crate::sources;

const MESSAGES: &str = "ua_queue_messages";
const CONSUMERS: &str = "ua_queue_consumers";
const PARKED: &str = "ua_parked_messages";
const REACHABLE: &str = "ua_broker_reachable";
const WORKERS: &str = "ua_workers";
const USEFUL: &str = "ua_useful_workers";
const QUOTA_USED: &str = "ua_quota_day_used_calls";
const QUOTA_LEFT: &str = "ua_quota_day_left_calls";
const QUOTA_RATE: &str = "ua_quota_calls_per_second";
const QUOTA_PAUSED: &str = "ua_quota_paused";
const BOUND: &str = "ua_flow_bound";
const BUILD: &str = "ua_build_info";
const STARTED: &str = "process_start_time_seconds";

/// Maximum age of the gauges.
const FRESH: Duration = Duration::from_secs(5);
/// Timeout for the other workers' answers.
const PRESENCE_TIMEOUT: Duration = Duration::from_millis(700);
/// Timeout of a refresh. Prometheus's default scrape timeout is 10 s.
const PATIENCE: Duration = Duration::from_secs(4);

/// Time of the last refresh.
#[derive(Debug, Default)]
pub(super) struct Facts(Option<Instant>);

/// Describes the metrics, and sets the constant ones.
pub(super) fn describe() {
    for source in Source::ALL {
        sources::of(source).describe_metrics();
    }
    indexer::metrics::describe();
    describe_gauge!(MESSAGES, Unit::Count, "Messages in a queue, by state; the same from every process.");
    describe_gauge!(CONSUMERS, Unit::Count, "Workers that take from a queue; the same from every process.");
    describe_gauge!(PARKED, Unit::Count, "Messages parked for another attempt; the same from every process.");
    describe_gauge!(
        REACHABLE,
        Unit::Count,
        "1 while the broker answers; else what was looked up there is old."
    );
    describe_gauge!(WORKERS, Unit::Count, "Workers of the fleet, by role; the same from every process.");
    describe_gauge!(USEFUL, Unit::Count, "Workers that are of use now, by role: scale to this; 0 when idle.");
    describe_gauge!(
        QUOTA_USED,
        Unit::Count,
        "Calls of the UTC day, of all classes with a daily limit, by account."
    );
    describe_gauge!(QUOTA_LEFT, Unit::Count, "Calls of the UTC day that may still be made, by account.");
    describe_gauge!(
        QUOTA_RATE,
        Unit::Count,
        "Calls per second that the account's quota and share allow, by class."
    );
    describe_gauge!(
        QUOTA_PAUSED,
        Unit::Count,
        "1 while a class of calls is paused, by hand or by the day's limit."
    );
    describe_gauge!(BOUND, Unit::Count, "1 for what bounds the flow now.");
    describe_gauge!(BUILD, Unit::Count, "1, with the version of this program.");
    describe_gauge!(STARTED, Unit::Seconds, "When the process was started, in seconds since 1970.");
    gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    gauge!(STARTED).set(runtime::clock::now().as_millisecond() as f64 / 1_000.0);
}

/// Refreshes all gauges.
pub(super) async fn bring_up_to_date(health: &HealthState) {
    let Some(working) = health.working() else {
        // A process that waits for the broker or the store has no other gauge yet, and may wait for a long time.
        if let Some(there) = health.has_broker() {
            gauge!(REACHABLE).set(if there { 1.0 } else { 0.0 });
        }
        return;
    };
    for status in &working.statuses {
        telemetry::show(&status.snapshot(), &status.rates());
    }
    let mut facts = health.facts.lock().await;
    if facts.0.is_some_and(|looked| looked.elapsed() < FRESH) {
        return;
    }
    let looked = tokio::time::timeout(PATIENCE, look(&working)).await;
    gauge!(REACHABLE).set(if matches!(looked, Ok(Ok(()))) { 1.0 } else { 0.0 });
    facts.0 = Some(Instant::now());
}

async fn look(working: &Working) -> Result<(), BrokerError> {
    let depths = depths(&working.broker).await?;
    let parked = working.broker.parked().await?;
    gauge!(PARKED).set(parked as f64);
    let workers = working.broker.list_workers(PRESENCE_TIMEOUT).await?;
    let quota = presence::quota(&workers);
    quota.iter().for_each(show_quota);
    let observed = Observed::of(depths, parked, &workers, working.documents_limit);
    show(&advice::advise(&observed.with_quota(&quota)));
    Ok(())
}

fn show_quota(status: &QuotaStatus) {
    let account = [("source", status.source.clone()), ("account", status.account.clone())];
    if let Some((used, allowed)) = status.limits.iter().find_map(|limit| limit.used.zip(limit.allowed)) {
        gauge!(QUOTA_USED, &account).set(used as f64);
        gauge!(QUOTA_LEFT, &account).set(allowed.saturating_sub(used) as f64);
    }
    for limit in &status.limits {
        let [source, account] = account.clone();
        let labels = [source, account, ("class", limit.name.clone())];
        gauge!(QUOTA_RATE, &labels).set(limit.per_minute / 60.0);
        gauge!(QUOTA_PAUSED, &labels).set(if limit.pause.is_some() { 1.0 } else { 0.0 });
    }
}

async fn depths(broker: &Broker) -> Result<Vec<(Queue, Depth)>, BrokerError> {
    let mut depths = Vec::new();
    for queue in Queue::all() {
        let depth = broker.depth(&queue).await?;
        let name = queue.to_string();
        let state = |state: &'static str, messages: u64| {
            gauge!(MESSAGES, "queue" => name.clone(), "state" => state).set(messages as f64);
        };
        state("ready", depth.ready);
        depth.leased.into_iter().for_each(|leased| state("leased", leased));
        depth.delayed.into_iter().for_each(|delayed| state("delayed", delayed));
        gauge!(CONSUMERS, "queue" => name.clone()).set(depth.consumers as f64);
        depths.push((queue, depth));
    }
    Ok(depths)
}

fn show(advice: &Advice) {
    for role in &advice.roles {
        gauge!(WORKERS, "role" => role.role).set(role.workers as f64);
        gauge!(USEFUL, "role" => role.role).set(role.useful as f64);
    }
    for bound in Bound::ALL {
        gauge!(BOUND, "by" => bound.name()).set(if advice.bound == bound { 1.0 } else { 0.0 });
    }
}
