//! `ua status`: what waits in the queues, what was harvested in the last days, what is dead.

use std::collections::BTreeMap;

use jiff::civil::Date;
use messages::{Queue, Receipt, ReceiptState};
use runtime::Depth;
use serde::Serialize;
use store::{Kind, Query, Store};

use crate::assemble;
use crate::cli::Json;
use crate::config::Config;
use crate::coverage;
use crate::exit::Outcome;
use crate::output;

/// Days shown.
const DAYS: i32 = 14;

#[derive(Serialize)]
struct Report {
    queues: Vec<QueueLine>,
    parked: u64,
    dead: DeadCounts,
    days: Vec<Day>,
}

#[derive(Serialize)]
struct QueueLine {
    queue: Queue,
    #[serde(flatten)]
    depth: Depth,
}

#[derive(Serialize)]
struct DeadCounts {
    on_the_desk: u64,
    on_the_way: u64,
}

/// What the receipts of one date say.
#[derive(Debug, Default, Serialize)]
struct Day {
    date: Date,
    listed: bool,
    jobs: u64,
    planned: u64,
    complete: u64,
    incomplete: u64,
    failed: u64,
    expected_sessions: u64,
    sessions: u64,
}

pub(super) async fn execute(words: &Json, config: &Config) -> anyhow::Result<Outcome> {
    let broker = assemble::broker(config, "status").await?;
    let store = assemble::store(config)?;
    let mut queues = Vec::new();
    for queue in Queue::all() {
        let depth = broker.depth(&queue).await?;
        queues.push(QueueLine { queue, depth });
    }
    let on_the_way =
        queues.iter().filter(|line| line.queue == Queue::dead()).map(|line| line.depth.ready).sum();
    let on_the_desk = store.count(&Query::all(Kind::Deadletters).with("state", "dead")).await?;
    let report = Report {
        queues,
        parked: broker.parked().await?,
        dead: DeadCounts { on_the_desk, on_the_way },
        days: days(&store).await?,
    };
    broker.close().await;
    if words.json {
        output::say_json(&report)?;
    } else {
        print(&report);
    }
    Ok(Outcome::Complete)
}

async fn days(store: &Store) -> anyhow::Result<Vec<Day>> {
    let today = coverage::today();
    let first = today.saturating_sub(jiff::Span::new().days(DAYS));
    let mut days: BTreeMap<Date, Day> = BTreeMap::new();
    coverage::receipts(store, first, today, |receipt| {
        if let Some(date) = receipt.date {
            count(days.entry(date).or_insert_with(|| Day { date, ..Day::default() }), &receipt);
        }
    })
    .await?;
    Ok(days.into_values().rev().collect())
}

fn count(day: &mut Day, receipt: &Receipt) {
    day.jobs += 1;
    match receipt.state {
        ReceiptState::Planned => day.planned += 1,
        ReceiptState::Complete => day.complete += 1,
        ReceiptState::Incomplete => day.incomplete += 1,
        ReceiptState::Failed => day.failed += 1,
    }
    if receipt.kind == "participants" {
        day.expected_sessions += receipt.expected.unwrap_or(0);
        day.sessions += receipt.got.unwrap_or(0);
    } else if receipt.state == ReceiptState::Complete {
        day.listed = true;
    }
}

fn print(report: &Report) {
    let mut queues = output::table(&["queue", "ready", "leased", "delayed", "consumers"]);
    let number = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
    for QueueLine { queue, depth } in &report.queues {
        queues.add_row([
            queue.to_string(),
            depth.ready.to_string(),
            number(depth.leased),
            number(depth.delayed),
            depth.consumers.to_string(),
        ]);
    }
    output::say(&queues.to_string());
    let DeadCounts { on_the_desk, on_the_way } = report.dead;
    output::say(&format!(
        "{} parked for another attempt, {on_the_desk} dead letters on the desk, {on_the_way} on their way to it",
        report.parked
    ));
    if report.days.is_empty() {
        output::say("nothing was harvested in the last days; start with `ua run` or `ua plan`");
        return;
    }
    let mut days =
        output::table(&["date", "listed", "jobs", "waiting", "complete", "incomplete", "failed", "sessions"]);
    for day in &report.days {
        days.add_row([
            day.date.to_string(),
            if day.listed { "yes" } else { "no" }.to_owned(),
            day.jobs.to_string(),
            day.planned.to_string(),
            day.complete.to_string(),
            day.incomplete.to_string(),
            day.failed.to_string(),
            format!("{} of {}", day.sessions, day.expected_sessions),
        ]);
    }
    output::say(&days.to_string());
}
