//! `ua work`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use messages::Source;

use super::duration;

/// A role of `ua work`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum RoleName {
    /// Fetches from Zoom
    Zoom,
    /// Fetches from Opencast
    Opencast,
    /// Writes documents and dead letters into the store
    Index,
    /// Plans by the clock (`UA_SCHEDULE`); of several, one leads
    Schedule,
    /// All of them; a source only where it is configured, Schedule only where `UA_SCHEDULE` is set
    All,
}

impl RoleName {
    /// The role that fetches from a source.
    pub(crate) fn fetching(source: Source) -> Self {
        match source {
            Source::Zoom => Self::Zoom,
            Source::Opencast => Self::Opencast,
        }
    }
}

/// `ua work`
#[derive(Debug, Args)]
pub struct Work {
    /// The roles of this process
    #[arg(value_enum, required = true)]
    pub roles: Vec<RoleName>,
    /// Within this time after the first signal the process ends: work in hand has four fifths of it, then it is
    /// handed back
    #[arg(long, value_name = "DURATION", default_value = "25s", value_parser = duration)]
    pub grace: Duration,
    /// A role whose source is not configured at all is left out, where it would be refused; if no other is left the
    /// process idles
    #[arg(long)]
    pub if_configured: bool,
}
