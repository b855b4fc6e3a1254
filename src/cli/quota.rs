//! `ua quota`, `ua pause` and `ua resume`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use jiff::civil::{DateTime, Time};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan as _};
use messages::Source;

use super::{Json, duration};

/// `ua quota`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = QUOTA_EXAMPLES)]
pub struct Quota {
    /// What to do with the quota [default: show]
    #[command(subcommand)]
    pub command: Option<QuotaCommand>,
    /// Which account
    #[command(flatten)]
    pub of: OfAccount,
}

const QUOTA_EXAMPLES: &str = "Examples:
  ua quota                               what may be called, what was called today, what is paused
  ua quota set heavy=50%                 half of the account's Heavy quota, from now on, for every worker
  ua quota set all=60% reserve=2000      60 % of every limit; 2,000 calls of the day are left to others
  ua quota set all=default reserve=default
                                         back to ZOOM_QUOTA_SHARE and ZOOM_DAILY_RESERVE
  ua quota set opencast=50%              half of OPENCAST_CALLS_PER_SECOND";

/// What to do with the quota.
#[derive(Debug, Subcommand)]
pub enum QuotaCommand {
    /// Shows how the quota stands
    Show(OfAccount),
    /// Shares the quota otherwise, for every worker at once
    Set {
        /// light, medium, heavy, resource-intensive, all (of Zoom) or opencast = a share (50%, 0.5) or default; reserve =
        /// calls a day
        #[arg(required = true, value_name = "WHAT=VALUE", value_parser = setting)]
        settings: Vec<Setting>,
        /// Which account
        #[command(flatten)]
        of: OfAccount,
    },
}

/// Which account, and how to print.
#[derive(Debug, Args)]
pub struct OfAccount {
    /// The label of an account of Zoom [default: every account]
    #[arg(long, value_name = "LABEL")]
    pub account: Option<String>,
    /// How to print
    #[command(flatten)]
    pub json: Json,
}

/// One of the settings of `ua quota set`.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// A share of a limit; `None`: as configured. The limit `all` is every one of Zoom.
    Share(String, Option<f64>),
    /// Calls of the day that are left to others; `None`: as configured.
    Reserve(Option<u64>),
}

/// The limits there are, by the names of this command, and the source that has each.
const LIMITS: [(&str, &str, Source); 7] = [
    ("light", "light", Source::Zoom),
    ("medium", "medium", Source::Zoom),
    ("heavy", "heavy", Source::Zoom),
    ("detail", "heavy", Source::Zoom),
    ("resource-intensive", "resource-intensive", Source::Zoom),
    ("list", "resource-intensive", Source::Zoom),
    ("opencast", "opencast", Source::Opencast),
];

/// The source that has a limit; `all` is every one of Zoom.
fn source_of(limit: &str) -> Source {
    let found = LIMITS.iter().find(|(_, known, _)| *known == limit);
    found.map_or(Source::Zoom, |(.., source)| *source)
}

fn setting(text: &str) -> Result<Setting, String> {
    let Some((what, value)) = text.split_once('=') else {
        return Err("takes WHAT=VALUE, for example heavy=50% or reserve=2000".to_owned());
    };
    if what == "reserve" {
        let calls =
            || value.parse().map_err(|_| format!("the reserve takes a number of calls, not {value:?}"));
        return Ok(Setting::Reserve(if value == "default" { None } else { Some(calls()?) }));
    }
    let limit = if what == "all" { "all" } else { limit(what, &["all", "reserve"])? };
    Ok(Setting::Share(limit.to_owned(), if value == "default" { None } else { Some(share(value)?) }))
}

/// The limit of this name. `besides` are the other words that may stand in its place.
fn limit(name: &str, besides: &[&str]) -> Result<&'static str, String> {
    let found = LIMITS.iter().find(|(known, ..)| *known == name).map(|(_, limit, _)| *limit);
    found.ok_or_else(|| {
        let known: Vec<&str> =
            besides.iter().copied().chain(LIMITS.iter().map(|(known, ..)| *known)).collect();
        format!("there is no limit {name:?}: {}", known.join(", "))
    })
}

fn share(text: &str) -> Result<f64, String> {
    // Whoever forgets the sign of `1%` must not get the whole account.
    if text == "1" {
        return Err("1 could be 1 % or all of it: say 1% or 100%".to_owned());
    }
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse().map(|percent: f64| percent / 100.0),
        None => text.parse(),
    };
    match number {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err(format!("a share is above 0 and at most 100 %, like 50% or 0.5, not {text:?}")),
    }
}

impl Setting {
    /// The source it is for.
    pub(crate) fn source(&self) -> Source {
        match self {
            Self::Share(limit, _) => source_of(limit),
            Self::Reserve(_) => Source::Zoom,
        }
    }
}

/// What the settings come to for one source, whose limits these are: shares by limit, and the reserve.
pub(crate) fn settings(
    settings: &[Setting],
    source: Source,
    limits: &[&str],
) -> (BTreeMap<String, Option<f64>>, Option<Option<u64>>) {
    let (mut shares, mut reserve) = (BTreeMap::new(), None);
    for setting in settings.iter().filter(|setting| setting.source() == source) {
        match setting {
            Setting::Share(limit, share) if limit == "all" => {
                shares.extend(limits.iter().map(|limit| ((*limit).to_owned(), *share)));
            }
            Setting::Share(limit, share) => _ = shares.insert(limit.clone(), *share),
            Setting::Reserve(calls) => reserve = Some(*calls),
        }
    }
    (shares, reserve)
}

