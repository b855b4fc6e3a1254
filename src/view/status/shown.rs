//! The status report in tables and sentences.

use jiff::Timestamp;
use messages::{Family, Lane, Queue};
use runtime::WorkerInfo;

use super::days::Day;
use super::gather::QueueLine;
use super::{DeadCounts, StatusReport, quota, workers};
use crate::advice::Advice;
use crate::sources::tally::Tally;
use crate::view::{Table, parked};
use crate::{sources, units};

/// A part of the report: an optional table, and sentences below it.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) table: Option<Table>,
    pub(crate) sentences: Vec<String>,
}

/// The report in tables and sentences. A part without data is `None`.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) quota: Vec<String>,
    pub(crate) queues: Option<Part>,
    pub(crate) workers: Option<Part>,
    pub(crate) days: Option<Part>,
    pub(crate) dead: String,
    pub(crate) advice: Vec<String>,
}

impl StatusReport {
    /// Renders the report.
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
            queues: self.queues.as_deref().map(|queues| Part {
                sentences: self.lost(),
                ..table(queue_table(queues, self.workers.as_deref()))
            }),
            workers: self.workers.as_deref().map(|workers| who_works(workers, waiting, now)),
            days: self.days.as_deref().map(harvested),
            dead: self.dead(),
            advice: self.advice.as_ref().map(Advice::sentences).unwrap_or_default(),
        }
    }

    fn lost(&self) -> Vec<String> {
        let said = self.lost.iter().map(|(source, jobs)| {
            let jobs = units::some(*jobs, "job");
            format!(
                "{jobs} of {source} lost: planned, and in no queue; `ua plan` publishes them again, `ua check` looks for \
                 a policy that removed them"
            )
        });
        said.collect()
    }

    fn dead(&self) -> String {
        let some = |number: Option<u64>, noun: &str| match number {
            Some(number) => units::some(number, noun),
            None => format!("an unknown number of {noun}s"),
        };
        let DeadCounts { on_the_desk, on_the_way } = self.dead;
        format!(
            "{} parked for another attempt, {} on the desk, {} on the way to it",
            some(self.parked, "message"),
            some(on_the_desk, "dead letter"),
            some(on_the_way, "dead letter"),
        )
    }
}

fn queue_table(queues: &[QueueLine], workers: Option<&[WorkerInfo]>) -> Table {
    // RabbitMQ does not report the target queue of a parked message, so only the sum is shown, below the table.
    let tells_later = queues.iter().all(|line| line.depth.delayed.is_some());
    let mut table = Table::new(match tells_later {
        true => &["queue", "waiting", "in progress", "later", "workers"],
        false => &["queue", "waiting", "in progress", "workers"],
    });
    let mut add = |name: &str, role: &str, lines: &[&QueueLine]| {
        let [name, waiting, later, consumers] = queue_row(name, lines);
        let row = [name, waiting, in_progress(role, lines, workers), later, consumers];
        let is_shown = |at: &usize| tells_later || *at != 3;
        table.add(row.into_iter().enumerate().filter(|(at, _)| is_shown(at)).map(|(_, cell)| cell));
    };
    for family in Family::ALL {
        let lanes: Vec<&QueueLine> =
            queues.iter().filter(|line| family.queues().contains(&line.queue)).collect();
        add(&format!("jobs {}", family.name()), family.name(), &lanes);
    }
    for (queue, role) in [(Queue::documents(), "index"), (Queue::dead(), "index.dead")] {
        let lines: Vec<&QueueLine> = queues.iter().filter(|line| line.queue == queue).collect();
        add(queue.as_str().trim_start_matches("ua."), role, &lines);
    }
    table
}

/// Messages in progress, from the broker, otherwise from the workers of the role.
fn in_progress(role: &str, lines: &[&QueueLine], workers: Option<&[WorkerInfo]>) -> String {
    let leased: Option<Vec<u64>> = lines.iter().map(|line| line.depth.leased).collect();
    let of_workers = || {
        let roles = workers?.iter().flat_map(|worker| &worker.roles).filter(|info| info.now.name == role);
        Some(roles.map(|role| role.now.in_flight).sum())
    };
    let known = leased.map(|leased| leased.iter().sum()).or_else(of_workers);
    known.map_or_else(|| "not known".to_owned(), units::count)
}

/// Returns the row of a family's queues: waiting messages, in total and per lane; delayed messages; consumers.
fn queue_row(name: &str, lines: &[&QueueLine]) -> [String; 4] {
    let ready: u64 = lines.iter().map(|line| line.depth.ready).sum();
    let lanes: Vec<String> = Lane::ALL.iter().filter_map(|lane| lane_of(*lane, lines)).collect();
    let waiting = match lanes.is_empty() {
        true => units::count(ready),
        false => format!("{} ({})", units::count(ready), lanes.join(", ")),
    };
    let delayed = lines.iter().filter_map(|line| line.depth.delayed).sum();
    let consumers = lines.iter().map(|line| line.depth.consumers).max().unwrap_or(0);
    [name.to_owned(), waiting, units::count(delayed), units::count(consumers)]
}

