//! Opencast in this program: one server, one account, one rate of calls.

mod telling;
mod words;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use messages::{Calls, Family};
use opencast::{Opencast, OpencastWorker};
use runtime::quota::{Account, Allowance, News};
use runtime::{Broker, Failure};
use store::Store;

use super::{Fetcher, Wiring};
use crate::assemble::{self, Roles};
use crate::config::Config;
use crate::exit::{failed, usage};
use crate::planning::{Means, Planned, Wish, lectures};

/// Pauses between two tries to reach the server.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// How Opencast is put to work.
pub(super) struct Wired;

impl Wiring for Wired {
    fn account(&self, config: &Config) -> anyhow::Result<Account> {
        Ok(config.opencast()?.account())
    }

    /// Every call is one of those that the fleet shares: the sign-in shows when it is joined.
    fn check<'a>(&self, config: &'a Config) -> BoxFuture<'a, anyhow::Result<()>> {
        async { assemble::opencast(config).map(drop) }.boxed()
    }

    fn join<'a>(
        &self,
        config: &'a Config,
        broker: &'a Broker,
    ) -> BoxFuture<'a, anyhow::Result<Arc<dyn Fetcher>>> {
        join(config, broker).boxed()
    }

    /// A date begins when it does where the server is. That no server is configured is for others to say.
    fn check_date(&self, date: Date, now: Timestamp, config: &Config) -> anyhow::Result<()> {
        let Ok(opencast) = config.opencast() else { return Ok(()) };
        let zone = &opencast.timezone;
        let today = planner::date_in(now, zone);
        if date <= today {
            return Ok(());
        }
        let zone = zone.iana_name().unwrap_or("OPENCAST_TIMEZONE");
        Err(usage(format!("{date} is in the future (today is {today}, {zone}): choose {today} or earlier")))
    }

    fn plan<'a>(&self, wish: &'a Wish, by: Means<'a>) -> BoxFuture<'a, anyhow::Result<Planned>> {
        lectures::plan(wish, by.config, by.broker, by.store).boxed()
    }

    fn due<'a>(
        &self,
        now: Timestamp,
        last: Option<Timestamp>,
        config: &'a Config,
        store: &'a Store,
    ) -> BoxFuture<'a, anyhow::Result<Vec<Wish>>> {
        lectures::due(now, last, config, store).boxed()
    }
}

async fn join(config: &Config, broker: &Broker) -> anyhow::Result<Arc<dyn Fetcher>> {
    let opencast = config.opencast()?.clone();
    let allowance = Allowance::join(broker, opencast.account()).await?;
    Ok(Arc::new(Opencast::with_allowance(opencast, allowance)?))
}

impl Fetcher for Opencast {
    fn greet(&self) -> BoxFuture<'_, anyhow::Result<()>> {
        reachable(self).boxed()
    }

    fn start(self: Arc<Self>, roles: &mut Roles<'_>) {
        let permits = roles.config().opencast_permits;
        roles.play(OpencastWorker(self), permits, Family::OPENCAST);
    }

    fn quotas(&self) -> Vec<News> {
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
