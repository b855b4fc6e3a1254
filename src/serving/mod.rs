//! HTTP endpoints of a worker: metrics, health and readiness.

mod metrics;
mod ready;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use listener::Names;
use runtime::http::{Pages, Server};
use runtime::telemetry::{self, Page};
use runtime::{Broker, Status};
use store::Store;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::config::Config;

/// Time without a heartbeat after which a loop hangs. A loop that waits normally beats every second.
const HANGS: Duration = Duration::from_secs(90);
/// Upkeep interval of histograms while `/metrics` is not read.
const TIDY: Duration = Duration::from_secs(5);

/// The broker's name among the awaited servers.
pub(crate) const BROKER: &str = "the broker";

/// The state of the process for health checks and metrics.
#[derive(Debug, Default)]
pub(crate) struct HealthState {
    state: Mutex<State>,
    facts: tokio::sync::Mutex<metrics::Facts>,
    checks: tokio::sync::Mutex<ready::Checks>,
}

#[derive(Debug, Default)]
struct State {
    /// Servers that must answer before work begins.
    awaited: Vec<String>,
    stopping: bool,
    /// True when the process has no role to run.
    idle: bool,
    /// Whether the broker answered before work began; `None`: not tried.
    has_broker: Option<bool>,
    working: Option<Working>,
}

/// The objects of a process that works.
#[derive(Debug, Clone)]
struct Working {
    broker: Broker,
    /// `None` in a process that writes nothing to the store.
    store: Option<Store>,
    statuses: Vec<Arc<Status>>,
    documents_limit: usize,
}

impl HealthState {
    /// Records that the process waits for `what` before it works.
    pub(crate) fn awaits(&self, what: &str) {
        let mut state = self.state();
        if !state.awaited.iter().any(|known| known == what) {
            state.awaited.push(what.to_owned());
        }
        if what == BROKER {
            state.has_broker = Some(false);
        }
    }

    /// Records that `what` answered.
    pub(crate) fn has(&self, what: &str) {
        let mut state = self.state();
        state.awaited.retain(|known| known != what);
        if what == BROKER {
            state.has_broker = Some(true);
        }
    }

    /// Records that work has begun.
    pub(crate) fn begins(
        &self,
        broker: Broker,
        store: Option<Store>,
        statuses: Vec<Arc<Status>>,
        documents_limit: usize,
    ) {
        self.state().working = Some(Working { broker, store, statuses, documents_limit });
    }

    /// Records that the process has no role to run, which is healthy.
    pub(crate) fn idles(&self) {
        self.state().idle = true;
    }

    /// Records that the process is stopping.
    pub(crate) fn stops(&self) {
        self.state().stopping = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_broker(&self) -> Option<bool> {
        self.state().has_broker
    }

    fn working(&self) -> Option<Working> {
        self.state().working.clone()
    }

    /// Returns an error for a role whose loop hangs.
    fn alive(&self) -> Result<(), String> {
        let state = self.state();
        let Some(working) = state.working.as_ref().filter(|_| !state.stopping) else { return Ok(()) };
        for status in &working.statuses {
            if let Some(since) = status.last_heartbeat().filter(|since| *since > HANGS) {
                return Err(format!(
                    "{} hangs: its loop has not turned for {} s",
                    status.name(),
                    since.as_secs()
                ));
            }
        }
        Ok(())
    }
}

/// Where a process serves, and what it serves in addition to metrics and health.
#[derive(Debug)]
pub(crate) struct ServingAddress {
    /// The address.
    pub(crate) address: SocketAddr,
    /// Host names accepted in requests.
    pub(crate) names: Names,
    /// The setting that chose the address, for errors.
    pub(crate) said_by: &'static str,
    /// Further pages, and their name for the log.
    pub(crate) more: Option<(&'static str, Router)>,
}

/// Serves `health` on `UA_HTTP` until `stop`; does nothing when it is unset.
///
/// # Errors
/// When the address cannot be bound.
pub(crate) async fn start(
    health: &Arc<HealthState>,
    config: &Config,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let Some(address) = config.http else { return Ok(()) };
    let names = Names::new(config.http_names.clone());
    serve(health, ServingAddress { address, names, said_by: "UA_HTTP", more: None }, stop).await
}

/// Serves `health` on this address until `stop`.
///
/// # Errors
/// When the address cannot be bound.
pub(crate) async fn serve(
    health: &Arc<HealthState>,
    place: ServingAddress,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let ServingAddress { address, names, said_by, more } = place;
    let server = Server::bind(address).await;
    let server = server.with_context(|| format!("cannot listen on {address} ({said_by})"))?;
    let page = telemetry::install().context("a metrics recorder is already installed")?;
    metrics::describe();
    let (what, more) = more.unwrap_or_default();
    info!("serving {what}/metrics, /healthz and /readyz on http://{}", server.address());
    tokio::spawn(tidy(page.clone()));
    tokio::spawn(server.serve(pages(health, page), names, more, stop.clone()));
    Ok(())
}

fn pages(health: &Arc<HealthState>, page: Page) -> Pages {
    let (measured, alive, ready) = (Arc::clone(health), Arc::clone(health), Arc::clone(health));
    Pages {
        metrics: Box::new(move || {
            let (health, page) = (Arc::clone(&measured), page.clone());
            Box::pin(async move {
                metrics::bring_up_to_date(&health).await;
                page.tidy();
                page.text()
            })
        }),
        health: Box::new(move || alive.alive()),
        ready: Box::new(move || {
            let health = Arc::clone(&ready);
            Box::pin(async move { ready::ready(&health).await })
        }),
    }
}

async fn tidy(page: Page) {
    loop {
        tokio::time::sleep(TIDY).await;
        page.tidy();
    }
}
