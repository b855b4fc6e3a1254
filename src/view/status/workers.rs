//! Worker rows and sentences: messages in progress per role, and the reasons for holds.

use jiff::Timestamp;
use jiff::tz::Offset;
use messages::Queue;
use runtime::WorkerInfo;
use runtime::presence::RoleInfo;

use super::gather::QueueLine;
use crate::units;

/// One row per role of each worker.
pub(super) fn rows(workers: &[WorkerInfo], now: Timestamp) -> Vec<[String; 8]> {
    let mut workers: Vec<&WorkerInfo> = workers.iter().collect();
    workers.sort_by(|one, other| (&one.host, one.pid).cmp(&(&other.host, other.pid)));
    workers.iter().flat_map(|worker| worker.roles.iter().map(|role| row(worker, role, now))).collect()
}

fn row(worker: &WorkerInfo, role: &RoleInfo, now: Timestamp) -> [String; 8] {
    let counters = &role.now;
    let state = match &counters.hold {
        Some(_) => "on hold",
        None if counters.in_flight == 0 && worker.state == "working" => "idle",
        None => &worker.state,
    };
    [
        format!("{}/{}", worker.host, worker.pid),
        counters.name.to_string(),
        state.to_owned(),
        units::count(counters.in_flight),
        format!("{:.1}", role.rates.settled * 60.0),
        units::count(counters.done),
        format!("{} / {}", units::count(counters.retried), units::count(counters.rejected)),
        units::span(units::between(worker.started_at, now)),
    ]
}

/// Returns a sentence per role on hold, with the reason. Roles with the same sentence share it.
pub(super) fn holds(workers: &[WorkerInfo], queues: &[QueueLine], now: Timestamp) -> Vec<String> {
    let mut said: Vec<(String, Vec<String>)> = Vec::new();
    for (worker, role) in
        workers.iter().flat_map(|worker| worker.roles.iter().map(move |role| (worker, role)))
    {
        let Some(hold) = role.now.hold.as_ref().or(role.now.trouble.as_ref()) else { continue };
        let ends = match (hold.until, hold.next) {
            (Some(until), _) => resumes(until, now),
            (None, Some(next)) => tries(next, now),
            (None, None) => "resumes when that is well again".to_owned(),
        };
        let waiting: u64 = queues.iter().filter(|line| takes(role, line)).map(|line| line.depth.ready).sum();
        let waiting = units::some(waiting, "message");
        let sentence = format!("{} is on hold: {}; {waiting} waiting; {ends}", role.now.name, hold.why);
        let who = format!("{}/{}", worker.host, worker.pid);
        match said.iter_mut().find(|(known, _)| *known == sentence) {
            Some((_, all)) => all.push(who),
            None => said.push((sentence, vec![who])),
        }
    }
    said.into_iter().map(|(sentence, who)| format!("{sentence} ({})", who.join(", "))).collect()
}

/// Returns the time of the next attempt.
fn tries(next: Timestamp, now: Timestamp) -> String {
    match next <= now {
        true => "tries again now".to_owned(),
        false => format!("tries again in {}", units::span(units::between(now, next))),
    }
}

/// Returns the time of resumption, and the time until then.
pub(super) fn resumes(until: Timestamp, now: Timestamp) -> String {
    if until <= now {
        return "resumes now".to_owned();
    }
    let clock = Offset::UTC.to_datetime(until).strftime("%H:%M").to_string();
    format!("resumes in {} ({clock} UTC)", units::span(units::between(now, until)))
}

/// Number of workers that consume from a queue and did not answer: of another version, disconnected, or slow.
pub(super) fn silent(workers: &[WorkerInfo], queues: &[QueueLine]) -> u64 {
    let taking = queues.iter().map(|line| line.depth.consumers).max().unwrap_or(0);
    let answered = queues.iter().map(|line| answered(workers, line)).max().unwrap_or(0);
    taking.saturating_sub(answered)
}

fn answered(workers: &[WorkerInfo], line: &QueueLine) -> u64 {
    workers.iter().filter(|worker| worker.roles.iter().any(|role| takes(role, line))).count() as u64
}

/// True when the role consumes from the queue.
fn takes(role: &RoleInfo, line: &QueueLine) -> bool {
    match role.now.name.as_ref() {
        "index" => line.queue == Queue::documents(),
        "index.dead" => line.queue == Queue::dead(),
        name => line.queue.as_str().starts_with(&format!("ua.jobs.{name}.")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use runtime::presence::Identity;
    use runtime::{Depth, Hold, Status};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn worker(role: &'static str, hold: Option<Hold>) -> WorkerInfo {
        let started = at("2026-01-02T10:00:00Z");
        let mut worker =
            Identity::of_this_process("1", started).info("working", &[Arc::new(Status::new(role))], started);
        worker.host = "one".to_owned();
        worker.pid = 7;
        worker.roles[0].now.hold = hold;
        worker
    }

    fn waiting(name: &str, ready: u64) -> QueueLine {
        QueueLine { queue: Queue::named(name), depth: Depth { ready, ..Depth::default() } }
    }

    #[test]
    fn holds_are_said_with_their_reason_and_their_end() {
        let now = at("2026-01-02T20:48:00Z");
        let why = "heavy: daily limit, 48,000 of 48,000 used".to_owned();
        let spent = Hold::new(Some(at("2026-01-03T00:00:00Z")), why);
        let away = Hold::new(None, "the store is away".to_owned());
        let mut twin = worker("zoom.detail", Some(spent.clone()));
        twin.pid = 8;
        let workers =
            [worker("zoom.detail", Some(spent)), worker("index", Some(away)), twin, worker("x", None)];
        let queues =
            [waiting("ua.jobs.zoom.detail.daily", 340), waiting("ua.jobs.zoom.detail.backfill", 12_000)];
        assert_eq!(
            holds(&workers, &queues, now),
            [
                "zoom.detail is on hold: heavy: daily limit, 48,000 of 48,000 used; 12,340 messages waiting; resumes in 3 h 12 min (00:00 UTC) (one/7, one/8)",
                "index is on hold: the store is away; 0 messages waiting; resumes when that is well again (one/7)",
            ]
        );
        assert_eq!(resumes(at("2026-01-02T20:00:00Z"), now), "resumes now");
    }

    #[test]
    fn a_row_says_who_does_what_since_when() {
        let row = rows(&[worker("index", None)], at("2026-01-02T13:12:00Z")).remove(0);
        assert_eq!(row, ["one/7", "index", "idle", "0", "0.0", "0", "0 / 0", "3 h 12 min"]);
    }

    #[test]
    fn those_who_take_and_do_not_answer_are_counted() {
        let line = |name: &str, consumers| QueueLine {
            queue: Queue::named(name),
            depth: Depth { consumers, ..Depth::default() },
        };
        let queues = [line("ua.jobs.zoom.detail.daily", 3), line("ua.documents", 1)];
        assert_eq!(silent(&[worker("zoom.detail", None), worker("index", None)], &queues), 2);
        assert_eq!(silent(&[], &queues), 3);
        assert_eq!(silent(&[worker("zoom.detail", None)], &queues[1..]), 1);
    }
}
