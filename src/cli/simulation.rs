//! `ua demo` and `ua simulate`.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::Args;
use jiff::civil::Date;

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

/// `ua simulate`
#[derive(Debug, Args)]
pub struct Simulate {
    /// The address to listen on; another than this machine's own is for a container
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
    pub address: Ipv4Addr,
    /// The port there; 0 takes a free one
    #[arg(long, default_value_t = 8765)]
    pub port: u16,
    /// The world to simulate
    #[command(flatten)]
    pub world: World,
    /// The account's plan
    #[arg(long, default_value = "business")]
    pub plan: simulator::Plan,
    /// An account without the Dashboard: every /metrics call meets the entitlement wall
    #[arg(long)]
    pub no_dashboard: bool,
}
