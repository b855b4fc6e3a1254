//! The report as an operator reads it.

use jiff::Timestamp;
use messages::{Family, Lane, Queue, Source};

use super::days::Day;
use super::gather::QueueLine;
use super::{DeadCounts, Report, quota, workers};
use crate::output;
use crate::words;

pub(super) fn report(report: &Report, now: Timestamp) {
    let waiting = report.queues.as_deref().unwrap_or_default();
    let quota = report.quota.as_deref().unwrap_or_default();
    quota::sentences(quota, waiting, now).iter().for_each(|sentence| output::say(sentence));
    if let Some(queues) = &report.queues {
        output::say(&queue_table(queues));
    }
    if let Some(workers) = &report.workers {
        say_workers(workers, report.queues.as_deref().unwrap_or_default(), now);
    }
    if let Some(days) = &report.days {
        say_days(days);
    }
    say_dead(report);
    for away in &report.away {
        output::say(&format!("not known: what the {} knows: {}", away.what, away.why));
    }
    if let Some(advice) = &report.advice {
        advice.sentences().iter().for_each(|sentence| output::say(sentence));
    }
}

fn queue_table(queues: &[QueueLine]) -> String {
    let mut table = output::table(&["queue", "waiting", "in hand", "later", "workers"]);
    for family in Family::ALL {
        let lanes: Vec<&QueueLine> =
            queues.iter().filter(|line| family.queues().contains(&line.queue)).collect();
        table.add_row(queue_row(&format!("jobs {}", family.name()), &lanes));
    }
    for queue in [Queue::documents(), Queue::dead()] {
        let lines: Vec<&QueueLine> = queues.iter().filter(|line| line.queue == queue).collect();
        table.add_row(queue_row(queue.as_str().trim_start_matches("ua."), &lines));
    }
    table.to_string()
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

fn say_workers(cards: &[runtime::Card], queues: &[QueueLine], now: Timestamp) {
    let silent = workers::silent(cards, queues);
    if cards.is_empty() && silent == 0 {
        output::say("no worker is running; `ua work all` starts one");
        return;
    }
    let header =
        ["worker", "role", "state", "in hand", "per minute", "done", "retried / dead", "running for"];
    let mut table = output::table(&header);
    workers::rows(cards, now).into_iter().for_each(|row| {
        table.add_row(row);
    });
    output::say(&table.to_string());
    if silent > 0 {
        output::say(&format!("{} did not answer", words::some(silent, "worker")));
    }
    workers::holds(cards, queues, now).iter().for_each(|sentence| output::say(sentence));
}

fn say_dead(report: &Report) {
    let known = |number: Option<u64>| number.map_or("?".to_owned(), words::count);
    let DeadCounts { on_the_desk, on_the_way } = report.dead;
    output::say(&format!(
        "{} parked for another attempt, {} dead letters on the desk, {} on their way to it",
        known(report.parked),
        known(on_the_desk),
        known(on_the_way),
    ));
}

fn say_days(days: &[Day]) {
    if days.is_empty() {
        output::say("nothing was harvested in the last days; start with `ua run` or `ua plan`");
        return;
    }
    // Dates are UTC's for Zoom and the server's for Opencast. What a site does not have it need not hear of.
    let has = |source| days.iter().any(|day| day.sources.contains(&source));
    let (meetings, lectures) = (has(Source::Zoom), has(Source::Opencast));
    let mut header =
        vec!["date", "listed", "jobs", "waiting", "complete", "incomplete", "failed", "cancelled"];
    header.extend(meetings.then_some("sessions"));
    header.extend(lectures.then_some("user actions"));
    let of = |got, expected| format!("{} of {}", words::count(got), words::count(expected));
    let mut table = output::table(&header);
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
        let sessions = meetings.then(|| of(day.sessions, day.expected_sessions));
        let actions = lectures.then(|| of(day.actions, day.expected_actions));
        table.add_row(row.into_iter().chain(sessions).chain(actions));
    }
    output::say(&table.to_string());
}
