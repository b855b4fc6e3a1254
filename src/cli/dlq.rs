//! `ua dlq`.

use clap::{Args, Subcommand};
use messages::CauseClass;

/// `ua dlq`
#[derive(Debug, Args)]
pub struct Dlq {
    /// What to do with dead letters
    #[command(subcommand)]
    pub command: DlqCommand,
}

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// Lists dead letters, newest first
    List(DlqFilter),
    /// Shows one, message included
    Show {
        /// Its id
        id: String,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Publishes dead letters again, to the replay lane of the queue they died in
    Replay {
        /// Their ids; or choose by filter
        ids: Vec<String>,
        /// Which ones
        #[command(flatten)]
        filter: DlqFilter,
        /// Says what would be replayed and does nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// Which dead letters.
#[derive(Debug, Args)]
pub struct DlqFilter {
    /// Of this cause class
    #[arg(long)]
    pub class: Option<CauseClass>,
    /// At most so many
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}
