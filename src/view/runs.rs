//! Runs: the list with progress, and one run in full.

use std::time::Duration;

use jiff::Timestamp;
use messages::{Calls, Lane, RunId};
use planner::{Origin, Progress, RunRecord, RunState};
use runtime::clock;
use serde::Serialize;

use super::{Fact, Table};
use crate::assemble;
use crate::config::Config;
use crate::sources::reporting::CallUse;
use crate::summary::Findings;
use crate::{runs, sources, templates, units};

/// One run in the list.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    #[serde(flatten)]
    run: RunRecord,
    waiting: u64,
    complete: u64,
    incomplete: u64,
    dead: u64,
    cancelled: u64,
    findings: u64,
    expected: u64,
    done: u64,
    calls: Calls,
    per_minute: Option<f64>,
    finished_at: Option<Timestamp>,
    #[serde(skip)]
    progress: Progress,
}

/// One run in full.
#[derive(Debug, Serialize)]
pub(crate) struct RunReport {
    #[serde(flatten)]
    run: RunRecord,
    progress: Progress,
    expected: u64,
    done: u64,
    taken_over: u64,
    per_minute: Option<f64>,
    finished_at: Option<Timestamp>,
    findings: Findings,
    /// Time of gathering.
    #[serde(skip)]
    now: Timestamp,
}

/// Returns the latest runs, newest first.
///
/// # Errors
/// When the store is unreachable, or its templates are not current.
pub(crate) async fn latest(config: &Config, limit: usize) -> anyhow::Result<Vec<Line>> {
    let store = assemble::store(config)?;
    templates::current(&store).await?;
    let records = runs::latest(&store, limit).await?;
    let now = clock::now();
    let mut counts = runs::overview(&store, &records, now).await?;
    let found = runs::with_findings(&store, &records).await?;
    let line = |run: RunRecord| {
        let progress = counts.remove(&run.run).unwrap_or_default();
        let Progress { waiting, complete, incomplete, dead, cancelled, calls, .. } = progress;
        let (expected, done) = (progress.expected(&run), progress.done());
        let (per_minute, finished_at) = (progress.per_minute(), progress.finished_at(&run, now));
        let findings = found.get(&run.run).copied().unwrap_or(0);
        Line {
            run,
            waiting,
            complete,
            incomplete,
            dead,
            cancelled,
            findings,
            expected,
            done,
            calls,
            per_minute,
            finished_at,
            progress,
        }
    };
    Ok(records.into_iter().map(line).collect())
}

/// Returns one run; `None` when there is no such run.
///
/// # Errors
/// When the store is unreachable, or its templates are not current.
pub(crate) async fn one(config: &Config, run: &RunId) -> anyhow::Result<Option<RunReport>> {
    let store = assemble::store(config)?;
    templates::current(&store).await?;
    let now = clock::now();
    let Some(run) = runs::find(&store, run).await? else { return Ok(None) };
    let progress = runs::progress(&store, &run, now).await?;
    Ok(Some(RunReport {
        expected: progress.expected(&run),
        done: progress.done(),
        taken_over: progress.taken_over(&run),
        per_minute: progress.per_minute(),
        finished_at: progress.finished_at(&run, now),
        findings: runs::findings(&store, &run.run).await?,
        run,
        progress,
        now,
    }))
}

/// Returns the list as a table; the first column is the run's id.
pub(crate) fn table(lines: &[Line]) -> Table {
    let mut table = Table::new(&[
        "run",
        "by",
        "lane",
        "state",
        "price",
        "used",
        "done",
        "waiting",
        "incomplete",
        "dead",
        "cancelled",
        "findings",
        "ends",
    ]);
    for Line { run, progress, findings, expected, done, calls, finished_at, .. } in lines {
        let (price, used) = priced(&sources::of(run.run.source()).call_use(&run.price, calls));
        let ends = finished_at.map(|end| end.strftime("%Y-%m-%d %H:%M UTC").to_string());
        table.add([
            run.run.to_string(),
            run.origin.name().to_owned(),
            run.lane.to_string(),
            state(run, progress).to_owned(),
            units::count(price),
            units::count(used),
            format!("{} of {}", units::count(*done), units::count(*expected)),
            units::count(progress.waiting),
            units::count(progress.incomplete),
            units::count(progress.dead),
            units::count(progress.cancelled),
            units::count(*findings),
            ends.unwrap_or_default(),
        ]);
    }
    table
}

