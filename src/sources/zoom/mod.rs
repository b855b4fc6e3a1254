//! Zoom as a source. Each account has its own quota; all accounts share the job queues.

mod available_quota;
mod examine;
mod planning;
mod reporting;
mod vocabulary;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use messages::{Calls, Family};
use runtime::Broker;
use runtime::quota::{Account, QuotaStatus, RateLimiter};
use zoom::{DetailWorker, Granted, ListWorker, Zoom};

use super::{Fetcher, SourceDef};
use crate::assemble::Roles;
use crate::config::{Config, ConfigError};
use crate::diagnostic::Diagnostic;
use crate::exit::{RefusedError, failed, refused};

/// Zoom's definition as a source.
pub(super) struct ZoomSource;

impl SourceDef for ZoomSource {
    fn is_unset(&self, config: &Config) -> bool {
        config.has_nothing_of_zoom()
    }

    fn each_account(&self, config: &Config, label: Option<&str>) -> Result<Vec<Config>, ConfigError> {
        config.of_accounts(label)
    }

    fn account(&self, config: &Config) -> anyhow::Result<Account> {
        let missing = |names: &Vec<_>| ConfigError::Missing { names: names.clone() };
        Ok(config.zoom.as_ref().map_err(missing)?.account())
    }

    fn check<'a>(&self, config: &'a Config) -> BoxFuture<'a, anyhow::Result<()>> {
        async { credentials(&put_together(config)?).await }.boxed()
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

    fn describe_metrics(&self) {
        zoom::metrics::describe();
    }
}

/// Builds the client of every configured account, without the fleet's quotas.
fn put_together(config: &Config) -> anyhow::Result<Zoom> {
    let accounts = config.of_accounts(None)?.into_iter().filter_map(|config| config.zoom.ok());
    together(accounts.map(Zoom::new).collect::<Result<_, _>>().map_err(refused)?)
}

fn together(mut accounts: Vec<Zoom>) -> anyhow::Result<Zoom> {
    anyhow::ensure!(!accounts.is_empty(), "no account is configured");
    let first = accounts.remove(0);
    Ok(first.with_others(accounts))
}

async fn join(config: &Config, broker: &Broker) -> anyhow::Result<Arc<dyn Fetcher>> {
    let mut accounts = Vec::new();
    for zoom in config.of_accounts(None)?.into_iter().filter_map(|config| config.zoom.ok()) {
        let account = zoom.account();
        let limiter = match zoom.quota_speed {
            // Without limits there is nothing to share.
            0.0 => RateLimiter::in_process(account.clone()),
            _ => RateLimiter::join(broker, account.clone()).await?,
        };
        accounts.push(Zoom::with_quota(zoom, zoom::Quota::new(limiter, &account)).map_err(refused)?);
    }
    Ok(Arc::new(together(accounts)?))
}

impl Fetcher for Zoom {
    /// Makes no call: tokens and their scopes are checked before.
    fn greet(&self) -> BoxFuture<'_, anyhow::Result<()>> {
        async { Ok(()) }.boxed()
    }

    fn start(self: Arc<Self>, roles: &mut Roles<'_>) {
        let config = roles.config();
        roles.play(ListWorker(Arc::clone(&self)), config.list_permits, Family::ZOOM_LIST);
        roles.play(DetailWorker(self), config.detail_permits, Family::ZOOM_DETAIL);
    }

    fn quotas(&self) -> Vec<QuotaStatus> {
        Zoom::quotas(self)
    }

    fn calls(&self) -> Calls {
        Zoom::calls(self)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Zoom::close(self).boxed()
    }
}

/// Requests a token for every account and compares its scopes with the required ones.
async fn credentials(zoom: &Zoom) -> anyhow::Result<()> {
    for account in zoom.accounts() {
        let of = |error: anyhow::Error| match zoom.accounts().count() {
            1 => error,
            _ => error.context(format!("account {}", account.label())),
        };
        let Granted { missing, .. } = account.check().await.map_err(|failure| of(failed(failure)))?;
        if !missing.is_empty() {
            let scopes = missing.join(", ");
            let text = format!("the Zoom app lacks scopes: add {scopes} in Zoom's marketplace");
            return Err(of(RefusedError(text).into()));
        }
    }
    Ok(())
}
