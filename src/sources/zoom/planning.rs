//! Planning of Zoom.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use store::Store;

use super::ZoomSource;
use super::available_quota;
use crate::config::Config;
use crate::exit::usage;
use crate::planning::{HarvestRequest, PlanContext, Planned, QuotaLookup, meetings};
use crate::receipts;
use crate::sources::planning::Planning;

impl Planning for ZoomSource {
    fn check_date(&self, date: Date, now: Timestamp, _config: &Config) -> anyhow::Result<()> {
        zoom::window::check(date, receipts::read::today_at(now)).map_err(|error| usage(error.to_string()))
    }

    fn plan<'a>(
        &self,
        request: &'a HarvestRequest,
        context: PlanContext<'a>,
    ) -> BoxFuture<'a, anyhow::Result<Planned>> {
        plan(request, context).boxed()
    }

    fn due<'a>(
        &self,
        now: Timestamp,
        last: Option<Timestamp>,
        config: &'a Config,
        store: &'a Store,
    ) -> BoxFuture<'a, anyhow::Result<Vec<HarvestRequest>>> {
        meetings::due(now, last, config, store).boxed()
    }
}

async fn plan(request: &HarvestRequest, context: PlanContext<'_>) -> anyhow::Result<Planned> {
    let quota = match context.today {
        QuotaLookup::Asked => available_quota::now(context.config, context.broker).await?,
        QuotaLookup::AsLeft => available_quota::as_left(context.config, context.broker).await?,
        QuotaLookup::Unasked => available_quota::configured(context.config)?,
    };
    meetings::plan(request, context.config, &quota, context.broker, context.store).await
}