impl RunReport {
    /// True while jobs of the run wait.
    pub(crate) fn goes_on(&self) -> bool {
        self.progress.waiting > 0
    }

    /// Returns the run's properties and progress.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let Self { run, progress, now, .. } = self;
        let what = planned_by(run.origin, run.lane);
        let mut facts = vec![("run", format!("{}: {}, {what}", run.run, state(run, progress)))];
        if let (Some(from), Some(to)) = (run.from, run.to) {
            facts.push(("dates", format!("{from} to {to}: {}", units::some(run.dates, "date"))));
        }
        if run.meetings > 0 {
            facts.push(("meetings", units::some(run.meetings, "meeting")));
        }
        if run.episodes > 0 {
            facts.push(("episodes", units::some(run.episodes, "episode")));
        }
        facts.push(("progress", progressed(run, progress)));
        facts.push(("rate", pace(run, progress, *now)));
        facts
    }

    /// Returns the table of estimated and used calls.
    pub(crate) fn calls(&self) -> Table {
        let Self { run, progress: Progress { calls, .. }, .. } = self;
        let mut table = Table::new(&["calls", "price", "used"]);
        for CallUse { calls, price, used } in sources::of(run.run.source()).call_use(&run.price, calls) {
            let price = price.map(units::count).unwrap_or_default();
            table.add([calls.to_owned(), price, units::count(used)]);
        }
        table
    }

    /// Returns sentences that explain the figures.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.goes_on() {
            let used =
                "used: all calls of the jobs that have ended; those of the others come with their receipts";
            remarks.push(used.to_owned());
        }
        if self.taken_over > 0 {
            remarks.push(format!(
                "{} belong to a later run, which planned them again: their state and calls count there",
                units::some(self.taken_over, "job")
            ));
        }
        remarks.extend(self.findings.lines().map(|line| format!("finding: {line}")));
        remarks
    }
}

/// Sums the estimates, and the use of the kinds that have one.
fn priced(call_uses: &[CallUse]) -> (u64, u64) {
    let priced = call_uses.iter().filter_map(|call| Some((call.price?, call.used)));
    priced.fold((0, 0), |sum, (price, used)| (sum.0.saturating_add(price), sum.1.saturating_add(used)))
}

fn state(run: &RunRecord, progress: &Progress) -> &'static str {
    match (run.state, progress.waiting) {
        (RunState::Publishing, _) => "publishing",
        (RunState::Cancelled, 0) => "cancelled",
        (RunState::Cancelled, _) => "being cancelled",
        (RunState::Published, 0) => "done",
        (RunState::Published, _) => "working",
    }
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
        units::count(done),
        units::some(expected, "job"),
        units::count(progress.waiting),
        units::count(progress.complete),
    );
    for (count, name) in
        [(progress.incomplete, "incomplete"), (progress.dead, "dead"), (progress.cancelled, "cancelled")]
    {
        if count > 0 {
            text.push_str(&format!(", {} {name}", units::count(count)));
        }
    }
    text
}

fn pace(run: &RunRecord, progress: &Progress, now: Timestamp) -> String {
    let window = units::span(Duration::from_secs(progress.recent_seconds));
    let Some(rate) = progress.per_minute() else {
        return format!("no job was finished in the last {window}");
    };
    let end = progress.finished_at(run, now).map(|end| {
        let left = units::span(units::between(now, end));
        format!("; done {} if it goes on so ({left})", end.strftime("%Y-%m-%d %H:%M UTC"))
    });
    format!("{rate:.1} jobs a minute in the last {window}{}", end.unwrap_or_default())
}
