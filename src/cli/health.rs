//! `ua health`.

use clap::Args;

/// `ua health`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Health {
    /// Check whether the worker can work now, not only whether it is alive
    #[arg(long)]
    pub ready: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "Examples:
  ua health              as HEALTHCHECK in a worker's container, or by hand
  UA_HTTP=9464 ua health --ready
                         exit code 0: ready; 1: not ready or no answer";
