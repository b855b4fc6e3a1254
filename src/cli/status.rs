//! `ua status`.

use clap::Args;
use messages::RunId;

/// `ua status`
#[derive(Debug, Args)]
pub struct Status {
    /// Shows one run: how far it is, and its price beside what was used
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}
