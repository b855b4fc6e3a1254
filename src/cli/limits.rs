//! Names of limits in `ua quota set`, `ua pause` and `ua resume`. Each source defines its own.

use std::collections::BTreeMap;

use messages::Source;

use crate::sources::vocabulary::{self, Vocabulary};

/// A setting of `ua quota set`.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// The share of a limit; `None` restores the configured share.
    Share(Meant, Option<f64>),
    /// Calls per day that a source leaves unused; `None` restores the configured reserve.
    Reserve(Source, Option<u64>),
}

/// A limit, or all limits of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meant {
    /// The source.
    pub source: Source,
    /// Name of the limit; `None`: all limits.
    pub limit: Option<&'static str>,
}

/// An argument of `ua resume`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// Limits of a source, and the roles that fetch from it.
    Meant(Meant),
    /// A role that fetches from no source.
    Role(&'static str),
    /// Everything that is configured.
    All,
}

/// Roles that can be on hold and fetch from no source.
const OTHERS: [&str; 2] = ["index", "schedule"];
const EVERYTHING: &str = "all";

/// Returns the help of `ua quota set`.
pub(super) fn to_share() -> String {
    let limits = vocabulary::choice(|words| words.limits.to_share);
    format!("{limits} = a share (50%, 0.5) or default; reserve = calls per day")
}

/// Returns the help of `--account`.
pub(super) fn of_account() -> String {
    format!("Account label of {} [default: all accounts]", vocabulary::labelled())
}

/// Returns the help of `ua pause`.
pub(super) fn to_pause() -> String {
    vocabulary::choice(|words| words.limits.to_pause)
}

/// Returns the help of `ua resume`.
pub(super) fn to_resume() -> String {
    format!("{}, {} or {EVERYTHING}", to_pause().replace(" or ", ", "), OTHERS.join(", "))
}

/// Parses an argument of `ua resume`.
pub(super) fn resumed(text: &str) -> Result<Resumed, String> {
    if text == EVERYTHING {
        return Ok(Resumed::All);
    }
    match OTHERS.into_iter().find(|role| *role == text) {
        Some(role) => Ok(Resumed::Role(role)),
        None => paused(text).map(Resumed::Meant).map_err(|error| format!("{error}, {}", OTHERS.join(", "))),
    }
}

/// Parses an argument of `ua quota set`.
pub(super) fn setting(text: &str) -> Result<Setting, String> {
    let Some((what, value)) = text.split_once('=') else {
        return Err("takes WHAT=VALUE, for example heavy=50% or reserve=2000".to_owned());
    };
    if let Some(source) = whose(what, |words| words.limits.reserve) {
        let calls =
            || value.parse().map_err(|_| format!("the reserve takes a number of calls, not {value:?}"));
        return Ok(Setting::Reserve(source, if value == "default" { None } else { Some(calls()?) }));
    }
    let meant = match whose(what, |words| words.limits.all) {
        Some(source) => Meant { source, limit: None },
        None => {
            limit(what, vocabulary::all().flat_map(|(_, words)| [words.limits.all, words.limits.reserve]))?
        }
    };
    Ok(Setting::Share(meant, if value == "default" { None } else { Some(share(value)?) }))
}

/// Returns the source that defines this word.
fn whose(word: &str, of: impl Fn(&Vocabulary) -> Option<&'static str>) -> Option<Source> {
    vocabulary::all().find(|(_, words)| of(words) == Some(word)).map(|(source, _)| source)
}

/// Returns the limit with this word. The error lists all limits and `besides`, the other accepted words.
fn limit(word: &str, besides: impl Iterator<Item = Option<&'static str>>) -> Result<Meant, String> {
    let found = vocabulary::limits().find(|(_, limit)| limit.words.contains(&word));
    found.map(|(source, limit)| Meant { source, limit: Some(limit.name) }).ok_or_else(|| {
        let limits = vocabulary::limits().flat_map(|(_, limit)| limit.words).copied();
        let known: Vec<&str> = besides.flatten().chain(limits).collect();
        format!("there is no limit {word:?}: {}", known.join(", "))
    })
}

fn share(text: &str) -> Result<f64, String> {
    // A missing `%` in `1%` must not grant the whole quota.
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
    /// Returns the setting's source.
    pub(crate) fn source(&self) -> Source {
        match self {
            Self::Share(Meant { source, .. }, _) | Self::Reserve(source, _) => *source,
        }
    }
}

