//! How a source is planned: what of a wish is missing, and what the clock wishes.
//! Must not know who publishes a plan.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use store::Store;

use crate::config::Config;
use crate::planning::{Means, Planned, Wish};

/// How a source is planned. Configurations have one account of it each.
pub(crate) trait Planning {
    /// Says whether it can be asked about a date at `now`.
    ///
    /// # Errors
    /// When it cannot, with the reason in words for the user.
    fn check_date(&self, date: Date, now: Timestamp, config: &Config) -> anyhow::Result<()>;

    /// Compares what is wished with what the store's receipts say is held.
    ///
    /// # Errors
    /// When it is not configured, or the broker or the store is away.
    fn plan<'a>(&self, wish: &'a Wish, by: Means<'a>) -> BoxFuture<'a, anyhow::Result<Planned>>;

    /// What a firing of the schedule wishes, whose last one was `last`, to be planned one after the other. The last wish
    /// is always there.
    ///
    /// # Errors
    /// When it is not configured, or the store is away.
    fn due<'a>(
        &self,
        now: Timestamp,
        last: Option<Timestamp>,
        config: &'a Config,
        store: &'a Store,
    ) -> BoxFuture<'a, anyhow::Result<Vec<Wish>>>;
}
