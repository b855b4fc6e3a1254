//! `ua setup`.

use clap::Args;

/// `ua setup`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Setup {
    /// Declare queues with changed arguments again; keep their messages, order and headers
    #[arg(long)]
    pub migrate: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "Examples:
  ua setup               declare missing queues, load the index templates
  ua setup --migrate     after a change of UA_DOCUMENTS_LIMIT, or when `ua check` reports changed queues. Stop the
                         workers first. An interrupted migration continues when run again";
