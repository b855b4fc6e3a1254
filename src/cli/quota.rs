//! `ua quota`, `ua pause` and `ua resume`.

use clap::{Args, Subcommand};
use jiff::civil::{DateTime, Time};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan as _};

use super::limits::{
    Meant, Resumed, Setting, of_account, paused, resumed, setting, to_pause, to_resume, to_share,
};
use super::{Json, duration};

/// `ua quota`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = QUOTA_EXAMPLES)]
pub struct Quota {
    /// Action [default: show]
    #[command(subcommand)]
    pub command: Option<QuotaAction>,
    /// Account
    #[command(flatten)]
    pub of: OfAccount,
}

const QUOTA_EXAMPLES: &str = "Examples:
  ua quota                               show limits, today's calls and pauses
  ua quota set heavy=50%                 use half of the account's Heavy quota, for all workers
  ua quota set all=60% reserve=2000      use 60 % of every limit; leave 2,000 calls of each day to other apps
  ua quota set all=default reserve=default
                                         reset to ZOOM_QUOTA_SHARE and ZOOM_DAILY_RESERVE
  ua quota set opencast=50%              use half of OPENCAST_CALLS_PER_SECOND";

/// An action on the quota.
#[derive(Debug, Subcommand)]
pub enum QuotaAction {
    /// Show the quota
    Show(OfAccount),
    /// Change the share of the quota for all workers at once
    Set {
        /// LIMIT=SHARE, LIMIT=default or reserve=CALLS per day
        #[arg(required = true, value_name = "WHAT=VALUE", value_parser = setting, help = to_share())]
        settings: Vec<Setting>,
        /// Account
        #[command(flatten)]
        of: OfAccount,
    },
}

/// Account and output format.
#[derive(Debug, Args)]
pub struct OfAccount {
    /// Account label
    #[arg(long, value_name = "LABEL", help = of_account())]
    pub account: Option<String>,
    /// Output format
    #[command(flatten)]
    pub json: Json,
}

/// `ua pause`
#[derive(Debug, Args)]
#[command(after_help = PAUSE_EXAMPLES)]
pub struct Pause {
    /// Source or limit
    #[arg(required = true, value_parser = paused, help = to_pause())]
    pub what: Vec<Meant>,
    /// End of the pause: 2h, 18:30 (UTC, next occurrence) or 2026-01-02T18:30 (UTC) [default: until `ua resume`]
    #[arg(long, value_name = "TIME", value_parser = until)]
    pub until: Option<Timestamp>,
    /// Reason, shown in `ua status`
    #[arg(long, value_name = "TEXT", default_value = "by hand")]
    pub why: String,
    /// Account
    #[command(flatten)]
    pub of: OfAccount,
}

const PAUSE_EXAMPLES: &str = "Jobs are requeued; attempts are not counted.
Examples:
  ua pause zoom --why \"maintenance\"      pause all calls to Zoom until `ua resume zoom`
  ua pause heavy --until 18:30           pause details until 18:30 UTC; lists continue
  ua pause opencast --until 2h           pause all calls to Opencast for two hours, on all workers";

/// `ua resume`
#[derive(Debug, Args)]
#[command(after_help = RESUME_EXAMPLES)]
pub struct Resume {
    /// Source, limit, role or all
    #[arg(required = true, value_parser = resumed, help = to_resume())]
    pub what: Vec<Resumed>,
    /// Account
    #[command(flatten)]
    pub of: OfAccount,
}

const RESUME_EXAMPLES: &str = "Lifts pauses, and every hold of the roles, whatever its cause: they try again at once.
Examples:
  ua resume zoom                         resume what was paused by hand or by the API's daily limit; a day that
                                         our own count has spent needs midnight, a larger share or a smaller
                                         reserve (`ua quota set`)
  ua resume index                        ask the store again at once
  ua resume all                          resume every source and every role";

/// A future time.
fn until(text: &str) -> Result<Timestamp, String> {
    let now = runtime::clock::now();
    let time = time(text, now).ok_or_else(|| {
        format!(
            "{text:?} is not a time: 2h, 18:30 (UTC), 2026-01-02T18:30 (UTC) or 2026-01-02T18:30:00+01:00"
        )
    })?;
    if time <= now { Err(format!("{text} is over already")) } else { Ok(time) }
}

fn time(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if let Ok(time) = text.parse::<DateTime>() {
        return Offset::UTC.to_timestamp(time).ok();
    }
    let is_of_day = text.len() == 5 && text.as_bytes().get(2) == Some(&b':');
    if let (true, Ok(time)) = (is_of_day, text.parse::<Time>()) {
        let today = Offset::UTC.to_datetime(now).date();
        let date = if Offset::UTC.to_timestamp(today.to_datetime(time)).ok()? > now {
            today
        } else {
            today.checked_add(1.day()).ok()?
        };
        return Offset::UTC.to_timestamp(date.to_datetime(time)).ok();
    }
    // A number without a unit is ambiguous.
    let has_unit = text.ends_with(|c: char| c.is_ascii_alphabetic());
    let wait = jiff::SignedDuration::try_from(duration(text).ok().filter(|_| has_unit)?).ok()?;
    now.checked_add(wait).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_must_be_to_come() {
        let now: Timestamp = "2026-01-02T12:00:00Z".parse().unwrap();
        let read = |text| time(text, now).map(|time| time.to_string());
        assert_eq!(read("2h").as_deref(), Some("2026-01-02T14:00:00Z"));
        assert_eq!(read("18:30").as_deref(), Some("2026-01-02T18:30:00Z"));
        assert_eq!(read("06:30").as_deref(), Some("2026-01-03T06:30:00Z"));
        assert_eq!(read("2026-01-05T06:30").as_deref(), Some("2026-01-05T06:30:00Z"));
        assert_eq!(read("2026-01-05T06:30:00+01:00").as_deref(), Some("2026-01-05T05:30:00Z"));
        for bad in ["", "soon", "25:00", "5", "2026-13-01"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert!(until("2020-01-01T00:00").unwrap_err().contains("over already"));
    }
}
