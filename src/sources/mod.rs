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

/// The definition of a source: start, check, accounts. Each `config` argument has one account of the source, made by
/// [`Config::of_source`], unless the method says otherwise.
pub(crate) trait SourceDef: Planning + Reporting + Sync {
    /// True when no required variable of the source is set.
    fn is_unset(&self, config: &Config) -> bool;

    /// Returns one copy of the configuration per account, with that account as its only one. With a label, only the
    /// account that has it.
    ///
    /// # Errors
    /// When a required variable is missing, or no account has this label.
    fn each_account(&self, config: &Config, label: Option<&str>) -> Result<Vec<Config>, ConfigError>;

    /// Returns the account whose quota the source's calls use.
    ///
    /// # Errors
    /// When the source is not configured.
    fn account(&self, config: &Config) -> anyhow::Result<Account>;

    /// Checks the configuration and the credentials, without calls that count towards the quota.
    ///
    /// # Errors
    /// When the configuration is incomplete or invalid, credentials are refused, or the authorization server is
    /// unreachable.
    fn check<'a>(&self, config: &'a Config) -> BoxFuture<'a, anyhow::Result<()>>;

    /// Returns the findings of `ua check`, with calls to the server. Also called when the source is not or partly
    /// configured.
    fn examine<'a>(&self, config: &'a Config) -> BoxFuture<'a, Vec<Diagnostic>>;

    /// Joins the fleet's quotas and returns the source with every account of the configuration.
    ///
    /// # Errors
    /// When the configuration is incomplete or invalid, or another process fetches with the same local file.
    fn join<'a>(
        &self,
        config: &'a Config,
        broker: &'a Broker,
    ) -> BoxFuture<'a, anyhow::Result<Arc<dyn Fetcher>>>;

    /// Describes the source's own metrics, if it has any.
    fn describe_metrics(&self) {}
}

/// A configured source, ready for calls.
pub trait Fetcher: fmt::Debug + Send + Sync {
    /// Checks with the first calls, rate-limited like all others, that the source answers as configured. Makes no call
    /// while calls are paused; the jobs report the errors then.
    ///
    /// # Errors
    /// When the source refuses the calls or is unreachable.
    fn greet(&self) -> BoxFuture<'_, anyhow::Result<()>>;

    /// Starts the roles that run its jobs.
    fn start(self: Arc<Self>, roles: &mut Roles<'_>);

    /// Returns the state of its quotas, as this process knows it.
    fn quotas(&self) -> Vec<QuotaStatus>;

    /// Returns the calls of this process; zero where only receipts count them.
    fn calls(&self) -> Calls;

    /// Leaves the quotas in order. No call is made afterwards.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// Returns the definition of a source. Register a new source here.
pub(crate) fn of(source: Source) -> &'static dyn SourceDef {
    match source {
        Source::Zoom => &zoom::ZoomSource,
        Source::Opencast => &opencast::OpencastSource,
    }
}
