//! Opencast in this program: one server, one account, one rate of calls.

mod examine;
mod planning;
mod reporting;
mod vocabulary;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::{Calls, Family};
use opencast::{Opencast, OpencastWorker};
use runtime::quota::{Account, QuotaStatus, RateLimiter};
use runtime::{Broker, Failure};

use super::{Fetcher, SourceDef};
use crate::assemble::Roles;
use crate::config::{Config, ConfigError};
use crate::diagnostic::Diagnostic;
use crate::exit::{failed, refused};

/// Pauses between two tries to reach the server.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// How Opencast is put to work.
pub(super) struct OpencastSource;

impl SourceDef for OpencastSource {
    fn is_unset(&self, config: &Config) -> bool {
        config.opencast.is_none()
    }

    /// It has one, without a label.
    fn each_account(&self, config: &Config, _label: Option<&str>) -> Result<Vec<Config>, ConfigError> {
        config.opencast().map(|_| vec![config.clone()])
    }

    fn account(&self, config: &Config) -> anyhow::Result<Account> {
        Ok(config.opencast()?.account())
    }

    /// Every call is one of those that the fleet shares: the sign-in shows when it is joined.
    fn check<'a>(&self, config: &'a Config) -> BoxFuture<'a, anyhow::Result<()>> {
        async { put_together(config).map(drop) }.boxed()
    }

    fn examine<'a>(&self, config: &'a Config) -> BoxFuture<'a, Vec<Diagnostic>> {
        examine::examine(config).boxed()
    }

    fn join<'a>(
        &self,
        config: &'a Config,
        broker: &'a Broker,
    ) -> BoxFuture<'a, anyhow::Result<Arc<dyn Fetcher>>> {
        join(config, broker).boxed()
    }
}

/// The server, with calls that nobody shares.
fn put_together(config: &Config) -> anyhow::Result<Opencast> {
    Opencast::new(config.opencast()?.clone()).map_err(refused)
}

async fn join(config: &Config, broker: &Broker) -> anyhow::Result<Arc<dyn Fetcher>> {
    let opencast = config.opencast()?.clone();
    let limiter = RateLimiter::join(broker, opencast.account()).await?;
    Ok(Arc::new(Opencast::with_limiter(opencast, limiter).map_err(refused)?))
}

impl Fetcher for Opencast {
    fn greet(&self) -> BoxFuture<'_, anyhow::Result<()>> {
        reachable(self).boxed()
    }

    fn start(self: Arc<Self>, roles: &mut Roles<'_>) {
        let permits = roles.config().opencast_permits;
        roles.play(OpencastWorker(self), permits, Family::OPENCAST);
    }

    fn quotas(&self) -> Vec<QuotaStatus> {
        self.quota().into_iter().collect()
    }

    /// Receipts tell them.
    fn calls(&self) -> Calls {
        Calls::default()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Opencast::close(self).boxed()
    }
}

/// Asks the server for what it is: credentials are good, and it answers. Trouble that may pass is given some time.
async fn reachable(opencast: &Opencast) -> anyhow::Result<()> {
    for pause in PAUSES {
        match opencast.probe().await {
            Ok(_) => return Ok(()),
            Err(Failure::Hold { .. }) if opencast.is_paused() => return Ok(()),
            Err(Failure::Retry { .. } | Failure::Hold { .. }) => tokio::time::sleep(pause).await,
            Err(failure) => return Err(failed(failure)),
        }
    }
    opencast.probe().await.map(|_| ()).map_err(failed)
}
