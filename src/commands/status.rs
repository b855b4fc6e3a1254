//! `ua status`: queues, workers and their holds, harvested dates, dead letters, advice; or the progress of one run.

use std::time::Duration;

use crate::cli::Status;
use crate::config::Config;
use crate::exit::{self, Outcome};
use crate::output;
use crate::view::status::{self, Away, Part, StatusReport};

/// Timeout of the broker and of the store, each beyond their own timeouts.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn execute(words: &Status, config: &Config) -> anyhow::Result<Outcome> {
    if let Some(run) = &words.run {
        return super::runs::show(run, words.json, config).await;
    }
    let report = status::report(config, PATIENCE).await;
    if words.json {
        output::say_json(&report)?;
    } else if !report.knows_nothing() {
        print(&report);
    }
    ended(report.away)
}

fn print(report: &StatusReport) {
    let shown = report.shown(runtime::clock::now());
    say_all(&shown.quota);
    [&shown.queues, &shown.workers, &shown.days].into_iter().flatten().for_each(say_part);
    output::say(&shown.dead);
    for away in &report.away {
        output::say(&format!("not known: what the {} knows: {}", away.what, away.why));
    }
    say_all(&shown.advice);
}

fn say_part(part: &Part) {
    part.table.iter().for_each(output::say_table);
    say_all(&part.sentences);
}

fn say_all(sentences: &[String]) {
    sentences.iter().for_each(|sentence| output::say(sentence));
}

/// Prints every error. A configuration error or a refusal, if any, decides the exit code.
fn ended(mut away: Vec<Away>) -> anyhow::Result<Outcome> {
    away.sort_by_key(|away| !(exit::is_users(&away.error) || exit::is_refusal(&away.error)));
    let mut errors = away.into_iter().map(|away| away.error);
    let Some(first) = errors.next() else { return Ok(Outcome::Complete) };
    errors.for_each(|error| exit::say(&error));
    Err(first)
}
