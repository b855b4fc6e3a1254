//! `ua runs`, and what `ua status --run` says of one run.

use std::time::Duration;

use messages::{Calls, Lane, RunId};
use planner::{Origin, Progress, RunRecord, RunState};
use runtime::clock;
use serde::Serialize;

use crate::assemble;
use crate::cli::Runs;
use crate::config::Config;
use crate::exit::Outcome;
use crate::output;
use crate::runs;
use crate::words;

/// A run of the list.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    run: &'a RunRecord,
    waiting: u64,
    complete: u64,
    incomplete: u64,
    dead: u64,
    cancelled: u64,
}

/// One run in full.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    run: &'a RunRecord,
    progress: &'a Progress,
    expected: u64,
    done: u64,
    taken_over: u64,
    per_minute: Option<f64>,
    finished_at: Option<jiff::Timestamp>,
}

pub(super) async fn execute(asked: &Runs, config: &Config) -> anyhow::Result<Outcome> {
    let store = assemble::store(config)?;
    super::check::current_templates(&store).await?;
    let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
    let records = runs::latest(&store, limit).await?;
    let mut counts = runs::counts(&store, &records).await?;
    let lines: Vec<(&RunRecord, Progress)> =
        records.iter().map(|run| (run, counts.remove(&run.run).unwrap_or_default())).collect();
    if asked.json {
        for (run, progress) in &lines {
            output::say_json(&line(run, progress))?;
        }
    } else if lines.is_empty() {
        output::say("nothing was planned yet; start with `ua plan` or `ua run`");
    } else {
        say_all(&lines);
    }
    Ok(Outcome::Complete)
}

fn line<'a>(run: &'a RunRecord, progress: &Progress) -> Line<'a> {
    let Progress { waiting, complete, incomplete, dead, cancelled, .. } = *progress;
    Line { run, waiting, complete, incomplete, dead, cancelled }
}

fn say_all(lines: &[(&RunRecord, Progress)]) {
    let header = [
        "run",
        "by",
        "lane",
        "state",
        "calls",
        "jobs",
        "waiting",
        "complete",
        "incomplete",
        "dead",
        "cancelled",
    ];
    let mut table = output::table(&header);
    for (run, progress) in lines {
        table.add_row([
            run.run.to_string(),
            run.origin.name().to_owned(),
            run.lane.to_string(),
            state(run, progress).to_owned(),
            words::count(run.price.calls()),
            words::count(progress.jobs()),
            words::count(progress.waiting),
            words::count(progress.complete),
            words::count(progress.incomplete),
            words::count(progress.dead),
            words::count(progress.cancelled),
        ]);
    }
    output::say(&table.to_string());
}

/// The state of a run in a word.
fn state(run: &RunRecord, progress: &Progress) -> &'static str {
    match (run.state, progress.waiting) {
        (RunState::Publishing, _) => "publishing",
        (RunState::Cancelled, 0) => "cancelled",
        (RunState::Cancelled, _) => "being cancelled",
        (RunState::Published, 0) => "done",
        (RunState::Published, _) => "working",
    }
}

/// Says how far one run is, its price beside what was used, and when it ends.
///
/// # Errors
/// When there is no such run, or the store is away.
pub(super) async fn show(run: &RunId, json: bool, config: &Config) -> anyhow::Result<Outcome> {
    let store = assemble::store(config)?;
    super::check::current_templates(&store).await?;
    let now = clock::now();
    let run = runs::get(&store, run).await?;
    let progress = runs::progress(&store, &run, now).await?;
    if json {
        output::say_json(&Report {
            expected: progress.expected(&run),
            done: progress.done(),
            taken_over: progress.taken_over(&run),
            per_minute: progress.per_minute(),
            finished_at: progress.finished_at(&run, now),
            run: &run,
            progress: &progress,
        })?;
    } else {
        say_one(&run, &progress, now);
    }
    Ok(Outcome::Complete)
}

fn say_one(run: &RunRecord, progress: &Progress, now: jiff::Timestamp) {
    let what = planned_by(run.origin, run.lane);
    output::say(&format!("run       {}: {}, {what}", run.run, state(run, progress)));
    if let (Some(from), Some(to)) = (run.from, run.to) {
        output::say(&format!("dates     {from} to {to}: {}", words::some(run.dates, "date")));
    }
    if run.meetings > 0 {
        output::say(&format!("meetings  {}", words::some(run.meetings, "meeting")));
    }
    if run.episodes > 0 {
        output::say(&format!("episodes  {}", words::some(run.episodes, "episode")));
    }
    output::say(&format!("progress  {}", progressed(run, progress)));
    output::say(&format!("rate      {}", pace(run, progress, now)));
    let calls = progress.calls;
    let mut table = output::table(&["calls", "price", "used"]);
    if run.price.other > 0 {
        table.add_row(["opencast".to_owned(), words::count(run.price.other), words::count(calls.light)]);
    } else {
        rows(&mut table, run, &calls);
    }
    output::say(&table.to_string());
    if progress.waiting > 0 {
        output::say(
            "used: all calls of the jobs that have ended; those of the others come with their receipts",
        );
    }
    match progress.taken_over(run) {
        0 => {}
        jobs => output::say(&format!(
            "{} belong to a later run, which planned them again: their state and calls count there",
            words::some(jobs, "job")
        )),
    }
}

fn rows(table: &mut comfy_table::Table, run: &RunRecord, calls: &Calls) {
    table.add_row([
        "resource-intensive".to_owned(),
        words::count(run.price.resource_intensive),
        words::count(calls.resource_intensive),
    ]);
    table.add_row(["heavy".to_owned(), words::count(run.price.heavy), words::count(calls.heavy)]);
    table.add_row(["medium and light".to_owned(), String::new(), words::count(calls.medium + calls.light)]);
}

fn planned_by(origin: Origin, lane: Lane) -> String {
    let who = match origin {
        Origin::Plan => "planned with `ua plan`",
        Origin::Run => "planned with `ua run`",
        Origin::Schedule => "planned by the clock",
    };
    format!("{who} in the lane {lane}")
}

fn progressed(run: &RunRecord, progress: &Progress) -> String {
    let (done, expected) = (progress.done(), progress.expected(run));
    let share = if expected == 0 { 100.0 } else { done as f64 * 100.0 / expected as f64 };
    let about = if expected > progress.jobs() { "about " } else { "" };
    let mut text = format!(
        "{} of {about}{} done ({share:.1} %); {} waiting, {} complete",
        words::count(done),
        words::some(expected, "job"),
        words::count(progress.waiting),
        words::count(progress.complete),
    );
    for (count, name) in
        [(progress.incomplete, "incomplete"), (progress.dead, "dead"), (progress.cancelled, "cancelled")]
    {
        if count > 0 {
            text.push_str(&format!(", {} {name}", words::count(count)));
        }
    }
    text
}

fn pace(run: &RunRecord, progress: &Progress, now: jiff::Timestamp) -> String {
    let window = words::span(Duration::from_secs(progress.recent_seconds));
    let Some(rate) = progress.per_minute() else {
        return format!("no job was finished in the last {window}");
    };
    let end = progress.finished_at(run, now).map(|end| {
        let left = words::span(words::between(now, end));
        format!("; done {} if it goes on so ({left})", end.strftime("%Y-%m-%d %H:%M UTC"))
    });
    format!("{rate:.1} jobs a minute in the last {window}{}", end.unwrap_or_default())
}
