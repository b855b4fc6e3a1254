//! `ua runs` and `ua cancel`.

use clap::Args;
use messages::RunId;

/// `ua runs`
#[derive(Debug, Args)]
#[command(after_help = RUNS_EXAMPLES)]
pub struct Runs {
    /// At most so many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Prints JSON, a line per run
    #[arg(long)]
    pub json: bool,
}

const RUNS_EXAMPLES: &str = "Examples:
  ua runs                                what was planned lately, and how far it is
  ua status --run 20260103T040506789-2026-01-02
                                         one of them: price beside what was used, rate, end";

/// `ua cancel`
#[derive(Debug, Args)]
#[command(after_help = CANCEL_EXAMPLES)]
pub struct Cancel {
    /// The run, as `ua plan` and `ua runs` name it
    #[arg(value_name = "RUN")]
    pub run: RunId,
    /// Does not ask
    #[arg(long)]
    pub yes: bool,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

const CANCEL_EXAMPLES: &str = "Example:
  ua cancel 20260103T040506789-2026-01-01..2026-06-30

Jobs that wait in the queues are taken out and their receipts say `cancelled`; workers may go on meanwhile. What a
worker has in its hands is finished: the exit code is then 3, and the same command again says what became of it.
`ua plan` of the same dates publishes again what is missing.";
