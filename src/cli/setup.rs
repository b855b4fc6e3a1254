//! `ua setup`.

use clap::Args;

/// `ua setup`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Setup {
    /// Makes queues anew that are there with other arguments; their messages are kept, with order and headers
    #[arg(long)]
    pub migrate: bool,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "Examples:
  ua setup               declare what is missing, load the index templates
  ua setup --migrate     after UA_DOCUMENTS_LIMIT was changed, or an upgrade that `ua check` tells of: stop the
                         workers first. It may be interrupted at any point; running it again goes on";
