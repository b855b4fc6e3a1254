//! `ua work`: roles that run until they are stopped.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use messages::Source;
use planner::Schedule;
use runtime::{Broker, Policy};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::assemble::{self, Parts, Running};
use crate::cli::{RoleName, Work};
use crate::config::Config;
use crate::exit::{Outcome, usage};
use crate::serving::{self, BROKER, HealthState};
use crate::signal::Signals;
use crate::sources::{self, Fetcher, vocabulary};
use crate::start;

/// Share of the grace time after which unfinished jobs are requeued.
const IN_HAND: f64 = 0.8;
/// Share of the grace time by which everything is requeued.
const HANDED_BACK: f64 = 0.9;
/// Share of the grace time by which this process leaves the quotas. The rest is for the broker's last acks.
const GIVEN_BACK: f64 = 0.95;

pub(super) async fn execute(words: Work, config: &Config) -> anyhow::Result<Outcome> {
    let mut signals = Signals::listen();
    let health = Arc::new(HealthState::default());
    let served = CancellationToken::new();
    serving::start(&health, config, &served).await?;
    if words.if_configured && is_idle(&words.roles, config) {
        health.idles();
        let variables: Vec<&str> = vocabulary::all().map(|(_, words)| words.variables).collect();
        info!("idle: nothing of what this role fetches is configured ({})", variables.join(", "));
        info!("{}: stopped", signals.next().await);
        return Ok(Outcome::Complete);
    }
    let parts = tokio::select! {
        parts = parts(&words, config, &health) => parts?,
        signal = signals.next() => {
            info!("{signal}: stopped before there was anything to do");
            return Ok(Outcome::Complete);
        }
    };
    let (broker, fetchers) = (parts.broker.clone(), parts.fetchers.clone());
    let store = (parts.index.is_some() || parts.schedule.is_some()).then(|| parts.store.clone());
    let stop = CancellationToken::new();
    let in_hand = words.grace.mul_f64(IN_HAND);
    let mut running = parts.start(config, &stop, in_hand);
    info!("working: {}", running.snapshots().iter().map(|role| &*role.name).collect::<Vec<_>>().join(", "));
    health.begins(broker.clone(), store, running.statuses(), config.documents_limit);
    let ended = tokio::select! {
        // A role failed: the others finish their work before the process ends.
        ended = running.ended() => ended,
        signal = signals.next() => {
            info!("{signal}: stopping; work in hand has {in_hand:?}, a second signal stops at once");
            Ok(())
        }
    };
    health.stops();
    stop.cancel();
    let outcome = tokio::select! {
        outcome = wind_up(running, &broker, &fetchers, words.grace) => ended.and(outcome),
        again = signals.next() => {
            warn!("{again}: stopped at once; what was in hand is delivered again");
            std::process::exit(1);
        }
    };
    served.cancel();
    outcome?;
    Ok(Outcome::Complete)
}

/// True if the roles fetch only from sources without any configuration.
fn is_idle(roles: &[RoleName], config: &Config) -> bool {
    roles.iter().all(|role| matches!(role, RoleName::Fetch(source) if config.has_nothing_of(*source)))
}

/// Waits until all roles have finished or requeued their work, and closes the broker, within `grace`. An unresponsive
/// broker or store must not delay the end of the process: the broker redelivers what was not requeued.
async fn wind_up(
    running: Running,
    broker: &Broker,
    fetchers: &[Arc<dyn Fetcher>],
    grace: Duration,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let by = |part| begun + grace.mul_f64(part);
    let outcome = tokio::time::timeout_at(by(HANDED_BACK), running.stop()).await.unwrap_or_else(|_| {
        warn!("not everything in hand could be handed back within {grace:?}; it is delivered again");
        Ok(())
    });
    let close = join_all(fetchers.iter().map(|fetcher| fetcher.close()));
    if tokio::time::timeout_at(by(GIVEN_BACK), close).await.is_err() {
        warn!("the part in the quota was not given back in time; another process takes over");
    }
    if tokio::time::timeout_at(by(1.0), broker.close()).await.is_err() {
        warn!("the broker did not close in time; what was in hand is delivered again");
    }
    outcome
}

