//! The command line: what can be said, with help and examples. Types only; `commands` does the work.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;
use messages::{CauseClass, Lane, MeetingUuid, Source};

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
    Status(Json),
    /// Looks at messages nobody could use, and replays them
    Dlq(Dlq),
    /// Declares queues and loads index templates
    Setup(Json),
    /// Checks that everything is reachable and allowed
    Check(Json),
    /// Runs the whole pipeline against a simulated account
    Demo(Demo),
    /// Serves a simulated Zoom account over HTTP
    Simulate(Simulate),
}

/// Machine-readable output.
#[derive(Debug, Args)]
pub struct Json {
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

/// What to harvest.
#[derive(Debug, Args, Default)]
pub struct Selectors {
    /// One UTC date [default: yesterday, and the two days before while they are incomplete]
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with_all = ["from", "to"])]
    pub date: Option<Date>,
    /// The first UTC date of a range
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
    pub from: Option<Date>,
    /// The last UTC date of a range
    #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
    pub to: Option<Date>,
    /// Single meetings, by uuid
    #[arg(long, value_name = "UUID", num_args = 1..)]
    pub meeting_uuid: Vec<MeetingUuid>,
    /// Where to harvest from
    #[arg(long, value_delimiter = ',', default_value = "zoom")]
    pub source: Vec<Source>,
    /// The lane [default: daily for the last three days, else backfill]
    #[arg(long)]
    pub lane: Option<Lane>,
    /// Harvests again what is complete
    #[arg(long)]
    pub force: bool,
}

/// `ua plan`
#[derive(Debug, Args)]
pub struct Plan {
    /// What to harvest
    #[command(flatten)]
    pub selectors: Selectors,
    /// Prints the price and publishes nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Does not ask, whatever the price
    #[arg(long)]
    pub yes: bool,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

/// Where documents go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Destination {
    /// Into the store
    Index,
    /// One JSON line per document to stdout; queues and receipts live in a temporary folder
    Stdout,
}

/// `ua run`
#[derive(Debug, Args)]
pub struct Run {
    /// What to harvest
    #[command(flatten)]
    pub selectors: Selectors,
    /// Where documents go
    #[arg(long, value_enum, default_value = "index")]
    pub destination: Destination,
    /// How long to wait for work that is parked or held before giving up with exit code 3
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub wait: Duration,
    /// Ends with one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// A role of `ua work`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum RoleName {
    /// Fetches from Zoom
    Zoom,
    /// Writes documents and dead letters into the store
    Index,
    /// All of them
    All,
}

/// `ua work`
#[derive(Debug, Args)]
pub struct Work {
    /// The roles of this process
    #[arg(value_enum, required = true)]
    pub roles: Vec<RoleName>,
    /// How long work in hand may take after the first signal before it is handed back
    #[arg(long, value_name = "DURATION", default_value = "25s", value_parser = duration)]
    pub grace: Duration,
}

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

/// `ua demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// The day to simulate [default: yesterday]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<Date>,
    /// The world to simulate
    #[command(flatten)]
    pub world: World,
    /// Where the demo's file goes; an earlier demo there is replaced
    #[arg(long, default_value = "ua-data/demo")]
    pub data_dir: PathBuf,
    /// Ends with one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// A simulated world.
#[derive(Debug, Args)]
pub struct World {
    /// The seed; the same seed is the same world
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Hosts of the account
    #[arg(long, default_value_t = 40)]
    pub hosts: u32,
    /// Meetings a day
    #[arg(long, default_value_t = 200)]
    pub meetings_per_day: u32,
    /// Participants of a meeting, on average
    #[arg(long, default_value_t = 12)]
    pub participants: u32,
    /// Serves webinars, too
    #[arg(long)]
    pub webinars: bool,
    /// Multiplies the quota; 0 lifts it
    #[arg(long, default_value_t = 20.0)]
    pub speed: f64,
    /// A fault and its rate, for example 429=0.02; may be given more than once
    #[arg(long, value_name = "KIND=RATE")]
    pub fault: Vec<simulator::FaultRate>,
}

/// `ua simulate`
#[derive(Debug, Args)]
pub struct Simulate {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8765)]
    pub port: u16,
    /// The world to simulate
    #[command(flatten)]
    pub world: World,
    /// The account's plan
    #[arg(long, default_value = "business")]
    pub plan: simulator::Plan,
    /// An account without the Dashboard: every /metrics call meets the entitlement wall
    #[arg(long)]
    pub no_dashboard: bool,
}

/// A duration such as `500ms`, `25s`, `10m`, `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 =
        number.parse().map_err(|_| format!("{text:?} is not a duration such as 25s, 10m or 2h"))?;
    let seconds = match unit {
        "ms" => return Ok(Duration::from_millis(number)),
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        _ => return Err(format!("{text:?} is not a duration such as 25s, 10m or 2h")),
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
        assert!(duration("soon").is_err() && duration("10y").is_err());
        assert!(duration("99999999999999999h").is_err());
    }
}
