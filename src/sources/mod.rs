//! What the program does with a source, whichever it is: one file per source says how, and [`of`] is where a source is
//! registered. Who plans, works, prices or asks for quotas goes through here and names no source; the words of the command line
//! and of what people are shown do.
//! Must not know what a source's jobs are made of.

mod opencast;
mod telling;
pub(crate) mod words;
mod zoom;

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use messages::{Calls, Source};
use runtime::Broker;
use runtime::quota::{Account, News};
use store::Store;

pub(crate) use self::telling::Telling;
use crate::assemble::Roles;
use crate::config::Config;
use crate::planning::{Means, Planned, Wish};

/// How a source is put to work. Configurations have one account of the source each, as [`Config::of_source`] makes them,
/// unless it says otherwise.
pub(crate) trait Wiring: Telling + Sync {
    /// The account whose quota its calls are counted against.
    ///
    /// # Errors
    /// When it is not configured.
    fn account(&self, config: &Config) -> anyhow::Result<Account>;

    /// Says whether the source can be put together and its credentials are good, as far as no call tells that is counted.
    ///
    /// # Errors
    /// When it is not configured, or not as it can be; when credentials are refused, or who judges them is away.
    fn check<'a>(&self, config: &'a Config) -> BoxFuture<'a, anyhow::Result<()>>;

    /// The source with every account of the configuration, taking part in the fleet's quotas.
    ///
    /// # Errors
    /// When it is not configured, or not as it can be, and when another process fetches on the same local file.
    fn join<'a>(
        &self,
        config: &'a Config,
        broker: &'a Broker,
    ) -> BoxFuture<'a, anyhow::Result<Arc<dyn Fetcher>>>;

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

/// A source that is put together and may be asked.
pub trait Fetcher: fmt::Debug + Send + Sync {
    /// Makes the first calls, in turn with all others': whether the source answers, and is what it is said to be. Where
    /// calls are paused nothing is asked; jobs find out by themselves.
    ///
    /// # Errors
    /// When it refuses, or is away.
    fn greet(&self) -> BoxFuture<'_, anyhow::Result<()>>;

    /// Starts the roles that do its jobs.
    fn start(self: Arc<Self>, roles: &mut Roles<'_>);

    /// How its quotas stand, as far as this process knows.
    fn quotas(&self) -> Vec<News>;

    /// The calls of this process, where it counts them.
    fn calls(&self) -> Calls;

    /// Ends this process's part in the quotas in good order; no call is made any more.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// How a source is put to work. A new source is registered here.
pub(crate) fn of(source: Source) -> &'static dyn Wiring {
    match source {
        Source::Zoom => &zoom::Wired,
        Source::Opencast => &opencast::Wired,
    }
}
