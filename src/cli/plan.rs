//! `ua plan` and `ua run`: selection and options.

use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::civil::Date;
use messages::{Lane, MeetingUuid, Mpid, Source};

use super::duration;

/// What to harvest.
#[derive(Debug, Args, Default)]
pub struct Selectors {
    /// One date: UTC for Zoom, the server's zone for Opencast [default: yesterday, and the two days before if
    /// incomplete; for Opencast the last days up to now]
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with_all = ["from", "to"])]
    pub date: Option<Date>,
    /// First date of a range
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
    pub from: Option<Date>,
    /// Last date of a range
    #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
    pub to: Option<Date>,
    /// Meeting uuids
    #[arg(long, value_name = "UUID", num_args = 1..)]
    pub meeting_uuid: Vec<MeetingUuid>,
    /// Opencast media package ids
    #[arg(long, value_name = "MPID", num_args = 1..)]
    pub episode: Vec<Mpid>,
    /// All Opencast episodes
    #[arg(long)]
    pub catalogue: bool,
    /// Sources [default: all configured sources]
    #[arg(long, value_delimiter = ',', value_name = "zoom,opencast")]
    pub source: Vec<Source>,
    /// Lane [default: daily for the last three days, otherwise backfill]
    #[arg(long)]
    pub lane: Option<Lane>,
    /// Account label [default: all accounts]
    #[arg(long, value_name = "LABEL")]
    pub account: Option<String>,
    /// Harvest complete dates again
    #[arg(long)]
    pub force: bool,
}

/// `ua plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// What to harvest
    #[command(flatten)]
    pub selectors: Selectors,
    /// Print the price without publishing
    #[arg(long)]
    pub dry_run: bool,
    /// Skip the confirmation prompt
    #[arg(long)]
    pub yes: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Destination of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Destination {
    /// Write to the store
    Index,
    /// Write JSON lines to stdout; keep queues and receipts in a temporary folder
    Stdout,
}

/// `ua run`
#[derive(Debug, Args)]
pub struct Run {
    /// What to harvest
    #[command(flatten)]
    pub selectors: Selectors,
    /// Destination of documents
    #[arg(long, value_enum, default_value = "index")]
    pub destination: Destination,
    /// Timeout for parked or held work; then exit with code 3
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub wait: Duration,
    /// Print one line of JSON at the end
    #[arg(long)]
    pub json: bool,
}