/// `ua pause`
#[derive(Debug, Args)]
#[command(after_help = PAUSE_EXAMPLES)]
pub struct Pause {
    /// zoom (all of it), light, medium, heavy, resource-intensive, list, detail or opencast
    #[arg(required = true, value_parser = paused)]
    pub what: Vec<Paused>,
    /// Until when: 2h, 18:30 (UTC, the next one) or 2026-01-02T18:30 (UTC) [default: until `ua resume`]
    #[arg(long, value_name = "TIME", value_parser = until)]
    pub until: Option<Timestamp>,
    /// Why, for everybody who looks
    #[arg(long, value_name = "TEXT", default_value = "by hand")]
    pub why: String,
    /// Which account
    #[command(flatten)]
    pub of: OfAccount,
}

const PAUSE_EXAMPLES: &str = "Jobs go back to their queues unharmed; nothing counts as an attempt.
Examples:
  ua pause zoom --why \"maintenance\"      no call to Zoom until `ua resume zoom`
  ua pause heavy --until 18:30           details wait until 18:30 UTC; lists go on
  ua pause opencast --until 2h           no call to Opencast for two hours, whoever would make it";

/// `ua resume`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  ua resume zoom                         everything goes on that was paused by hand, or because the API\n                                         says that the day is spent; what our own count has spent waits for\n                                         midnight, a larger share or a smaller reserve (`ua quota set`)"
)]
pub struct Resume {
    /// zoom (all of it), light, medium, heavy, resource-intensive, list, detail or opencast
    #[arg(required = true, value_parser = paused)]
    pub what: Vec<Paused>,
    /// Which account
    #[command(flatten)]
    pub of: OfAccount,
}

/// What can be paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    /// Every limit of Zoom.
    Zoom,
    /// One limit.
    Limit(&'static str),
}

impl Paused {
    /// The source that is meant.
    pub(crate) fn source(self) -> Source {
        match self {
            Self::Zoom => Source::Zoom,
            Self::Limit(limit) => source_of(limit),
        }
    }

    /// The limits that this means of one source, whose limits are `all`.
    pub(crate) fn limits(words: &[Self], source: Source, all: &[&str]) -> Vec<String> {
        let mut limits: Vec<String> = Vec::new();
        for word in words.iter().filter(|word| word.source() == source) {
            match word {
                Self::Zoom => limits.extend(all.iter().map(|limit| (*limit).to_owned())),
                Self::Limit(limit) => limits.push((*limit).to_owned()),
            }
        }
        limits.sort();
        limits.dedup();
        limits
    }
}

fn paused(text: &str) -> Result<Paused, String> {
    if text == "zoom" { Ok(Paused::Zoom) } else { limit(text, &["zoom"]).map(Paused::Limit) }
}

/// A time to come.
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
    // A bare number could mean anything.
    let has_unit = text.ends_with(|c: char| c.is_ascii_alphabetic());
    let wait = jiff::SignedDuration::try_from(duration(text).ok().filter(|_| has_unit)?).ok()?;
    now.checked_add(wait).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_reserves_are_read() {
        assert_eq!(setting("heavy=50%"), Ok(Setting::Share("heavy".into(), Some(0.5))));
        assert_eq!(setting("list=0.3"), Ok(Setting::Share("resource-intensive".into(), Some(0.3))));
        assert_eq!(setting("all=100%"), Ok(Setting::Share("all".into(), Some(1.0))));
        assert_eq!(setting("heavy=default"), Ok(Setting::Share("heavy".into(), None)));
        assert_eq!(setting("reserve=2000"), Ok(Setting::Reserve(Some(2_000))));
        for bad in [
            "heavy",
            "heavy=0",
            "heavy=0%",
            "heavy=101%",
            "heavy=1.5",
            "heavy=-1",
            "heavy=NaN",
            "huge=50%",
            "reserve=-1",
        ] {
            assert!(setting(bad).is_err(), "{bad}");
        }
        let both = [Setting::Share("all".into(), Some(0.6)), Setting::Share("heavy".into(), Some(0.5))];
        let (shares, reserve) = settings(&both, Source::Zoom, &["heavy", "light"]);
        assert_eq!((shares["heavy"], shares["light"], reserve), (Some(0.5), Some(0.6), None));
        let both = [setting("opencast=20%").unwrap(), setting("all=60%").unwrap(), Setting::Reserve(None)];
        let (shares, reserve) = settings(&both, Source::Opencast, &["opencast"]);
        assert_eq!((shares, reserve), ([("opencast".to_owned(), Some(0.2))].into(), None));
    }

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

    #[test]
    fn names_of_work_mean_their_limits() {
        let all = ["light", "heavy"];
        assert_eq!(
            Paused::limits(&[paused("detail").unwrap(), paused("zoom").unwrap()], Source::Zoom, &all),
            ["heavy", "light"]
        );
        let both = [paused("zoom").unwrap(), paused("opencast").unwrap()];
        assert_eq!(Paused::limits(&both, Source::Opencast, &["opencast"]), ["opencast"]);
        assert_eq!(both.map(Paused::source), [Source::Zoom, Source::Opencast]);
        assert!(paused("netflix").is_err());
    }
}
