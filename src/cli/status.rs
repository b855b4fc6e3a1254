//! `ua status`.

use clap::Args;
use messages::RunId;

/// `ua status`
#[derive(Debug, Args)]
pub struct Status {
    /// Show one run: progress, price and calls used
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
