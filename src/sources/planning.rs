//! Planning of a source: the missing part of a request, and the requests of the schedule.
//! Must not know who publishes a plan.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use store::Store;

use crate::config::Config;
use crate::planning::{HarvestRequest, PlanContext, Planned};

/// How a source is planned. Configurations have one account of it each.
pub(crate) trait Planning {
    /// Says whether it can be asked about a date at `now`.
    ///
    /// # Errors
    /// When it cannot, with the reason in words for the user.
    fn check_date(&self, date: Date, now: Timestamp, config: &Config) -> anyhow::Result<()>;

    /// Plans a request: compares it with the coverage in the store's receipts.
    ///
    /// # Errors
    /// When it is not configured, or the broker or the store is away.
    fn plan<'a>(
        &self,
        request: &'a HarvestRequest,
        context: PlanContext<'a>,
    ) -> BoxFuture<'a, anyhow::Result<Planned>>;

    /// Returns the requests of a firing of the schedule, where `last` was the previous one, to be planned one after the
    /// other. The last wish is always there.
    ///
    /// # Errors
    /// When it is not configured, or the store is away.
    fn due<'a>(
        &self,
        now: Timestamp,
        last: Option<Timestamp>,
        config: &'a Config,
        store: &'a Store,
    ) -> BoxFuture<'a, anyhow::Result<Vec<HarvestRequest>>>;
}
