//! Opencast as a source: one server, one account, one rate limit.

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

/// Delays between attempts to reach the server.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Opencast's definition as a source.
pub(super) struct OpencastSource;

impl SourceDef for OpencastSource {
    fn is_unset(&self, config: &Config) -> bool {
        config.opencast.is_none()
    }

    /// Opencast has one account, without a label.
    fn each_account(&self, config: &Config, _label: Option<&str>) -> Result<Vec<Config>, ConfigError> {
        config.opencast().map(|_| vec![config.clone()])
    }

    fn account(&self, config: &Config) -> anyhow::Result<Account> {
        Ok(config.opencast()?.account())
    }

    /// Every call counts towards the fleet's rate limit, so the sign-in is checked by [`Fetcher::greet`] instead.
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

/// Builds the client without the fleet's rate limit.
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

    /// Zero: receipts count the calls.
    fn calls(&self) -> Calls {
        Calls::default()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Opencast::close(self).boxed()
    }
}

/// Probes the server: it answers and accepts the credentials. Retries after transient errors.
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
