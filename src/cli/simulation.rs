//! `ua demo` and `ua simulate`.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use simulator::opencast::{Auth, Dialect};

/// `ua demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// The day to simulate [default: yesterday]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<Date>,
    /// The world to simulate
    #[command(flatten)]
    pub world: World,
    /// Where the demo's file goes; an earlier demo there is replaced
    #[arg(long, default_value = "ua-data/demo")]
    pub data_dir: PathBuf,
    /// Ends with one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// A simulated world.
#[derive(Debug, Args)]
pub struct World {
    /// The seed; the same seed is the same world
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Hosts of the account
    #[arg(long, default_value_t = 40)]
    pub hosts: u32,
    /// Meetings a day
    #[arg(long, default_value_t = 200)]
    pub meetings_per_day: u32,
    /// Participants of a meeting, on average
    #[arg(long, default_value_t = 12)]
    pub participants: u32,
    /// Serves webinars, too
    #[arg(long)]
    pub webinars: bool,
    /// Multiplies the quota; 0 lifts it
    #[arg(long, default_value_t = 20.0)]
    pub speed: f64,
    /// A fault and its rate, for example 429=0.02; may be given more than once
    #[arg(long, value_name = "KIND=RATE")]
    pub fault: Vec<simulator::FaultRate>,
}

/// A simulated Opencast.
#[derive(Debug, Args)]
#[command(next_help_heading = "Opencast")]
pub struct OpencastWorld {
    /// The major version, 5 to 17
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u8).range(5..=17))]
    pub generation: u8,
    /// How it tells user actions: upstream (by day, in no order) or dce (by start and end)
    #[arg(long, default_value = "upstream")]
    pub dialect: Dialect,
    /// The credentials it accepts: anonymous (needs none), basic, digest or both
    #[arg(long, default_value = "both")]
    pub auth: Auth,
    /// The server's time zone
    #[arg(long, default_value = "UTC", value_name = "ZONE", value_parser = timezone)]
    pub timezone: TimeZone,
    /// Recorded lectures
    #[arg(long, default_value_t = 60)]
    pub episodes: u32,
    /// People who watch
    #[arg(long, default_value_t = 150)]
    pub students: u32,
    /// User actions a day
    #[arg(long, default_value_t = 5_000)]
    pub actions_per_day: u32,
    /// A server without the user tracking, as those after version 17
    #[arg(long)]
    pub no_usertracking: bool,
    /// A server that keeps no users, addresses and sessions
    #[arg(long)]
    pub omitted: bool,
}

fn timezone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("{name:?} is not a time zone such as UTC or America/New_York"))
}

/// What to simulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Simulated {
    /// Zoom
    Zoom,
    /// Opencast
    Opencast,
    /// Zoom and Opencast
    Both,
}

/// `ua simulate`
#[derive(Debug, Args)]
pub struct Simulate {
    /// What to simulate: zoom, opencast or both
    #[arg(long, value_enum, default_value = "zoom", hide_possible_values = true)]
    pub source: Simulated,
    /// The address to listen on; another than this machine's own is for a container
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
    pub address: Ipv4Addr,
    /// Zoom's port there; 0 takes a free one
    #[arg(long, default_value_t = 8765)]
    pub port: u16,
    /// Opencast's port there; 0 takes a free one
    #[arg(long, default_value_t = 8766)]
    pub opencast_port: u16,
    /// The world to simulate
    #[command(flatten)]
    pub world: World,
    /// The account's plan
    #[arg(long, default_value = "business")]
    pub plan: simulator::Plan,
    /// An account without the Dashboard: every /metrics call meets the entitlement wall
    #[arg(long)]
    pub no_dashboard: bool,
    /// The Opencast to simulate
    #[command(flatten)]
    pub opencast: OpencastWorld,
}