impl Meant {
    /// Returns the names of a source's selected limits; `all` are its limits.
    pub(crate) fn limits(words: &[Self], source: Source, all: &[&str]) -> Vec<String> {
        let own = words.iter().filter(|word| word.source == source);
        let mut limits: Vec<String> = own.flat_map(|word| word.of(all)).collect();
        limits.sort();
        limits.dedup();
        limits
    }

    /// Returns the selected names out of `all`, the limits of the source.
    fn of(self, all: &[&str]) -> Vec<String> {
        let names = self.limit.as_ref().map_or(all, std::slice::from_ref);
        names.iter().map(|limit| (*limit).to_owned()).collect()
    }
}

/// Returns the shares by limit, and the reserve, that these settings give one source; `limits` are its limits.
pub(crate) fn settings(
    settings: &[Setting],
    source: Source,
    limits: &[&str],
) -> (BTreeMap<String, Option<f64>>, Option<Option<u64>>) {
    let (mut shares, mut reserve) = (BTreeMap::new(), None);
    for setting in settings.iter().filter(|setting| setting.source() == source) {
        match setting {
            Setting::Share(meant, share) => {
                shares.extend(meant.of(limits).into_iter().map(|limit| (limit, *share)));
            }
            Setting::Reserve(_, calls) => reserve = Some(*calls),
        }
    }
    (shares, reserve)
}

/// Parses an argument of `ua pause`. A source's name selects all its limits.
pub(super) fn paused(text: &str) -> Result<Meant, String> {
    if let Some((source, _)) = vocabulary::all().find(|(_, words)| words.role == text) {
        return Ok(Meant { source, limit: None });
    }
    let is_limit = |name: &str| vocabulary::limits().any(|(_, limit)| limit.words.contains(&name));
    limit(text, vocabulary::all().map(|(_, words)| Some(words.role).filter(|role| !is_limit(role))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_reserves_are_read() {
        let zoom = |limit| Meant { source: Source::Zoom, limit };
        assert_eq!(setting("heavy=50%"), Ok(Setting::Share(zoom(Some("heavy")), Some(0.5))));
        assert_eq!(setting("list=0.3"), Ok(Setting::Share(zoom(Some("resource-intensive")), Some(0.3))));
        assert_eq!(setting("all=100%"), Ok(Setting::Share(zoom(None), Some(1.0))));
        assert_eq!(setting("heavy=default"), Ok(Setting::Share(zoom(Some("heavy")), None)));
        assert_eq!(setting("reserve=2000"), Ok(Setting::Reserve(Source::Zoom, Some(2_000))));
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
        let both = ["all=60%", "heavy=50%"].map(|text| setting(text).unwrap());
        let (shares, reserve) = settings(&both, Source::Zoom, &["heavy", "light"]);
        assert_eq!((shares["heavy"], shares["light"], reserve), (Some(0.5), Some(0.6), None));
        let both = ["opencast=20%", "all=60%", "reserve=default"].map(|text| setting(text).unwrap());
        let (shares, reserve) = settings(&both, Source::Opencast, &["opencast"]);
        assert_eq!((shares, reserve), ([("opencast".to_owned(), Some(0.2))].into(), None));
    }

    #[test]
    fn roles_and_everything_can_be_resumed() {
        assert_eq!(resumed("index"), Ok(Resumed::Role("index")));
        assert_eq!(resumed("all"), Ok(Resumed::All));
        assert_eq!(resumed("heavy"), paused("heavy").map(Resumed::Meant));
        assert!(resumed("netflix").unwrap_err().ends_with(", index, schedule"));
    }

    #[test]
    fn names_of_work_mean_their_limits() {
        let all = ["light", "heavy"];
        assert_eq!(
            Meant::limits(&[paused("detail").unwrap(), paused("zoom").unwrap()], Source::Zoom, &all),
            ["heavy", "light"]
        );
        let both = [paused("zoom").unwrap(), paused("opencast").unwrap()];
        assert_eq!(Meant::limits(&both, Source::Opencast, &["opencast"]), ["opencast"]);
        assert_eq!(both.map(|meant| meant.source), [Source::Zoom, Source::Opencast]);
    }

    #[test]
    fn an_unknown_word_is_told_what_there_is() {
        let limits = "light, medium, heavy, detail, resource-intensive, list, opencast";
        for (said, first) in [
            (paused("netflix").unwrap_err(), "zoom, "),
            (setting("netflix=50%").unwrap_err(), "all, reserve, "),
        ] {
            assert!(said.starts_with(&format!("there is no limit \"netflix\": {first}")), "{said}");
            assert!(said.contains(limits), "{said}");
        }
    }
}
