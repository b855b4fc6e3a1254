//! A running fake Opencast: start, address, answers without HTTP, stop.

use std::sync::Arc;

use jiff::civil::Date;
use tokio_util::sync::CancellationToken;

use super::ledger::LedgerSummary;
use super::server::{Shared, router};
use super::settings::{Credentials, Settings};
use super::truth::{Stream, Truth};
use crate::simulator::StartError;
use crate::transport::Listening;

/// A fake Opencast on a port of 127.0.0.1. Dropping it stops it, without waiting.
#[derive(Debug)]
pub struct Opencast {
    shared: Arc<Shared>,
    listening: Listening,
}

impl Opencast {
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

    /// The base address of engage and admin node, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listening.address)
    }

    /// The account that may do everything.
    pub fn credentials(&self) -> Credentials {
        self.shared.settings.credentials.clone()
    }

    /// What a perfect harvest of a date of the server's zone holds.
    pub fn truth(&self, date: Date) -> Truth {
        self.shared.truth(date, true)
    }

    /// As [`Opencast::truth`], without ids: for large worlds.
    pub fn truth_figures(&self, date: Date) -> Truth {
        self.shared.truth(date, false)
    }

    /// Every live stream, as it truly was.
    pub fn streams(&self) -> Vec<Stream> {
        self.shared.streams()
    }

    /// The ledger in figures.
    pub fn ledger_summary(&self) -> LedgerSummary {
        self.shared.ledger().summary()
    }

    /// Stops listening, lets answers that are being sent finish for a few seconds, and ends.
    pub async fn stop(self) {
        self.listening.stop().await;
    }

    /// Serves until `token` is cancelled, then stops as [`Opencast::stop`] does.
    pub async fn run_until(self, token: CancellationToken) {
        self.listening.run_until(token).await;
    }
}
