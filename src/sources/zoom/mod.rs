//! Zoom in this program. Its accounts have their quotas each; their jobs come from the same queues.

mod telling;
mod words;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use messages::{Calls, Family};
use runtime::Broker;
use runtime::quota::{Account, Allowance, News};
use store::Store;
use zoom::{DetailWorker, Granted, ListWorker, Zoom};

use super::{Fetcher, Wiring};
use crate::assemble::{self, Roles};
use crate::config::{Config, ConfigError};
use crate::exit::{failed, usage};
use crate::planning::{Means, Planned, Today, Wish, meetings};
use crate::{allowed, coverage};

/// How Zoom is put to work.
pub(super) struct Wired;

impl Wiring for Wired {
    fn account(&self, config: &Config) -> anyhow::Result<Account> {
        let missing = |names: &Vec<_>| ConfigError::Missing { names: names.clone() };
        Ok(config.zoom.as_ref().map_err(missing)?.account())
    }

    fn check<'a>(&self, config: &'a Config) -> BoxFuture<'a, anyhow::Result<()>> {
        async { credentials(&assemble::zoom(config)?).await }.boxed()
    }

    fn join<'a>(
        &self,
        config: &'a Config,
        broker: &'a Broker,
    ) -> BoxFuture<'a, anyhow::Result<Arc<dyn Fetcher>>> {
        join(config, broker).boxed()
    }

    fn check_date(&self, date: Date, now: Timestamp, _config: &Config) -> anyhow::Result<()> {
        zoom::window::check(date, coverage::today_at(now)).map_err(|error| usage(error.to_string()))
    }

    fn plan<'a>(&self, wish: &'a Wish, by: Means<'a>) -> BoxFuture<'a, anyhow::Result<Planned>> {
        plan(wish, by).boxed()
    }

    fn due<'a>(
        &self,
        now: Timestamp,
        last: Option<Timestamp>,
        config: &'a Config,
        store: &'a Store,
    ) -> BoxFuture<'a, anyhow::Result<Vec<Wish>>> {
        meetings::due(now, last, config, store).boxed()
    }
}

async fn join(config: &Config, broker: &Broker) -> anyhow::Result<Arc<dyn Fetcher>> {
    let mut accounts = Vec::new();
    for zoom in config.of_accounts(None)?.into_iter().filter_map(|config| config.zoom.ok()) {
        let account = zoom.account();
        let allowance = match zoom.quota_speed {
            // Nothing is limited: there is nothing to share.
            0.0 => Allowance::of_this_process(account.clone()),
            _ => Allowance::join(broker, account.clone()).await?,
        };
        accounts.push(Zoom::with_quota(zoom, zoom::Quota::new(allowance, &account))?);
    }
    Ok(Arc::new(assemble::together(accounts)?))
}

async fn plan(wish: &Wish, by: Means<'_>) -> anyhow::Result<Planned> {
    let quota = match by.today {
        Today::Asked => allowed::now(by.config, by.broker).await?,
        Today::AsLeft => allowed::as_left(by.config, by.broker).await?,
        Today::Unasked => allowed::configured(by.config)?,
    };
    meetings::plan(wish, by.config, &quota, by.broker, by.store).await
}

impl Fetcher for Zoom {
    /// Tokens and their scopes tell all there is to know.
    fn greet(&self) -> BoxFuture<'_, anyhow::Result<()>> {
        async { Ok(()) }.boxed()
    }

    fn start(self: Arc<Self>, roles: &mut Roles<'_>) {
        let config = roles.config();
        roles.play(ListWorker(Arc::clone(&self)), config.list_permits, Family::ZOOM_LIST);
        roles.play(DetailWorker(self), config.detail_permits, Family::ZOOM_DETAIL);
    }

    fn quotas(&self) -> Vec<News> {
        Zoom::quotas(self)
    }

    fn calls(&self) -> Calls {
        Zoom::calls(self)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Zoom::close(self).boxed()
    }
}

/// Gets a token of every account and compares its scopes with those that are needed.
async fn credentials(zoom: &Zoom) -> anyhow::Result<()> {
    for account in zoom.accounts() {
        let of = |error: anyhow::Error| match zoom.accounts().count() {
            1 => error,
            _ => error.context(format!("account {}", account.label())),
        };
        let Granted { missing, .. } = account.check().await.map_err(|failure| of(failed(failure)))?;
        if !missing.is_empty() {
            let scopes = missing.join(", ");
            return Err(of(usage(format!("the Zoom app lacks scopes: add {scopes} in Zoom's marketplace"))));
        }
    }
    Ok(())
}
