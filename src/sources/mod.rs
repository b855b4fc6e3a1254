//! Sources, behind common traits: one folder per source defines how it is started and checked ([`SourceDef`]), planned
//! ([`Planning`]), named ([`vocabulary`]) and reported ([`Reporting`]); [`of`] registers them. All other code iterates
//! over sources and names none. Independent of the jobs of a source.

mod configured;
mod opencast;
mod planning;
pub(crate) mod reporting;
pub(crate) mod tally;
#[cfg(test)]
mod tests;
pub(crate) mod vocabulary;
mod zoom;

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use messages::{Calls, Source};
use runtime::Broker;
use runtime::quota::{Account, QuotaStatus};

pub(crate) use self::planning::Planning;
pub(crate) use self::reporting::Reporting;
use crate::assemble::Roles;
use crate::config::{Config, ConfigError};
use crate::diagnostic::Diagnostic;

/// The definition of a source: start, check, accounts. Configurations have one account of the source each, as
/// [`Config::of_source`] makes them, unless it says otherwise.
pub(crate) trait SourceDef: Planning + Reporting + Sync {
    /// True when not even a part of what it needs is set.
    fn is_unset(&self, config: &Config) -> bool;

    /// The configuration once for each account that `label` means, without one for each there is: with that account as
    /// its only one.
    ///
    /// # Errors
    /// When something that it needs is not configured, or none of its accounts has this label.
    fn each_account(&self, config: &Config, label: Option<&str>) -> Result<Vec<Config>, ConfigError>;

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

    /// What `ua check` finds, with a look at the server itself, where it is configured in part or not at all, too.
    fn examine<'a>(&self, config: &'a Config) -> BoxFuture<'a, Vec<Diagnostic>>;

    /// The source with every account of the configuration, taking part in the fleet's quotas.
    ///
    /// # Errors
    /// When it is not configured, or not as it can be, and when another process fetches on the same local file.
    fn join<'a>(
        &self,
        config: &'a Config,
        broker: &'a Broker,
    ) -> BoxFuture<'a, anyhow::Result<Arc<dyn Fetcher>>>;

    /// Describes its own metrics, if it has any.
    fn describe_metrics(&self) {}
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
    fn quotas(&self) -> Vec<QuotaStatus>;

    /// The calls of this process, where it counts them.
    fn calls(&self) -> Calls;

    /// Ends this process's part in the quotas in good order; no call is made any more.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// Returns the definition of a source. Register a new source here.
pub(crate) fn of(source: Source) -> &'static dyn SourceDef {
    match source {
        Source::Zoom => &zoom::ZoomSource,
        Source::Opencast => &opencast::OpencastSource,
    }
}
