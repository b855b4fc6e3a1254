//! The command line: what can be said, with help and examples. Types only; `commands` does the work.

mod console;
mod dev;
mod dlq;
mod export;
mod health;
mod limits;
mod misuse;
mod paper;
mod plan;
mod quota;
mod runs;
mod setup;
mod simulation;
mod status;
mod work;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use console::Console;
pub use dev::{Dev, DevCommand, DevDown, DevLogs, DevUp};
pub use dlq::{Dlq, DlqChoice, DlqCommand, DlqDrop, DlqFilter, DlqList, DlqReplay, Since, WhichState};
pub use export::{Attendance, Export, Lectures, Meetings, OfLectures, OfMeetings, Report, Target};
pub use health::Health;
pub(crate) use limits::settings;
pub use limits::{Meant, Setting};
pub use paper::{Completions, Man};
pub use plan::{Destination, Plan, Run, Selectors};
pub use quota::{OfAccount, Pause, Quota, QuotaCommand, Resume};
pub use runs::{Cancel, Runs};
pub use setup::Setup;
pub use simulation::{Demo, OpencastWorld, Simulate, Simulated, World};
pub use status::Status;
pub use work::{RoleName, Work};

/// Harvests the usage data of Zoom and Opencast: complete, and within the account's quota.
///
/// Without any server, queues and documents live in one SQLite file (`UA_DATA_DIR`). `AMQP_URL` brings RabbitMQ,
/// `ES_HOST` brings Elasticsearch or OpenSearch. Variables are read from the environment and from .env; see
/// example.env. Exit codes: 0 complete, 1 failed, 2 wrong usage or configuration, 3 finished but incomplete.
#[derive(Debug, Parser)]
#[command(name = "ua", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The command line as it was meant; help and version are printed, what cannot be meant is said in one line.
    ///
    /// # Errors
    /// With the exit code, when there is nothing to be done.
    pub fn understand(words: impl IntoIterator<Item = OsString>) -> Result<Self, ExitCode> {
        let words: Vec<OsString> = words.into_iter().collect();
        Self::try_parse_from(&words).map_err(|error| {
            if let Some(line) = misuse::line(&error, &words) {
                crate::output::remark(&format!("error: {line}"));
            } else if error.print().is_err() {
                // Nobody reads what was asked for: there is nobody to tell.
                return ExitCode::FAILURE;
            }
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        })
    }
}

const EXAMPLES: &str = "Examples:
  ua demo                                the whole pipeline against a simulated account; needs nothing
  ua check                               is everything reachable and allowed
  ua run --date 2026-01-02               one day, in this process
  ua plan --from 2026-01-01 --to 2026-01-31 --dry-run
                                         what a month would cost
  ua work all                            keep working on what is planned
  ua status                              what waits, what is done, what is dead";

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Publishes jobs for dates or meetings, after printing their price
    Plan(Plan),
    /// Plans, fetches and indexes in this process, then exits with a receipt
    Run(Run),
    /// Works on what is planned, until it is stopped
    Work(Work),
    /// Shows what waits, what was harvested in the last days, and what is dead
    Status(Status),
    /// Lists what was planned, the newest first, and how far it is
    Runs(Runs),
    /// Takes the waiting jobs of a run out of the queues
    Cancel(Cancel),
    /// Looks at messages nobody could use; replays or drops them
    Dlq(Dlq),
    /// Serves status, runs and dead letters as web pages, to look at
    Console(Console),
    /// Writes a table for analysts, as CSV or JSON: attendance, viewing options, rolls, sessions, meetings, episodes
    Export(Export),
    /// Shows an account's quota, or shares it otherwise, for every worker at once
    Quota(Quota),
    /// Makes no more calls of a kind, on every worker, until a time or until it is resumed
    Pause(Pause),
    /// Goes on with what was paused
    Resume(Resume),
    /// Declares queues and loads index templates
    Setup(Setup),
    /// Checks that everything is reachable, allowed and as it should be
    ///
    /// A line each, with a mark: ✔ well, ! worth knowing, ✘ failing; what to do stands below. Makes nothing and changes
    /// nothing. Costs one medium call of the Zoom account. Exit codes: 0 nothing fails, 1 something out of ua's reach
    /// does, 2 something in the configuration does.
    Check(Json),
    /// Asks the worker that serves on `UA_HTTP` whether it is well
    Health(Health),
    /// Runs the whole pipeline against a simulated account
    Demo(Demo),
    /// Serves a simulated Zoom account, a simulated Opencast or both over HTTP
    Simulate(Simulate),
    /// Runs RabbitMQ and Elasticsearch in containers of this machine, to try things out with
    Dev(Dev),
    /// Writes manual pages
    Man(Man),
    /// Writes a shell's completions
    Completions(Completions),
}

/// Machine-readable output.
#[derive(Debug, Args)]
pub struct Json {
    /// Prints JSON
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
