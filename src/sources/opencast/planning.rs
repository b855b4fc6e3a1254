//! Planning of Opencast.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use store::Store;

use super::OpencastSource;
use crate::config::Config;
use crate::exit::usage;
use crate::planning::{HarvestRequest, PlanContext, Planned, lectures};
use crate::sources::planning::Planning;

impl Planning for OpencastSource {
    /// Uses the server's time zone. Accepts any date when Opencast is not configured: [`Planning::plan`] returns that
    /// error.
    fn check_date(&self, date: Date, now: Timestamp, config: &Config) -> anyhow::Result<()> {
        let Ok(server) = config.opencast() else { return Ok(()) };
        let zone = &server.timezone;
        let today = planner::date_in(now, zone);
        if date <= today {
            return Ok(());
        }
        let zone = opencast::time_zone_name(zone);
        Err(usage(format!("{date} is in the future (today is {today}, {zone}): choose {today} or earlier")))
    }

    fn plan<'a>(
        &self,
        request: &'a HarvestRequest,
        context: PlanContext<'a>,
    ) -> BoxFuture<'a, anyhow::Result<Planned>> {
        lectures::plan(request, context.config, context.broker, context.store).boxed()
    }

    fn due<'a>(
        &self,
        now: Timestamp,
        last: Option<Timestamp>,
        config: &'a Config,
        store: &'a Store,
    ) -> BoxFuture<'a, anyhow::Result<Vec<HarvestRequest>>> {
        lectures::due(now, last, config, store).boxed()
    }
}
