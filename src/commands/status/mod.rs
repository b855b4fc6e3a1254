//! `ua status`: what waits in the queues, who works and why not, what was harvested in the last days, what is dead.
//! A server that is away hides only what it alone knows.

mod days;
mod gather;
mod print;
mod quota;
mod workers;

use runtime::quota::News;
use serde::Serialize;

use crate::advice::Advice;
use crate::cli::Status;
use crate::config::Config;
use crate::exit::{self, Outcome};
use crate::output;

use days::Day;
use gather::QueueLine;

/// Everything that could be found out. What is `None` was not: `away` says why.
#[derive(Debug, Serialize)]
struct Report {
    quota: Option<Vec<News>>,
    queues: Option<Vec<QueueLine>>,
    parked: Option<u64>,
    workers: Option<Vec<runtime::Card>>,
    dead: DeadCounts,
    days: Option<Vec<Day>>,
    advice: Option<Advice>,
    away: Vec<Away>,
}

#[derive(Debug, Serialize)]
struct DeadCounts {
    on_the_desk: Option<u64>,
    on_the_way: Option<u64>,
}

/// A part that does not tell what it knows.
#[derive(Debug, Serialize)]
struct Away {
    what: &'static str,
    why: String,
    #[serde(skip)]
    error: anyhow::Error,
}

pub(super) async fn execute(words: &Status, config: &Config) -> anyhow::Result<Outcome> {
    if let Some(run) = &words.run {
        return super::runs::show(run, words.json, config).await;
    }
    let report = gather::report(config).await;
    let knows_nothing = report.queues.is_none() && report.days.is_none();
    if words.json {
        output::say_json(&report)?;
    } else if !knows_nothing {
        print::report(&report, runtime::clock::now());
    }
    ended(report.away)
}

/// The exit code is the user's error's, if there is one; every error is told.
fn ended(mut away: Vec<Away>) -> anyhow::Result<Outcome> {
    away.sort_by_key(|away| !exit::is_users(&away.error));
    let mut errors = away.into_iter().map(|away| away.error);
    let Some(first) = errors.next() else { return Ok(Outcome::Complete) };
    errors.for_each(|error| exit::say(&error));
    Err(first)
}
