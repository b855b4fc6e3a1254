//! `ua health`.

use clap::Args;

/// `ua health`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Health {
    /// Asks whether it can work now, not only whether it is alive
    #[arg(long)]
    pub ready: bool,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "Examples:
  ua health              in the container of a worker: as HEALTHCHECK, or by hand
  UA_HTTP=9464 ua health --ready
                         exit code 0 when it is, 1 when it is not or does not answer";
