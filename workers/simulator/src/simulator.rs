//! A running simulator: start, addresses, answers without HTTP, stop.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::civil::Date;
use tokio_util::sync::CancellationToken;

use crate::ledger::LedgerSummary;
use crate::server::{Shared, router};
use crate::settings::{Credentials, Settings, SettingsError, Source};
use crate::transport::Listening;
use crate::truth::Truth;

/// A fake Zoom on a port of 127.0.0.1, or where it is told. Dropping it stops it, without waiting.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    listening: Listening,
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings make no world.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The port is not to be had.
    #[error("simulator cannot listen on {address}:{port}: choose another port, or 0 for any free one")]
    Listen {
        /// The address asked for.
        address: Ipv4Addr,
        /// The port asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

impl Simulator {
    /// Binds the address and serves until stopped.
    ///
    /// # Errors
    /// When the settings are refused or the port is taken.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        settings.check()?;
        let (place, stop) = ((settings.address, settings.port), CancellationToken::new());
        let shared = Arc::new(Shared::new(settings, stop.clone()));
        let listening = Listening::start(place, stop, router(Arc::clone(&shared))).await?;
        Ok(Self { shared, listening })
    }

    /// The base address, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listening.address)
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
        self.listening.stop().await;
    }

    /// Serves until `token` is cancelled, then stops as [`Simulator::stop`] does.
    pub async fn run_until(self, token: CancellationToken) {
        self.listening.run_until(token).await;
    }
}
