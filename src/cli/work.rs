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
    /// Fetches from a source
    Fetch(Source),
    /// Writes documents and dead letters into the store
    Index,
    /// Plans by the clock (`UA_SCHEDULE`); of several, one leads
    Schedule,
    /// All of them; a source only where it is configured, Schedule only where `UA_SCHEDULE` is set
    All,
}

/// The roles in the order of the help.
static ROLES: LazyLock<Vec<RoleName>> = LazyLock::new(|| {
    let fetching = Source::ALL.into_iter().map(RoleName::Fetch);
    fetching.chain([RoleName::Index, RoleName::Schedule, RoleName::All]).collect()
});

/// By hand, since a source's role is called as the source says.
impl ValueEnum for RoleName {
    fn value_variants<'a>() -> &'a [Self] {
        &ROLES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Fetch(source) => {
                let words = sources::of(*source).words();
                PossibleValue::new(words.role).help(format!("Fetches from {}", words.name))
            }
            Self::Index => {
                PossibleValue::new("index").help("Writes documents and dead letters into the store")
            }
            Self::Schedule => PossibleValue::new("schedule")
                .help("Plans by the clock (`UA_SCHEDULE`); of several, one leads"),
            Self::All => PossibleValue::new("all").help(
                "All of them; a source only where it is configured, Schedule only where `UA_SCHEDULE` is set",
            ),
        })
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
