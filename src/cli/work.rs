//! `ua work`.

use std::sync::LazyLock;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use messages::Source;

use super::duration;
use crate::sources;

/// A role of `ua work`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoleName {
    /// Fetch from a source
    Fetch(Source),
    /// Write documents and dead letters to the store
    Index,
    /// Plan by the clock (`UA_SCHEDULE`); one of several processes leads
    Schedule,
    /// All roles; configured sources only, schedule only if `UA_SCHEDULE` is set
    All,
}

/// The roles in the order of the help.
static ROLES: LazyLock<Vec<RoleName>> = LazyLock::new(|| {
    let fetching = Source::ALL.into_iter().map(RoleName::Fetch);
    fetching.chain([RoleName::Index, RoleName::Schedule, RoleName::All]).collect()
});

/// Implemented by hand, because each source names its role.
impl ValueEnum for RoleName {
    fn value_variants<'a>() -> &'a [Self] {
        &ROLES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Fetch(source) => {
                let words = sources::of(*source).vocabulary();
                PossibleValue::new(words.role).help(format!("Fetch from {}", words.name))
            }
            Self::Index => PossibleValue::new("index").help("Write documents and dead letters to the store"),
            Self::Schedule => PossibleValue::new("schedule")
                .help("Plan by the clock (`UA_SCHEDULE`); one of several processes leads"),
            Self::All => PossibleValue::new("all")
                .help("All roles; configured sources only, schedule only if `UA_SCHEDULE` is set"),
        })
    }
}

/// `ua work`
#[derive(Debug, Args)]
pub struct Work {
    /// Roles of this process
    #[arg(value_enum, required = true)]
    pub roles: Vec<RoleName>,
    /// Shutdown timeout after the first signal: jobs in progress have four fifths of it, then they are requeued
    #[arg(long, value_name = "DURATION", default_value = "25s", value_parser = duration)]
    pub grace: Duration,
    /// Skip roles whose source is not configured, instead of an error; idle if none is left
    #[arg(long)]
    pub if_configured: bool,
}
