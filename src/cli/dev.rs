//! `ua dev`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::duration;

/// `ua dev`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Dev {
    /// Where the compose file and its .env lie
    #[arg(long, global = true, value_name = "FOLDER", default_value = "ua-dev")]
    pub folder: PathBuf,
    /// What to do with the servers
    #[command(subcommand)]
    pub command: DevCommand,
}

const EXAMPLES: &str = "Examples:
  ua dev up              RabbitMQ and Elasticsearch on this machine, set up for ua; says what to export
  ua dev logs --follow rabbitmq
  ua dev down            stops them and keeps their data; with --volumes it is gone

Needs Docker with Compose 2.24 or newer. `ua demo` needs no server at all.";

/// What to do with the servers.
#[derive(Debug, Subcommand)]
pub enum DevCommand {
    /// Writes the compose file, and a .env with a password made for it; changes nothing that is there
    Init,
    /// Starts the servers, waits until they are well, declares queues and loads index templates
    Up(DevUp),
    /// Stops the servers
    Down(DevDown),
    /// Shows what the servers log
    Logs(DevLogs),
}

/// `ua dev up`
#[derive(Debug, Args)]
pub struct DevUp {
    /// Starts Kibana, too
    #[arg(long)]
    pub kibana: bool,
    /// How long the servers may take once their images are there
    #[arg(long, value_name = "DURATION", default_value = "3m", value_parser = duration)]
    pub within: Duration,
    /// Prints the addresses as JSON
    #[arg(long)]
    pub json: bool,
}

/// `ua dev down`
#[derive(Debug, Args)]
pub struct DevDown {
    /// Deletes their data, too
    #[arg(long)]
    pub volumes: bool,
    /// Does not ask
    #[arg(long)]
    pub yes: bool,
}

/// `ua dev logs`
#[derive(Debug, Args)]
pub struct DevLogs {
    /// Goes on with what comes
    #[arg(long, short)]
    pub follow: bool,
    /// Of these servers alone: rabbitmq, elasticsearch, kibana
    pub servers: Vec<String>,
}