fn lane_of(lane: Lane, lines: &[&QueueLine]) -> Option<String> {
    let suffix = format!(".{lane}");
    let line = lines.iter().find(|line| line.queue.as_str().ends_with(&suffix))?;
    (line.depth.ready > 0).then(|| format!("{lane} {}", units::count(line.depth.ready)))
}

fn who_works(infos: &[WorkerInfo], queues: &[QueueLine], now: Timestamp) -> Part {
    let silent = workers::silent(infos, queues);
    if infos.is_empty() && silent == 0 {
        let sentences = vec!["no worker is running; `ua work all` starts one".to_owned()];
        return Part { sentences, ..Part::default() };
    }
    let header =
        ["worker", "role", "state", "in progress", "per minute", "done", "retried / dead", "running for"];
    let mut table = Table::new(&header);
    workers::rows(infos, now).into_iter().for_each(|row| table.add(row));
    let mut sentences = Vec::new();
    if silent > 0 {
        sentences.push(format!("{} did not answer", units::some(silent, "worker")));
    }
    sentences.extend(workers::holds(infos, queues, now));
    let roles = infos.iter().flat_map(|info| &info.roles).map(|role| &role.now);
    sentences.extend(parked::of(roles).iter().map(|parked| parked.sentence(now)));
    Part { table: Some(table), sentences }
}

fn harvested(days: &[Day]) -> Part {
    if days.is_empty() {
        let start = "nothing was harvested in the last days; start with `ua run` or `ua plan`";
        return Part { sentences: vec![start.to_owned()], ..Part::default() };
    }
    // Dates are in each source's own time zone. Sources without receipts have no column.
    let has = |source| days.iter().any(|day| day.tallies.of(source).is_some());
    let shown: Vec<_> = sources::vocabulary::all().filter(|(source, _)| has(*source)).collect();
    let mut header =
        vec!["date", "listed", "jobs", "waiting", "complete", "incomplete", "failed", "cancelled"];
    header.extend(shown.iter().map(|(_, words)| words.records.name));
    let of = |Tally { promised, came, .. }| format!("{} of {}", units::count(came), units::count(promised));
    let mut table = Table::new(&header);
    for day in days {
        let row = [
            day.date.to_string(),
            if day.listed { "yes" } else { "no" }.to_owned(),
            units::count(day.jobs),
            units::count(day.planned),
            units::count(day.complete),
            units::count(day.incomplete),
            units::count(day.failed),
            units::count(day.cancelled),
        ];
        let came = shown.iter().map(|(source, _)| of(day.tallies.of(*source).unwrap_or_default()));
        table.add(row.into_iter().chain(came));
    }
    Part { table: Some(table), ..Part::default() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use runtime::presence::Identity;
    use runtime::{Depth, Status};

    use super::*;

    fn line(queue: Queue, leased: Option<u64>, delayed: Option<u64>) -> QueueLine {
        QueueLine { queue, depth: Depth { ready: 1_113, leased, delayed, consumers: 1 } }
    }

    fn worker(role: &'static str, in_flight: u64) -> WorkerInfo {
        let now = runtime::clock::now();
        let mut worker =
            Identity::of_this_process("1", now).info("working", &[Arc::new(Status::new(role))], now);
        worker.roles[0].now.in_flight = in_flight;
        worker
    }

    #[test]
    fn no_column_is_unknown_throughout() {
        let told = [line(Queue::documents(), Some(2), Some(3))];
        let table = queue_table(&told, None);
        assert_eq!(table.header, ["queue", "waiting", "in progress", "later", "workers"]);
        let documents = table.rows.iter().find(|row| row[0] == "documents").unwrap();
        assert_eq!(documents[1..], ["1,113", "2", "3", "1"]);
        // RabbitMQ reports neither: the workers report messages in progress, and delayed messages are not shown.
        let untold = [line(Queue::documents(), None, None)];
        let table =
            queue_table(&untold, Some(&[worker("index", 40), worker("index", 2), worker("zoom.list", 9)]));
        assert_eq!(table.header, ["queue", "waiting", "in progress", "workers"]);
        let documents = table.rows.iter().find(|row| row[0] == "documents").unwrap();
        assert_eq!(documents[1..], ["1,113", "42", "1"]);
        let unknown = queue_table(&untold, None);
        assert!(unknown.rows.iter().any(|row| row.contains(&"not known".to_owned())));
    }
}
