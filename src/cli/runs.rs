//! `ua runs` and `ua cancel`.

use clap::Args;
use messages::RunId;

/// `ua runs`
#[derive(Debug, Args)]
#[command(after_help = RUNS_EXAMPLES)]
pub struct Runs {
    /// Maximum number of runs
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Print JSON, one line per run
    #[arg(long)]
    pub json: bool,
}

const RUNS_EXAMPLES: &str = "Examples:
  ua runs                                list recent runs and their progress
  ua status --run 20260103T040506789-2026-01-02
                                         show one run: price, calls used, rate, expected end";

/// `ua cancel`
#[derive(Debug, Args)]
#[command(after_help = CANCEL_EXAMPLES)]
pub struct Cancel {
    /// Run id, as shown by `ua plan` and `ua runs`
    #[arg(value_name = "RUN")]
    pub run: RunId,
    /// Skip the confirmation prompt
    #[arg(long)]
    pub yes: bool,
    /// Wait until jobs in progress have stopped
    #[arg(long)]
    pub wait: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const CANCEL_EXAMPLES: &str = "Example:
  ua cancel 20260103T040506789-2026-01-01..2026-06-30

Jobs that wait in the queues are taken out and their receipts say `cancelled`. Workers stop jobs of the run that are in
progress within seconds. Exit code 0: nothing of the run will start, neither a retry nor a replayed dead letter. Exit
code 3: a worker still has jobs in progress; it stops them, and --wait waits for that. `ua plan` of the same dates makes
a new run of what is missing.";
