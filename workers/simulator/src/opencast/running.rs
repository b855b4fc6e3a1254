//! A running fake Opencast: start, address, truth and ledger, stop.

use std::sync::Arc;

use jiff::civil::Date;
use tokio_util::sync::CancellationToken;

use super::ledger::LedgerSummary;
use super::server::{Shared, router};
use super::settings::{Credentials, OpencastSettings};
use super::truth::{Stream, Truth};
use crate::simulator::StartError;
use crate::transport::Listening;

/// A fake Opencast on 127.0.0.1, or on [`OpencastSettings::address`]. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Opencast {
    shared: Arc<Shared>,
    listening: Listening,
}

impl Opencast {
    /// Binds the address and serves until stopped.
    ///
    /// # Errors
    /// When the settings are invalid or the port is taken.
    pub async fn start(settings: OpencastSettings) -> Result<Self, StartError> {
        settings.check()?;
        let (place, stop) = ((settings.address, settings.port), CancellationToken::new());
        let shared = Arc::new(Shared::new(settings, stop.clone()));
        let listening = Listening::start(place, stop, router(Arc::clone(&shared))).await?;
        Ok(Self { shared, listening })
    }

    /// Base URL of engage and admin node, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listening.address)
    }

    /// The account with all rights.
    pub fn credentials(&self) -> Credentials {
        self.shared.settings.credentials.clone()
    }

    /// Returns what a perfect harvest of a date in the server's zone holds.
    pub fn truth(&self, date: Date) -> Truth {
        self.shared.truth(date, true)
    }

    /// Like [`Opencast::truth`], without ids, for large worlds.
    pub fn truth_figures(&self, date: Date) -> Truth {
        self.shared.truth(date, false)
    }

    /// All live streams with their true times.
    pub fn streams(&self) -> Vec<Stream> {
        self.shared.streams()
    }

    /// Summary of the ledger.
    pub fn ledger_summary(&self) -> LedgerSummary {
        self.shared.ledger().summary()
    }

    /// Stops listening, and waits up to 5 seconds for answers in progress.
    pub async fn stop(self) {
        self.listening.stop().await;
    }

    /// Serves until `token` is cancelled, then stops like [`Opencast::stop`].
    pub async fn run_until(self, token: CancellationToken) {
        self.listening.run_until(token).await;
    }
}
