//! Which lectures a table is about, and how far through them it is.

use std::io::IsTerminal as _;

use serde::Deserialize;
use store::{DocumentKind, Query, Store};

use super::dates;
use crate::cli::{Lectures, Target};
use crate::progress::{Progress, Stage};
use crate::{output, units};

/// Lectures in one answer of the store.
const PAGE: usize = 1_000;
/// Behind every character that a name may go on with.
const LAST: char = char::MAX;
/// What is long in an episode, and of no use here.
const LONG: [&str; 6] = ["title", "course", "description", "slides", "presenter_still", "presentation_still"];

/// What has to be known of a lecture.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub(super) struct Lecture {
    pub(super) mpid: String,
    /// Milliseconds of the recording.
    pub(super) duration: Option<i64>,
    /// Milliseconds of the live stream.
    pub(super) live_duration: Option<i64>,
}

/// The episodes of the term and the series that were asked for, whatever their date.
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

/// The episodes that were asked for.
///
/// # Errors
/// When the dates are the wrong way round.
pub(super) fn query(asked: &Lectures) -> anyhow::Result<Query> {
    let mut query = of_any_date(asked);
    let (from, to) = dates(asked.from, asked.to)?;
    query.ranges.push(("start", from, to));
    Ok(query)
}

/// Says how many episodes no date chooses, since their start is not known.
///
/// # Errors
/// When the store cannot be asked.
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

/// The lectures that were asked for, by mpid. They are few, about a hundred bytes each, and known before the first is
/// looked into: a search engine keeps no place for as long as a table may take.
///
/// # Errors
/// When the store cannot be asked.
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

/// Says so when nothing is what was asked for: an empty table alone would leave its reader to wonder.
pub(super) fn say_if_none<T>(found: &[T]) {
    if found.is_empty() {
        output::remark("no episode is what was asked for; `ua export episodes` lists all that are held");
    }
}

/// Shows how far a table is, unless its rows can be seen.
pub(super) struct Course {
    progress: Option<Progress>,
    stage: Stage,
}

impl Course {
    /// Of so many steps of this name.
    pub(super) fn of(name: &'static str, steps: usize, target: &Target) -> Self {
        let seen = target.output.is_none() && std::io::stdout().is_terminal();
        let stage = Stage { name, of: steps as u64, ..Stage::default() };
        Self { progress: (!seen).then(|| Progress::new(&[name])), stage }
    }

    /// One more is done.
    pub(super) fn step(&mut self) {
        self.stage.done += 1;
        if let Some(progress) = &mut self.progress {
            progress.show(std::slice::from_ref(&self.stage));
        }
    }
}
