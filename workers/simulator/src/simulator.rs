//! A running simulator: start, addresses, answers without HTTP, stop.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use jiff::civil::Date;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::ledger::LedgerSummary;
use crate::server::{Shared, router};
use crate::settings::{Credentials, Settings, SettingsError, Source};
use crate::truth::Truth;

/// How long a stop waits for answers that are being sent.
const GRACE: Duration = Duration::from_secs(5);

/// A fake Zoom on a port of 127.0.0.1. Dropping it stops it, without waiting.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
    stop: CancellationToken,
    _guard: DropGuard,
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings make no world.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The port is not to be had.
    #[error("simulator cannot listen on 127.0.0.1:{port}: choose another port, or 0 for any free one")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

impl Simulator {
    /// Binds 127.0.0.1 and serves until stopped.
    ///
    /// # Errors
    /// When the settings are refused or the port is taken.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        settings.check()?;
        let port = settings.port;
        let listen = |source| StartError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared::new(settings, stop.clone()));
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection keeps its delay");
            }
        });
        let service = router(Arc::clone(&shared));
        let stopped = stop.clone().cancelled_owned();
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the simulator stopped serving");
            }
        });
        tracing::info!(%address, "simulator listens on {address}");
        Ok(Self { address, shared, server, _guard: stop.clone().drop_guard(), stop })
    }

    /// The base address, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The API's base, with `/v2`.
    pub fn api_url(&self) -> String {
        format!("{}/v2", self.url())
    }

    /// The token endpoint.
    pub fn oauth_url(&self) -> String {
        format!("{}/oauth/token", self.url())
    }

    /// What the token endpoint accepts.
    pub fn credentials(&self) -> Credentials {
        self.shared.settings().credentials.clone()
    }

    /// A fresh access token, as the token endpoint would give it.
    pub fn issue_token(&self) -> String {
        self.shared.issue_token()
    }

    /// What a perfect harvest of a date holds.
    pub fn truth(&self, date: Date, source: Source) -> Truth {
        self.shared.truth(date, source, true)
    }

    /// As [`Simulator::truth`], without ids: for large worlds.
    pub fn truth_figures(&self, date: Date, source: Source) -> Truth {
        self.shared.truth(date, source, false)
    }

    /// The ledger in figures.
    pub fn ledger_summary(&self) -> LedgerSummary {
        self.shared.ledger_summary()
    }

    /// Stops listening, lets answers that are being sent finish for a few seconds, and ends.
    pub async fn stop(self) {
        self.stop.cancel();
        let Self { mut server, .. } = self;
        if tokio::time::timeout(GRACE, &mut server).await.is_err() {
            tracing::warn!("answers were still being sent when the simulator stopped");
            server.abort();
        }
    }

    /// Serves until `token` is cancelled, then stops as [`Simulator::stop`] does.
    pub async fn run_until(self, token: CancellationToken) {
        token.cancelled().await;
        self.stop().await;
    }
}
