//! `ua console`: serves the output of other commands as web pages until it is stopped.

use std::sync::Arc;
use std::time::Duration;

use listener::Names;
use runtime::Broker;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::assemble;
use crate::cli::Console;
use crate::config::Config;
use crate::console;
use crate::exit::{self, Outcome};
use crate::serving::{self, BROKER, HealthState, ServingAddress};
use crate::signal::Signals;

/// Pause between two attempts to reach the broker.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) async fn execute(words: Console, config: &Config) -> anyhow::Result<Outcome> {
    let mut signals = Signals::listen();
    let (health, stop) = (Arc::new(HealthState::default()), CancellationToken::new());
    let store = assemble::store(config)?;
    let names = Names::new(words.names);
    let more = Some(("the console, ", console::router(config.clone(), names.clone())));
    let place = ServingAddress { address: words.listen, names, said_by: "--listen", more };
    serving::serve(&health, place, &stop).await?;
    let (signal, broker) = tokio::select! {
        // Without the broker, the pages show what is known without it.
        broker = broker(config, &health) => {
            health.begins(broker.clone(), Some(store), Vec::new(), config.documents_limit);
            (signals.next().await, Some(broker))
        }
        signal = signals.next() => (signal, None),
    };
    info!("{signal}: stopping");
    health.stops();
    stop.cancel();
    if let Some(broker) = broker {
        broker.close().await;
    }
    Ok(Outcome::Complete)
}

/// Returns the broker for reading, once it is reachable. Waits after a refusal, too: the broker's operator may fix it.
async fn broker(config: &Config, health: &HealthState) -> Broker {
    health.awaits(BROKER);
    let mut told = false;
    loop {
        match assemble::reader(config, "console").await {
            Ok(broker) => {
                health.has(BROKER);
                return broker;
            }
            Err(error) if !std::mem::replace(&mut told, true) => {
                warn!("waiting for the broker: {}", exit::sentence(&error));
            }
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}
