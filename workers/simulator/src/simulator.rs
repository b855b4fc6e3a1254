//! A running fake Zoom: start, addresses, truth and ledger, stop.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::civil::Date;
use tokio_util::sync::CancellationToken;

use crate::ledger::LedgerSummary;
use crate::server::{Shared, router};
use crate::settings::{Credentials, SettingsError, Source, ZoomSettings};
use crate::transport::Listening;
use crate::truth::Truth;

/// A fake Zoom on 127.0.0.1, or on [`ZoomSettings::address`]. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    listening: Listening,
}

/// Error on starting a simulator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings are invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The port cannot be bound.
    #[error("simulator cannot listen on {address}:{port}: choose another port, or 0 for any free one")]
    Listen {
        /// The requested address.
        address: Ipv4Addr,
        /// The requested port.
        port: u16,
        /// The system's error.
        source: io::Error,
    },
}

impl Simulator {
    /// Binds the address and serves until stopped.
    ///
    /// # Errors
    /// When the settings are invalid or the port is taken.
    pub async fn start(settings: ZoomSettings) -> Result<Self, StartError> {
        settings.check()?;
        let (place, stop) = ((settings.address, settings.port), CancellationToken::new());
        let shared = Arc::new(Shared::new(settings, stop.clone()));
        let listening = Listening::start(place, stop, router(Arc::clone(&shared))).await?;
        Ok(Self { shared, listening })
    }

    /// Base URL, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listening.address)
    }

    /// Base URL of the API, with `/v2`.
    pub fn api_url(&self) -> String {
        format!("{}/v2", self.url())
    }

    /// URL of the token endpoint.
    pub fn oauth_url(&self) -> String {
        format!("{}/oauth/token", self.url())
    }

    /// Credentials that the token endpoint accepts.
    pub fn credentials(&self) -> Credentials {
        self.shared.settings().credentials.clone()
    }

    /// Issues an access token, as the token endpoint does.
    pub fn issue_token(&self) -> String {
        self.shared.issue_token()
    }

    /// Returns what a perfect harvest of a date holds.
    pub fn truth(&self, date: Date, source: Source) -> Truth {
        self.shared.truth(date, source, true)
    }

    /// Like [`Simulator::truth`], without ids, for large worlds.
    pub fn truth_figures(&self, date: Date, source: Source) -> Truth {
        self.shared.truth(date, source, false)
    }

    /// Summary of the ledger.
    pub fn ledger_summary(&self) -> LedgerSummary {
        self.shared.ledger_summary()
    }

    /// Calls for a date so far, its meetings' included.
    pub fn calls_about(&self, date: Date) -> u64 {
        self.shared.calls_about(date)
    }

    /// Stops listening, and waits up to 5 seconds for answers in progress.
    pub async fn stop(self) {
        self.listening.stop().await;
    }

    /// Serves until `token` is cancelled, then stops like [`Simulator::stop`].
    pub async fn run_until(self, token: CancellationToken) {
        self.listening.run_until(token).await;
    }
}
