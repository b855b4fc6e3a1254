//! The command line with help and examples. Independent of execution: `commands` runs the parsed values.

mod console;
mod dev;
mod dlq;
mod export;
mod health;
mod limits;
mod manpages;
mod plan;
mod quota;
mod runs;
mod setup;
#[cfg(feature = "demo")]
mod simulation;
mod status;
mod usage_errors;
mod work;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use console::Console;
pub use dev::{Dev, DevCommand, DevDown, DevLogs, DevUp};
pub use dlq::{Dlq, DlqChoice, DlqCommand, DlqDrop, DlqFilter, DlqList, DlqReplay, Since, WhichState};
pub use export::{Attendance, Export, ExportTable, Lectures, Meetings, OfLectures, OfMeetings, Target};
pub use health::Health;
pub(crate) use limits::settings;
pub use limits::{Meant, Resumed, Setting};
pub use manpages::{Completions, Man};
pub use plan::{Destination, PlanArgs, Run, Selectors};
pub use quota::{OfAccount, Pause, Quota, QuotaAction, Resume};
pub use runs::{Cancel, Runs};
pub use setup::Setup;
#[cfg(feature = "demo")]
pub use simulation::{Demo, OpencastWorld, Simulate, Simulated, World};
pub use status::Status;
pub use work::{RoleName, Work};

/// Harvest the usage data of Zoom and Opencast, completely and within the account's quota.
///
/// Without servers, queues and documents are in one SQLite file (`UA_DATA_DIR`). `AMQP_URL` selects RabbitMQ,
/// `ES_HOST` selects Elasticsearch or OpenSearch. Variables are read from the environment and from .env; see
/// example.env. Exit codes: 0 complete, 1 failed, 2 wrong usage or configuration, 3 finished but incomplete.
#[derive(Debug, Parser)]
#[command(name = "ua", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// Command
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Parses the command line. Prints help and version; prints a usage error in one line.
    ///
    /// # Errors
    /// The exit code, if there is no command to run.
    pub fn understand(words: impl IntoIterator<Item = OsString>) -> Result<Self, ExitCode> {
        let words: Vec<OsString> = words.into_iter().collect();
        Self::try_parse_from(&words).map_err(|error| {
            if let Some(line) = usage_errors::line(&error, &words) {
                crate::output::remark(&format!("error: {line}"));
            } else if error.print().is_err() {
                // stdout is closed, so the help cannot be printed.
                return ExitCode::FAILURE;
            }
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        })
    }
}

const EXAMPLES: &str = "Examples:
  ua check                               test servers, permissions and settings
  ua run --date 2026-01-02               harvest one date in this process
  ua plan --from 2026-01-01 --to 2026-01-31 --dry-run
                                         show what a month would cost
  ua work all                            work on planned jobs
  ua status                              show queues, progress and dead letters";

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Publish jobs for dates or meetings, after printing their price
    Plan(PlanArgs),
    /// Plan, fetch and index in this process, then exit with a receipt
    Run(Run),
    /// Work on planned jobs until stopped
    Work(Work),
    /// Show queues, workers, quota, recent dates and dead letters
    Status(Status),
    /// List runs, newest first, with their progress
    Runs(Runs),
    /// Remove the waiting jobs of a run from the queues
    Cancel(Cancel),
    /// List, replay or drop dead letters
    Dlq(Dlq),
    /// Serve status, runs and dead letters as read-only web pages
    Console(Console),
    /// Export a table as CSV or JSON: attendance, viewing options, rolls, sessions, meetings, episodes
    Export(Export),
    /// Show an account's quota, or change its share for all workers at once
    Quota(Quota),
    /// Pause calls of a kind on all workers, until a time or until resumed
    Pause(Pause),
    /// Resume paused calls, and try again what is on hold
    Resume(Resume),
    /// Declare queues and load index templates
    Setup(Setup),
    /// Test servers, permissions and settings
    ///
    /// Prints one line per check: ✔ passed, ! notable, ✘ failed, with the next step. Changes nothing without
    /// `--repair-versions`. Costs one medium call of the Zoom account. Exit codes: 0 nothing failed, 1 something outside
    /// the configuration failed, 2 the configuration is wrong.
    Check(Check),
    /// Query the health of the worker that serves on `UA_HTTP`
    Health(Health),
    /// Run the whole pipeline against a simulated account
    #[cfg(feature = "demo")]
    Demo(Demo),
    /// Serve a simulated Zoom, a simulated Opencast or both over HTTP
    #[cfg(feature = "demo")]
    Simulate(Simulate),
    /// Run RabbitMQ and Elasticsearch in local containers, to try things out
    Dev(Dev),
    /// Write manual pages
    Man(Man),
    /// Write shell completions
    Completions(Completions),
}

/// `ua check`
#[derive(Debug, Args)]
pub struct Check {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Remove documents whose version is ahead of the store's clock, and plan their dates again
    #[arg(long, conflicts_with = "json")]
    pub repair_versions: bool,
}

/// Machine-readable output.
#[derive(Debug, Args)]
pub struct Json {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// A duration such as `500ms`, `25s`, `10m`, `2h`, `3d`.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 =
        number.parse().map_err(|_| format!("{text:?} is not a duration such as 25s, 10m, 2h or 3d"))?;
    let seconds = match unit {
        "ms" => return Ok(Duration::from_millis(number)),
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(format!("{text:?} is not a duration such as 25s, 10m, 2h or 3d")),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| format!("{text:?} is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_read() {
        assert_eq!(duration("25s"), Ok(Duration::from_secs(25)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("3d"), Ok(Duration::from_secs(259_200)));
        assert!(duration("soon").is_err() && duration("10y").is_err());
        assert!(duration("99999999999999999h").is_err());
    }
}
