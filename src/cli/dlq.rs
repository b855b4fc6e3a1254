//! `ua dlq`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use messages::{CauseClass, DeadState, MeetingUuid, Queue, Source};

use super::duration;
use crate::sources::vocabulary;

/// `ua dlq`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Dlq {
    /// Action
    #[command(subcommand)]
    pub command: DlqCommand,
}

const EXAMPLES: &str = "Examples:
  ua dlq list                            count by class, show the next step, list the newest
  ua dlq list --class gone --since 2d --limit 100
  ua dlq show zoom:participants:4444AAAiAAAAAiAiAiiAiA==
                                         show message, cause and history
  ua dlq replay --class html-blocked     replay after the proxy is fixed
  ua dlq replay --all --dry-run          show what a replay of all would do
  ua dlq drop --class gone --date 2026-01-02 --to gone.ndjson

Classes: gone, forbidden, not-ready-expired, plan-missing, html-blocked, bad-shape, mapping-refused, too-large,
crashed-worker, attempts-spent, unknown-version, removed-by-policy. Replayed and dropped letters stay as
history.";

/// An action on dead letters.
#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// Count dead letters by class, show the next step, and list the newest
    List(DlqList),
    /// Show one dead letter: message, cause, attempts and history
    Show {
        /// Id of the dead letter
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Publish dead letters again, oldest first, to the replay lane of their origin queue
    Replay(DlqReplay),
    /// Drop dead letters, after appending them to a file
    Drop(DlqDrop),
}

/// `ua dlq list`
#[derive(Debug, Args)]
pub struct DlqList {
    /// Filter
    #[command(flatten)]
    pub filter: DlqFilter,
    /// List letters in this state: dead, replayed, dropped or all
    #[arg(long, default_value = "dead")]
    pub state: WhichState,
    /// Maximum number of listed letters; counts include all
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub limit: u64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `ua dlq replay`
#[derive(Debug, Args)]
pub struct DlqReplay {
    /// Filter
    #[command(flatten)]
    pub choice: DlqChoice,
    /// Skip letters that were replayed this many times
    #[arg(long, default_value_t = 3)]
    pub max_replays: u32,
    /// Show what would be replayed, without replaying
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `ua dlq drop`
#[derive(Debug, Args)]
pub struct DlqDrop {
    /// Filter
    #[command(flatten)]
    pub choice: DlqChoice,
    /// Append the letters to this file as JSON lines [default: dropped-TIME.ndjson in the data folder]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Skip the confirmation prompt
    #[arg(long)]
    pub yes: bool,
    /// Show what would be dropped, without dropping
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Dead letters selected by id or by filter.
#[derive(Debug, Args)]
pub struct DlqChoice {
    /// Ids of dead letters, instead of a filter
    #[arg(conflicts_with_all = ["class", "source", "queue", "date", "uuid", "since", "limit", "all"])]
    pub ids: Vec<String>,
    /// Filter
    #[command(flatten)]
    pub filter: DlqFilter,
    /// Maximum number of letters, oldest first; skipped letters do not count
    #[arg(long)]
    pub limit: Option<usize>,
    /// All letters that match the filter; required without id, filter and limit
    #[arg(long)]
    pub all: bool,
}

/// A filter for dead letters.
#[derive(Debug, Args)]
pub struct DlqFilter {
    /// Only this cause class
    #[arg(long, value_parser = class)]
    pub class: Option<CauseClass>,
    /// Only this source
    #[arg(long, help = format!("Only this source: {}", vocabulary::choice(|words| words.role)))]
    pub source: Option<Source>,
    /// Only this origin queue, for example ua.jobs.zoom.detail.daily
    #[arg(long, value_parser = queue)]
    pub queue: Option<Queue>,
    /// Only this UTC date: the listed date, or the date of the meeting
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<Date>,
    /// Only this meeting
    #[arg(long)]
    pub uuid: Option<MeetingUuid>,
    /// Only letters that died since: a time, a date, or an age (90m, 12h, 3d)
    #[arg(long, value_name = "TIME")]
    pub since: Option<Since>,
}

/// The state of the listed letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhichState(pub Option<DeadState>);

impl FromStr for WhichState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self(None)),
            _ => match text.parse() {
                Ok(state) => Ok(Self(Some(state))),
                Err(_) => Err("it is none of dead, replayed, dropped and all".to_owned()),
            },
        }
    }
}

/// A point in time, or an age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// A point in time.
    At(Timestamp),
    /// An age.
    Ago(Duration),
}

impl Since {
    /// The point in time.
    pub fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(time) => now.checked_sub(time).unwrap_or(Timestamp::MIN),
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let date = |date: Date| TimeZone::UTC.to_timestamp(date.to_datetime(Time::midnight())).ok();
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        if let Some(time) = text.parse().ok().and_then(date) {
            return Ok(Self::At(time));
        }
        duration(text).map(Self::Ago).map_err(|_| {
            "it is no time (2026-01-02T03:04:05Z), no date (2026-01-02) and no duration (90m, 12h, 3d)"
                .to_owned()
        })
    }
}

fn class(text: &str) -> Result<CauseClass, String> {
    let names = || CauseClass::ALL.map(CauseClass::name).join(", ");
    text.parse().map_err(|_| format!("it is none of {}", names()))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a parser of clap's may fail; any name is taken, since a queue may be gone"
)]
fn queue(text: &str) -> Result<Queue, String> {
    Ok(Queue::named(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_a_date_or_a_duration() {
        let now: Timestamp = "2026-01-05T12:00:00Z".parse().unwrap();
        for (text, wanted) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05Z"),
            ("2026-01-02", "2026-01-02T00:00:00Z"),
            ("90m", "2026-01-05T10:30:00Z"),
            ("3d", "2026-01-02T12:00:00Z"),
        ] {
            assert_eq!(text.parse::<Since>().unwrap().before(now).to_string(), wanted);
        }
        for wrong in ["", "yesterday", "3w", "2026-13-01"] {
            assert!(wrong.parse::<Since>().unwrap_err().contains("2026-01-02"), "{wrong}");
        }
        assert_eq!("99999999999d".parse::<Since>().unwrap().before(now), Timestamp::MIN);
    }
}
