//! `ua dev`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::duration;

/// `ua dev`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Dev {
    /// Folder of the compose file and its .env
    #[arg(long, global = true, value_name = "FOLDER", default_value = "ua-dev")]
    pub folder: PathBuf,
    /// Action
    #[command(subcommand)]
    pub command: DevCommand,
}

const EXAMPLES: &str = "Examples:
  ua dev up              start RabbitMQ and Elasticsearch; print the variables to export
  ua dev logs --follow rabbitmq
  ua dev down            stop them and keep the data; --volumes deletes it

Needs Docker with Compose 2.24 or newer. `ua demo` needs no server at all.";

/// An action on the servers.
#[derive(Debug, Subcommand)]
pub enum DevCommand {
    /// Write the compose file and a .env with a generated password; keep existing files
    Init,
    /// Start the servers, wait until they are healthy, declare queues and load index templates
    Up(DevUp),
    /// Stop the servers
    Down(DevDown),
    /// Show the servers' logs
    Logs(DevLogs),
}

/// `ua dev up`
#[derive(Debug, Args)]
pub struct DevUp {
    /// Start Kibana as well
    #[arg(long)]
    pub kibana: bool,
    /// Startup timeout, after the images are pulled
    #[arg(long, value_name = "DURATION", default_value = "3m", value_parser = duration)]
    pub within: Duration,
    /// Print the addresses as JSON
    #[arg(long)]
    pub json: bool,
}

/// `ua dev down`
#[derive(Debug, Args)]
pub struct DevDown {
    /// Delete the data as well
    #[arg(long)]
    pub volumes: bool,
    /// Skip the confirmation prompt
    #[arg(long)]
    pub yes: bool,
}

/// `ua dev logs`
#[derive(Debug, Args)]
pub struct DevLogs {
    /// Follow the logs
    #[arg(long, short)]
    pub follow: bool,
    /// Only these servers: rabbitmq, elasticsearch, kibana
    pub servers: Vec<String>,
}
