//! `ua work`: roles that run until they are told to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::assemble::{self, Parts, Running};
use crate::cli::{RoleName, Work};
use crate::config::Config;
use crate::exit::{self, Outcome};
use crate::serving::{self, Site};
use crate::signal::Signals;

/// How long the broker may take to close: it waits for its last acks to arrive.
const CLOSE: Duration = Duration::from_secs(20);
/// Pauses between two looks whether what is needed to begin is there.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(5);

pub(super) async fn execute(words: Work, config: &Config) -> anyhow::Result<Outcome> {
    let mut signals = Signals::listen();
    let site = Arc::new(Site::default());
    let served = CancellationToken::new();
    serving::start(&site, config, &served).await?;
    let parts = tokio::select! {
        parts = parts(&words, config, &site) => parts?,
        signal = signals.next() => {
            info!("{signal}: stopped before there was anything to do");
            return Ok(Outcome::Complete);
        }
    };
    let broker = parts.broker.clone();
    let store = parts.index.then(|| parts.store.clone());
    let stop = CancellationToken::new();
    let mut running = parts.start(config, &stop, words.grace);
    info!("working: {}", running.snapshots().iter().map(|role| &*role.name).collect::<Vec<_>>().join(", "));
    site.begins(broker.clone(), store, running.statuses(), config.documents_limit);
    let outcome = tokio::select! {
        ended = running.ended() => {
            // One role cannot go on: the others finish what they have before the process ends.
            site.stops();
            let others = finish(running, &mut signals).await;
            ended.and(others)
        }
        signal = signals.next() => {
            info!("{signal}: stopping; work in hand has {:?}, a second signal stops at once", words.grace);
            site.stops();
            stop.cancel();
            finish(running, &mut signals).await
        }
    };
    // A broker that does not answer must not hold the end of the process.
    if tokio::time::timeout(CLOSE, broker.close()).await.is_err() {
        warn!("the broker did not close in time; what was in hand is delivered again");
    }
    served.cancel();
    outcome?;
    Ok(Outcome::Complete)
}

/// Waits until all roles have finished or handed back what they have. Another signal ends the process at once.
async fn finish(running: Running, signals: &mut Signals) -> anyhow::Result<()> {
    tokio::select! {
        outcome = running.stop() => outcome,
        again = signals.next() => {
            warn!("{again}: stopped at once; what was in hand is delivered again");
            std::process::exit(1);
        }
    }
}

/// The parts of the roles, once everything they need is there. What is away is waited for; what refuses is an error
/// at once.
async fn parts(words: &Work, config: &Config, site: &Site) -> anyhow::Result<Parts> {
    let has = |role| words.roles.contains(&RoleName::All) || words.roles.contains(&role);
    let zoom = if has(RoleName::Zoom) { Some(assemble::zoom(config)?) } else { None };
    let store = assemble::store(config)?;
    let index = has(RoleName::Index);
    let broker = insist("the broker", site, || assemble::broker(config, "work"));
    let templates = async {
        match index {
            true => insist("the store", site, || super::check::current_templates(&store)).await.map(|_| ()),
            false => Ok(()),
        }
    };
    let credentials = async {
        match &zoom {
            Some(zoom) => insist("zoom", site, || super::check::credentials(zoom)).await.map(|_| ()),
            None => Ok(()),
        }
    };
    let (broker, (), ()) = tokio::try_join!(broker, templates, credentials)?;
    Ok(Parts { broker, store, zoom, index })
}

/// Does `work` until it succeeds, or fails by the user's doing.
async fn insist<T, F: Future<Output = anyhow::Result<T>>>(
    what: &str,
    site: &Site,
    work: impl Fn() -> F,
) -> anyhow::Result<T> {
    let (mut pause, mut told) = (FIRST_PAUSE, false);
    site.awaits(what);
    loop {
        match work().await {
            Err(error) if !exit::is_users(&error) => {
                if !std::mem::replace(&mut told, true) {
                    warn!("waiting for {what}: {}", exit::sentence(&error));
                }
            }
            outcome => {
                if told && outcome.is_ok() {
                    info!("{what} is there");
                }
                site.has(what);
                return outcome;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}
