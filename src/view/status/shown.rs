//! The report as an operator reads it: tables and sentences.

use jiff::Timestamp;
use messages::{Family, Lane, Queue};
use runtime::Card;

use super::days::Day;
use super::gather::QueueLine;
use super::{DeadCounts, Report, quota, workers};
use crate::advice::Advice;
use crate::sources::tally::Tally;
use crate::view::Table;
use crate::{sources, words};

/// A part of the report: its table, if there is something to tabulate, and what is said below it.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) table: Option<Table>,
    pub(crate) sentences: Vec<String>,
}

/// The report in tables and sentences. A part of which nothing is known is `None`.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) quota: Vec<String>,
    pub(crate) queues: Option<Part>,
    pub(crate) workers: Option<Part>,
    pub(crate) days: Option<Part>,
    pub(crate) dead: String,
    pub(crate) advice: Vec<String>,
}

impl Report {
    /// What is shown of it.
    pub(crate) fn shown(&self, now: Timestamp) -> Shown {
        let waiting = self.queues.as_deref().unwrap_or_default();
        let table = |table| Part { table: Some(table), ..Part::default() };
        Shown {
            quota: quota::sentences(
                self.quota.as_deref().unwrap_or_default(),
                waiting,
                self.parked.unwrap_or(0),
                now,
            ),
            queues: self.queues.as_deref().map(|queues| table(queue_table(queues))),
            workers: self.workers.as_deref().map(|workers| who_works(workers, waiting, now)),
            days: self.days.as_deref().map(harvested),
            dead: self.dead(),
            advice: self.advice.as_ref().map(Advice::sentences).unwrap_or_default(),
        }
    }

    fn dead(&self) -> String {
        let known = |number: Option<u64>| number.map_or("?".to_owned(), words::count);
        let DeadCounts { on_the_desk, on_the_way } = self.dead;
        format!(
            "{} parked for another attempt, {} dead letters on the desk, {} on their way to it",
            known(self.parked),
            known(on_the_desk),
            known(on_the_way),
        )
    }
}

fn queue_table(queues: &[QueueLine]) -> Table {
    let mut table = Table::new(&["queue", "waiting", "in hand", "later", "workers"]);
    for family in Family::ALL {
        let lanes: Vec<&QueueLine> =
            queues.iter().filter(|line| family.queues().contains(&line.queue)).collect();
        table.add(queue_row(&format!("jobs {}", family.name()), &lanes));
    }
    for queue in [Queue::documents(), Queue::dead()] {
        let lines: Vec<&QueueLine> = queues.iter().filter(|line| line.queue == queue).collect();
        table.add(queue_row(queue.as_str().trim_start_matches("ua."), &lines));
    }
    table
}

/// One row for the queues of a family: what waits in all lanes, and in which where it is not all in one.
fn queue_row(name: &str, lines: &[&QueueLine]) -> [String; 5] {
    let ready: u64 = lines.iter().map(|line| line.depth.ready).sum();
    let lanes: Vec<String> = Lane::ALL.iter().filter_map(|lane| lane_of(*lane, lines)).collect();
    let waiting = match lanes.is_empty() {
        true => words::count(ready),
        false => format!("{} ({})", words::count(ready), lanes.join(", ")),
    };
    let sum = |numbers: &[Option<u64>]| match numbers.iter().copied().collect::<Option<Vec<u64>>>() {
        Some(numbers) => words::count(numbers.iter().sum()),
        None => "?".to_owned(),
    };
    let leased: Vec<_> = lines.iter().map(|line| line.depth.leased).collect();
    let delayed: Vec<_> = lines.iter().map(|line| line.depth.delayed).collect();
    let consumers = lines.iter().map(|line| line.depth.consumers).max().unwrap_or(0);
    [name.to_owned(), waiting, sum(&leased), sum(&delayed), words::count(consumers)]
}

fn lane_of(lane: Lane, lines: &[&QueueLine]) -> Option<String> {
    let suffix = format!(".{lane}");
    let line = lines.iter().find(|line| line.queue.as_str().ends_with(&suffix))?;
    (line.depth.ready > 0).then(|| format!("{lane} {}", words::count(line.depth.ready)))
}

fn who_works(cards: &[Card], queues: &[QueueLine], now: Timestamp) -> Part {
    let silent = workers::silent(cards, queues);
    if cards.is_empty() && silent == 0 {
        let sentences = vec!["no worker is running; `ua work all` starts one".to_owned()];
        return Part { sentences, ..Part::default() };
    }
    let header =
        ["worker", "role", "state", "in hand", "per minute", "done", "retried / dead", "running for"];
    let mut table = Table::new(&header);
    workers::rows(cards, now).into_iter().for_each(|row| table.add(row));
    let mut sentences = Vec::new();
    if silent > 0 {
        sentences.push(format!("{} did not answer", words::some(silent, "worker")));
    }
    sentences.extend(workers::holds(cards, queues, now));
    Part { table: Some(table), sentences }
}

fn harvested(days: &[Day]) -> Part {
    if days.is_empty() {
        let start = "nothing was harvested in the last days; start with `ua run` or `ua plan`";
        return Part { sentences: vec![start.to_owned()], ..Part::default() };
    }
    // Dates are those of each source's own zone. What a site does not have it need not hear of.
    let has = |source| days.iter().any(|day| day.tallies.of(source).is_some());
    let shown: Vec<_> = sources::words::all().filter(|(source, _)| has(*source)).collect();
    let mut header =
        vec!["date", "listed", "jobs", "waiting", "complete", "incomplete", "failed", "cancelled"];
    header.extend(shown.iter().map(|(_, words)| words.records.name));
    let of = |Tally { promised, came, .. }| format!("{} of {}", words::count(came), words::count(promised));
    let mut table = Table::new(&header);
    for day in days {
        let row = [
            day.date.to_string(),
            if day.listed { "yes" } else { "no" }.to_owned(),
            words::count(day.jobs),
            words::count(day.planned),
            words::count(day.complete),
            words::count(day.incomplete),
            words::count(day.failed),
            words::count(day.cancelled),
        ];
        let came = shown.iter().map(|(source, _)| of(day.tallies.of(*source).unwrap_or_default()));
        table.add(row.into_iter().chain(came));
    }
    Part { table: Some(table), ..Part::default() }
}
