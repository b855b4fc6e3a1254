//! Selects the lectures of a table and shows its progress.

use std::io::IsTerminal as _;

use serde::Deserialize;
use store::{DocumentKind, Query, Store};

use super::dates;
use crate::cli::{Lectures, Target};
use crate::progress::{Progress, Stage};
use crate::{output, units};

/// Lectures per request to the store.
const PAGE: usize = 1_000;
/// Sorts after every character that can continue a name.
const LAST: char = char::MAX;
/// Long fields of an episode that are not needed here.
const LONG: [&str; 6] = ["title", "course", "description", "slides", "presenter_still", "presentation_still"];

/// The needed fields of an episode.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub(super) struct Lecture {
    pub(super) mpid: String,
    /// Milliseconds of the recording.
    pub(super) duration: Option<i64>,
    /// Milliseconds of the live stream.
    pub(super) live_duration: Option<i64>,
}

/// Selects the episodes of the requested term and series, of any date.
pub(super) fn of_any_date(asked: &Lectures) -> Query {
    let Lectures { term, series, .. } = asked;
    let mut query = Query::all(DocumentKind::Episodes);
    if let Some(term) = term {
        query = query.between("series", term, format!("{term}{LAST}"));
    }
    if let Some(series) = series {
        query = query.with("series", series);
    }
    query
}

/// Selects the requested episodes.
///
/// # Errors
/// If the dates are reversed.
pub(super) fn query(asked: &Lectures) -> anyhow::Result<Query> {
    let mut query = of_any_date(asked);
    let (from, to) = dates(asked.from, asked.to)?;
    query.ranges.push(("start", from, to));
    Ok(query)
}

/// Prints the number of episodes left out because their start is unknown.
///
/// # Errors
/// If the store is unreachable.
pub(super) async fn say_undated(store: &Store, asked: &Lectures) -> anyhow::Result<()> {
    if asked.from.is_none() && asked.to.is_none() {
        return Ok(());
    }
    let undated = store.count(&of_any_date(asked).missing("start")).await?;
    if undated > 0 {
        output::remark(&format!(
            "{} without a start left out: without --from and --to the table has all",
            units::some(undated, "episode")
        ));
    }
    Ok(())
}

/// Returns the requested lectures, by mpid. All are read before the first is processed: a search engine's cursor
/// expires before a long table ends. A lecture takes about a hundred bytes.
///
/// # Errors
/// If the store is unreachable.
pub(super) async fn chosen(store: &Store, asked: &Lectures) -> anyhow::Result<Vec<Lecture>> {
    let query = LONG.into_iter().fold(query(asked)?, Query::without);
    let (mut lectures, mut cursor): (Vec<Lecture>, _) = (Vec::new(), None);
    loop {
        let (hits, next) = store.scan(&query, PAGE, cursor).await?;
        for hit in hits {
            lectures.push(serde_json::from_str(hit.source.get())?);
        }
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    lectures.sort_unstable_by(|one, other| one.mpid.cmp(&other.mpid));
    say_undated(store, asked).await?;
    Ok(lectures)
}

/// Prints a remark if no episode matches, so that an empty table has a reason.
pub(super) fn say_if_none<T>(found: &[T]) {
    if found.is_empty() {
        output::remark("no episode is what was asked for; `ua export episodes` lists all that are held");
    }
}

/// Shows the progress of a table, unless its rows go to the terminal.
pub(super) struct Course {
    progress: Option<Progress>,
    stage: Stage,
}

impl Course {
    /// Creates the progress of `steps` steps with this name.
    pub(super) fn of(name: &'static str, steps: usize, target: &Target) -> Self {
        let seen = target.output.is_none() && std::io::stdout().is_terminal();
        let stage = Stage { name, of: steps as u64, ..Stage::default() };
        Self { progress: (!seen).then(|| Progress::new(&[name])), stage }
    }

    /// Adds one finished step.
    pub(super) fn step(&mut self) {
        self.stage.done += 1;
        if let Some(progress) = &mut self.progress {
            progress.show(std::slice::from_ref(&self.stage));
        }
    }
}
