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
    /// Date to simulate [default: yesterday]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<Date>,
    /// Simulated world
    #[command(flatten)]
    pub world: World,
    /// Folder of the demo's file; an earlier demo there is replaced [default: demo in `UA_DATA_DIR`]
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Print one line of JSON at the end
    #[arg(long)]
    pub json: bool,
}

/// A simulated world.
#[derive(Debug, Args)]
pub struct World {
    /// Seed; the same seed produces the same world
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Number of hosts
    #[arg(long, default_value_t = 40)]
    pub hosts: u32,
    /// Meetings per day
    #[arg(long, default_value_t = 200)]
    pub meetings_per_day: u32,
    /// Average number of participants per meeting
    #[arg(long, default_value_t = 12)]
    pub participants: u32,
    /// Serve webinars as well
    #[arg(long)]
    pub webinars: bool,
    /// Factor of the quota; 0 removes the quota
    #[arg(long, default_value_t = 20.0)]
    pub speed: f64,
    /// Fault and rate, for example 429=0.02; repeatable
    #[arg(long, value_name = "KIND=RATE")]
    pub fault: Vec<simulator::FaultRate>,
}

/// A simulated Opencast.
#[derive(Debug, Args)]
#[command(next_help_heading = "Opencast")]
pub struct OpencastWorld {
    /// Major version, 5 to 17
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u8).range(5..=17))]
    pub generation: u8,
    /// Dialect of user actions: upstream (by day, unordered) or dce (by start and end)
    #[arg(long, default_value = "upstream")]
    pub dialect: Dialect,
    /// Accepted credentials: anonymous (none), basic, digest or both
    #[arg(long, default_value = "both")]
    pub auth: Auth,
    /// Time zone of the server
    #[arg(long, default_value = "UTC", value_name = "ZONE", value_parser = timezone)]
    pub timezone: TimeZone,
    /// Number of recorded lectures
    #[arg(long, default_value_t = 60)]
    pub episodes: u32,
    /// Number of viewers
    #[arg(long, default_value_t = 150)]
    pub students: u32,
    /// User actions per day
    #[arg(long, default_value_t = 5_000)]
    pub actions_per_day: u32,
    /// Serve without the user-tracking plugin
    #[arg(long)]
    pub no_usertracking: bool,
    /// Omit users, addresses and sessions
    #[arg(long)]
    pub omitted: bool,
}

fn timezone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("{name:?} is not a time zone such as UTC or America/New_York"))
}

/// A simulated API.
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
    /// API to simulate: zoom, opencast or both
    #[arg(long, value_enum, default_value = "zoom", hide_possible_values = true)]
    pub source: Simulated,
    /// Address to listen on; use another than 127.0.0.1 only in a container
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
    pub address: Ipv4Addr,
    /// Port of the simulated Zoom; 0 selects a free port
    #[arg(long, default_value_t = 8765)]
    pub port: u16,
    /// Port of the simulated Opencast; 0 selects a free port
    #[arg(long, default_value_t = 8766)]
    pub opencast_port: u16,
    /// Simulated world
    #[command(flatten)]
    pub world: World,
    /// Plan of the account
    #[arg(long, default_value = "business")]
    pub plan: simulator::AccountPlan,
    /// Refuse the Dashboard: every /metrics call answers 400 with code 200
    #[arg(long)]
    pub no_dashboard: bool,
    /// Simulated Opencast
    #[command(flatten)]
    pub opencast: OpencastWorld,
}
