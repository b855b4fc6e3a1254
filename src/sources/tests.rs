//! Properties of every source. These tests fail when a new source lacks a part.

use std::collections::BTreeSet;

use clap::ValueEnum as _;
use jiff::Timestamp;
use messages::{Calls, Source};
use planner::Price;
use store::DocumentKind;

use super::reporting::Harvest;
use super::{of, vocabulary};
use crate::cli::{RoleName, Selectors};
use crate::config::{Config, Environment, VARIABLES};

/// Returns a configuration with every source.
fn configured() -> Config {
    let variables = [
        ("ZOOM_ACCOUNT_ID", "a"),
        ("ZOOM_CLIENT_ID", "b"),
        ("ZOOM_CLIENT_SECRET", "c"),
        ("OPENCAST_ENGAGE_URL", "http://h"),
    ];
    Config::from(&Environment::of(variables.map(|(name, value)| (name, value.to_owned())))).unwrap()
}

/// Collects the values; panics when two are equal.
fn different<T: Ord + std::fmt::Debug>(all: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut seen = BTreeSet::new();
    for one in all {
        let text = format!("{one:?}");
        assert!(seen.insert(one), "{text} is there twice");
    }
    seen
}

#[test]
fn each_has_a_role_of_its_own_name() {
    let roles = RoleName::value_variants().iter();
    let names = different(roles.map(|role| role.to_possible_value().unwrap().get_name().to_owned()));
    for (source, words) in vocabulary::all() {
        assert_eq!(words.role, source.to_string());
        assert!(names.contains(words.role), "{source}");
        assert_eq!(RoleName::from_str(words.role, false), Ok(RoleName::Fetch(source)));
    }
    different(vocabulary::all().map(|(_, words)| words.name));
}

#[test]
fn a_word_means_one_limit_of_one_source() {
    let limits = vocabulary::limits().flat_map(|(_, limit)| limit.words).copied();
    let others = vocabulary::all().flat_map(|(_, words)| [words.limits.all, words.limits.reserve]);
    let mut taken = different(limits.chain(others.flatten()));
    for (source, words) in vocabulary::all() {
        // A source's name means all of the source, so it may also name its only limit.
        let is_only = matches!(words.limits.each, [limit] if limit.words.contains(&words.role));
        assert!(taken.insert(words.role) || is_only, "{source}");
    }
    different(vocabulary::limits().map(|(_, limit)| limit.name));
}

#[test]
fn every_limit_of_its_account_is_reached_by_a_word() {
    let config = configured();
    for (source, words) in vocabulary::all() {
        let account = of(source).account(&config).unwrap();
        assert_eq!(account.source, source.to_string());
        let named: Vec<&str> = words.limits.each.iter().map(|limit| limit.name).collect();
        assert_eq!(named, account.limits.iter().map(|limit| limit.name).collect::<Vec<_>>(), "{source}");
        for limit in words.limits.each {
            assert!(words.limits.to_share.contains(limit.name), "{source}: {}", limit.name);
            for word in limit.words {
                assert!(words.limits.to_pause.contains(word), "{source}: {word}");
            }
        }
        let bounded: BTreeSet<_> = words.limits.each.iter().filter_map(|limit| limit.family).collect();
        assert_eq!(bounded, source.families().iter().copied().collect(), "{source}");
    }
}

#[test]
fn what_is_harvested_has_names_of_its_own() {
    let records: Vec<_> = vocabulary::all().map(|(_, words)| &words.records).collect();
    different(records.iter().map(|records| records.name));
    different(records.iter().flat_map(|records| [records.came, records.promised]));
    assert!(vocabulary::all().all(|(_, words)| !words.documents.is_empty()));
    let documents =
        different(vocabulary::all().flat_map(|(_, words)| words.documents).map(|kind| kind.name()));
    let of_no_source =
        [DocumentKind::Deadletters, DocumentKind::Harvests, DocumentKind::Raw, DocumentKind::Runs]
            .map(DocumentKind::name);
    let all = documents.into_iter().chain(of_no_source);
    assert_eq!(different(all), DocumentKind::ALL.into_iter().map(DocumentKind::name).collect());
}

#[test]
fn it_is_there_by_its_own_variables_alone() {
    let (none, all) = (Config::from(&Environment::of([])).unwrap(), configured());
    assert_eq!(none.sources(), []);
    assert_eq!(all.sources(), Source::ALL);
    // Without any configuration, errors name what the first source requires.
    assert_eq!(none.begun(), Source::ALL[..1]);
    assert_eq!(all.begun(), Source::ALL);
    for (source, words) in vocabulary::all() {
        assert!(none.has_nothing_of(source) && !all.has_nothing_of(source), "{source}");
        assert!(none.require(&[source], None).is_err(), "{source}");
        let prefix = words.variables.strip_suffix('*').unwrap();
        assert!(VARIABLES.iter().any(|variable| variable.name.starts_with(prefix)), "{source}");
        // An unknown label is an error only for sources whose accounts have labels.
        assert_eq!(all.of_source(source, Some("nobody")).is_err(), words.has_labels, "{source}");
        assert!(!(words.selectors.are_said)(&Selectors::default()), "{source}");
    }
}

#[test]
fn what_is_told_of_it_takes_nobody_elses_place() {
    let price = || Price {
        resource_intensive: 1,
        heavy: 2,
        details: 2,
        other: 4,
        per_day: 0,
        left_today: None,
        quota_days: 1,
        seconds: 0,
        finish_at: Timestamp::UNIX_EPOCH,
        known: 1,
        estimated: 0,
        guessed: 0,
        basis: Vec::new(),
        opens: planner::Opens::Now,
    };
    for source in Source::ALL {
        // The other fields of `ua run --json`.
        let others = ["dates", "dead", "waiting", "seconds", "complete"];
        let summary = of(source).summary(Harvest::default());
        different(summary.figures.iter().map(|(name, _)| *name).chain(others));
        assert!(!summary.what.is_empty(), "{source}");
        let call_uses = of(source).call_use(&price(), &Calls::default());
        different(call_uses.iter().map(|call| call.calls));
        assert!(call_uses.iter().any(|call| call.price > Some(0)), "{source}");
        assert!(price().sentence(of(source).vocabulary().name).contains("call"), "{source}");
    }
}
