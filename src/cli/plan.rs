//! `ua plan` and `ua run`: what to harvest, and what to do with it.

use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::civil::Date;
use messages::{Lane, MeetingUuid, Mpid, Source};

use super::duration;

/// What to harvest.
#[derive(Debug, Args, Default)]
pub struct Selectors {
    /// One date: UTC for Zoom, the server's zone for Opencast [default: yesterday, and the two days before while they
    /// are incomplete; of Opencast the last days up to now]
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with_all = ["from", "to"])]
    pub date: Option<Date>,
    /// The first date of a range
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
    pub from: Option<Date>,
    /// The last date of a range
    #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
    pub to: Option<Date>,
    /// Single meetings, by uuid
    #[arg(long, value_name = "UUID", num_args = 1..)]
    pub meeting_uuid: Vec<MeetingUuid>,
    /// Single episodes of Opencast, by media package id
    #[arg(long, value_name = "MPID", num_args = 1..)]
    pub episode: Vec<Mpid>,
    /// Every episode of Opencast
    #[arg(long)]
    pub catalogue: bool,
    /// Where to harvest from [default: every source that is configured]
    #[arg(long, value_delimiter = ',', value_name = "zoom,opencast")]
    pub source: Vec<Source>,
    /// The lane [default: daily for the last three days, else backfill]
    #[arg(long)]
    pub lane: Option<Lane>,
    /// The account's label [default: every account]
    #[arg(long, value_name = "LABEL")]
    pub account: Option<String>,
    /// Harvests again what is complete
    #[arg(long)]
    pub force: bool,
}

/// `ua plan`
#[derive(Debug, Args)]
pub struct Plan {
    /// What to harvest
    #[command(flatten)]
    pub selectors: Selectors,
    /// Prints the price and publishes nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Does not ask, whatever the price
    #[arg(long)]
    pub yes: bool,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

/// Where documents go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Destination {
    /// Into the store
    Index,
    /// One JSON line per document to stdout; queues and receipts live in a temporary folder
    Stdout,
}

/// `ua run`
#[derive(Debug, Args)]
pub struct Run {
    /// What to harvest
    #[command(flatten)]
    pub selectors: Selectors,
    /// Where documents go
    #[arg(long, value_enum, default_value = "index")]
    pub destination: Destination,
    /// How long to wait for work that is parked or held before giving up with exit code 3
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub wait: Duration,
    /// Ends with one line of JSON
    #[arg(long)]
    pub json: bool,
}
