//! How Zoom is planned.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use store::Store;

use super::Wired;
use crate::config::Config;
use crate::exit::usage;
use crate::planning::{Means, Planned, Today, Wish, meetings};
use crate::sources::planning::Planning;
use crate::{allowed, coverage};

impl Planning for Wired {
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

async fn plan(wish: &Wish, by: Means<'_>) -> anyhow::Result<Planned> {
    let quota = match by.today {
        Today::Asked => allowed::now(by.config, by.broker).await?,
        Today::AsLeft => allowed::as_left(by.config, by.broker).await?,
        Today::Unasked => allowed::configured(by.config)?,
    };
    meetings::plan(wish, by.config, &quota, by.broker, by.store).await
}
