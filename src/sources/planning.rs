//! Planning of a source: the missing part of a request, and the requests of the schedule. Independent of publishing,
//! because commands and the schedule share a plan.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use store::Store;

use crate::config::Config;
use crate::planning::{HarvestRequest, PlanContext, Planned};

/// Planning of a source. Each `config` argument has one account of the source.
pub(crate) trait Planning {
    /// Checks that the source has data about a date at `now`.
    ///
    /// # Errors
    /// When it has none; the error is a usage error for the operator.
    fn check_date(&self, date: Date, now: Timestamp, config: &Config) -> anyhow::Result<()>;

    /// Plans a request: compares it with the coverage in the store's receipts.
    ///
    /// # Errors
    /// When the source is not configured, or the broker or the store is unreachable.
    fn plan<'a>(
        &self,
        request: &'a HarvestRequest,
        context: PlanContext<'a>,
    ) -> BoxFuture<'a, anyhow::Result<Planned>>;

    /// Returns the requests of one firing of the schedule, to be planned in order; never empty. `last` is the previous
    /// firing.
    ///
    /// # Errors
    /// When the source is not configured, or the store is unreachable.
    fn due<'a>(
        &self,
        now: Timestamp,
        last: Option<Timestamp>,
        config: &'a Config,
        store: &'a Store,
    ) -> BoxFuture<'a, anyhow::Result<Vec<HarvestRequest>>>;
}
