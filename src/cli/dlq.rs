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
use crate::sources::words;

/// `ua dlq`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Dlq {
    /// What to do with dead letters
    #[command(subcommand)]
    pub command: DlqCommand,
}

const EXAMPLES: &str = "Examples:
  ua dlq list                            how many of which class, what to do about them, and the newest
  ua dlq list --class gone --since 2d --limit 100
  ua dlq show zoom:participants:4444AAAiAAAAAiAiAiiAiA==
                                         one with its message, its cause and its history
  ua dlq replay --class html-blocked     once the proxy is mended
  ua dlq replay --all --dry-run          what a replay of everything would do
  ua dlq drop --class gone --date 2026-01-02 --to gone.ndjson

Classes: gone, forbidden, not-ready-expired, plan-missing, html-blocked, bad-shape, mapping-refused, too-large,
crashed-worker, attempts-spent, unknown-version. A letter that was replayed or dropped stays as history.";

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// Counts dead letters by class, says what to do about them, and lists the newest
    List(DlqList),
    /// Shows one: its message, cause, attempts and history
    Show {
        /// Its id
        id: String,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Publishes dead letters again, the oldest first, each to the replay lane of the queue it died in
    Replay(DlqReplay),
    /// Gives dead letters up, after appending them to a file
    Drop(DlqDrop),
}

/// `ua dlq list`
#[derive(Debug, Args)]
pub struct DlqList {
    /// Which ones
    #[command(flatten)]
    pub filter: DlqFilter,
    /// In this state: dead, replayed, dropped or all
    #[arg(long, default_value = "dead")]
    pub state: WhichState,
    /// Lists the newest, so many at most; classes are counted whatever the limit
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub limit: u64,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

/// `ua dlq replay`
#[derive(Debug, Args)]
pub struct DlqReplay {
    /// Which ones
    #[command(flatten)]
    pub choice: DlqChoice,
    /// Leaves those that were replayed so often before
    #[arg(long, default_value_t = 3)]
    pub max_replays: u32,
    /// Says what would be replayed and does nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

/// `ua dlq drop`
#[derive(Debug, Args)]
pub struct DlqDrop {
    /// Which ones
    #[command(flatten)]
    pub choice: DlqChoice,
    /// Appends them to this file, one JSON line each [default: dropped-TIME.ndjson in the data folder]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Does not ask
    #[arg(long)]
    pub yes: bool,
    /// Says what would be dropped and does nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

/// Dead letters by their ids, or by what they have in common.
#[derive(Debug, Args)]
pub struct DlqChoice {
    /// Their ids; or choose by filter
    #[arg(conflicts_with_all = ["class", "source", "queue", "date", "uuid", "since", "limit", "all"])]
    pub ids: Vec<String>,
    /// Which ones
    #[command(flatten)]
    pub filter: DlqFilter,
    /// The oldest, so many at most; one to which it cannot be done does not count
    #[arg(long)]
    pub limit: Option<usize>,
    /// All that fit the filter; needed where there is neither id, filter nor limit
    #[arg(long)]
    pub all: bool,
}

/// Which dead letters.
#[derive(Debug, Args)]
pub struct DlqFilter {
    /// Of this cause class
    #[arg(long, value_parser = class)]
    pub class: Option<CauseClass>,
    /// Of this source
    #[arg(long, help = format!("Of this source: {}", words::choice(|words| words.role)))]
    pub source: Option<Source>,
    /// That died in this queue, for example ua.jobs.zoom.detail.daily
    #[arg(long, value_parser = queue)]
    pub queue: Option<Queue>,
    /// Of this UTC date: the one listed, or on which the meeting was
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<Date>,
    /// About this meeting
    #[arg(long)]
    pub uuid: Option<MeetingUuid>,
    /// That died since then: a time, a date, or so long ago (90m, 12h, 3d)
    #[arg(long, value_name = "TIME")]
    pub since: Option<Since>,
}

/// The state of the letters to be listed.
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

/// A point in time, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Then.
    At(Timestamp),
    /// So long ago.
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
