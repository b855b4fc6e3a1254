//! `ua work`: roles that run until they are told to stop.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::assemble::{self, Parts};
use crate::cli::{RoleName, Work};
use crate::config::Config;
use crate::exit::Outcome;
use crate::signal::signalled;

/// How long the broker may take to close: it waits for its last acks to arrive.
const CLOSE: Duration = Duration::from_secs(20);

pub(super) async fn execute(words: Work, config: &Config) -> anyhow::Result<Outcome> {
    let all = words.roles.contains(&RoleName::All);
    let has = |role| all || words.roles.contains(&role);
    let zoom = if has(RoleName::Zoom) { Some(assemble::zoom(config)?) } else { None };
    if let Some(zoom) = &zoom {
        super::check::credentials(zoom).await?;
    }
    let store = assemble::store(config)?;
    if has(RoleName::Index) {
        super::check::current_templates(&store).await?;
    }
    let parts =
        Parts { broker: assemble::broker(config, "work").await?, store, zoom, index: has(RoleName::Index) };
    let broker = parts.broker.clone();
    let stop = CancellationToken::new();
    let mut running = parts.start(config, &stop, words.grace);
    info!("working: {}", running.snapshots().iter().map(|role| &*role.name).collect::<Vec<_>>().join(", "));
    let outcome = tokio::select! {
        ended = running.ended() => {
            // One role cannot go on: the others finish what they have before the process ends.
            let others = running.stop().await;
            ended.and(others)
        }
        signal = signalled() => {
            info!("{signal}: stopping; work in hand has {:?}, a second signal stops at once", words.grace);
            stop.cancel();
            tokio::select! {
                outcome = running.stop() => outcome,
                again = signalled() => {
                    warn!("{again}: stopped at once; what was in hand is delivered again");
                    std::process::exit(1);
                }
            }
        }
    };
    // A broker that does not answer must not hold the end of the process.
    if tokio::time::timeout(CLOSE, broker.close()).await.is_err() {
        warn!("the broker did not close in time; what was in hand is delivered again");
    }
    outcome?;
    Ok(Outcome::Complete)
}