/// Returns the parts of the roles once everything that they need is reachable.
async fn parts(words: &Work, config: &Config, health: &HealthState) -> anyhow::Result<Parts> {
    let has = |role| words.roles.contains(&RoleName::All) || words.roles.contains(&role);
    // `all` starts the configured roles; a role given by name must be configured.
    let configured = config.sources();
    if words.roles.contains(&RoleName::All) {
        config.require(&configured, None)?;
    }
    let is_wanted = |source: &Source| {
        let role = RoleName::Fetch(*source);
        let skipped = words.if_configured && config.has_nothing_of(*source);
        words.roles.contains(&role) && !skipped || has(role) && configured.contains(source)
    };
    let wanted: Vec<Source> = Source::ALL.into_iter().filter(is_wanted).collect();
    let schedule = schedule(words, config)?;
    let index = if has(RoleName::Index) { Some(assemble::enricher(config)?) } else { None };
    let store = assemble::store(config)?;
    let broker = insist(BROKER, health, || assemble::broker(config, "work"));
    let templates = async {
        match index.is_some() || schedule.is_some() {
            true => insist("the store", health, || crate::templates::current(&store)).await.map(|_| ()),
            false => Ok(()),
        }
    };
    let credentials = try_join_all(wanted.iter().map(|source| async move {
        insist(&source.to_string(), health, || sources::of(*source).check(config)).await
    }));
    let (broker, (), _) = tokio::try_join!(broker, templates, credentials)?;
    insist("a clock that is right", health, || crate::clocks::agree(&store)).await?;
    // The process joins the quotas only now, with valid credentials.
    let mut fetchers = Vec::new();
    for source in wanted {
        fetchers.push(join(source, config, &broker, health).await?);
    }
    if config.amqp.is_some() && !fetchers.is_empty() {
        crate::clocks::hear_leader().await;
        insist("a clock that is right", health, || crate::clocks::agree(&store)).await?;
    }
    Ok(Parts { broker, store, fetchers, index, schedule, policy: Policy::ROLE })
}

/// Joins the quotas of a source and waits for its first answer.
async fn join(
    source: Source,
    config: &Config,
    broker: &Broker,
    health: &HealthState,
) -> anyhow::Result<Arc<dyn Fetcher>> {
    let joined = insist("the quota", health, || sources::of(source).join(config, broker)).await?;
    let greeted = insist(&source.to_string(), health, || joined.greet()).await;
    if greeted.is_err() {
        joined.close().await;
    }
    greeted.map(|()| joined)
}

/// Returns the schedule if this process plans. `all` plans only if a schedule is configured.
fn schedule(words: &Work, config: &Config) -> anyhow::Result<Option<Schedule>> {
    let named = words.roles.contains(&RoleName::Schedule);
    let schedule = config.schedule.clone().filter(|_| named || words.roles.contains(&RoleName::All));
    match &schedule {
        None if named => {
            Err(usage("UA_SCHEDULE is not set: say when to plan, like \"30 4 * * *\"; see example.env"))
        }
        // Without a source there is nothing to plan.
        Some(_) => Ok(config.require(&config.sources(), None).map(|()| schedule)?),
        None => Ok(None),
    }
}

/// Repeats `work` until it succeeds. Waits for an unreachable peer, and for one that refuses as long as the failure
/// policy says; an error in the configuration is final.
async fn insist<T, F: Future<Output = anyhow::Result<T>>>(
    what: &str,
    health: &HealthState,
    work: impl Fn() -> F,
) -> anyhow::Result<T> {
    health.awaits(what);
    let outcome = start::insist(what, Policy::ROLE, work).await;
    health.has(what);
    outcome
}
