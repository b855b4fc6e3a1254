//! Quota sentences: calls used, pauses, jobs that wait behind a pause, and its end. Accounts of a source share its
//! queues, so with several accounts the waiting jobs are those of all.

use jiff::Timestamp;
use messages::{Family, Queue};
use runtime::quota::{LimitStatus, QuotaStatus};

use super::gather::QueueLine;
use super::workers::resumes;
use crate::sources::vocabulary::role_of;
use crate::units;

/// Returns one sentence per account and limit in use. When a source has several accounts, jobs of a paused account are
/// parked so that the others' jobs run; most of the `parked` messages are such jobs.
pub(super) fn sentences(
    quota: &[QuotaStatus],
    queues: &[QueueLine],
    parked: u64,
    now: Timestamp,
) -> Vec<String> {
    let mut said = Vec::new();
    for status in quota {
        let shares = quota.iter().filter(|other| other.source == status.source).count() > 1;
        let (whose, put_off) = if shares { (" of all accounts", parked) } else { ("", 0) };
        let told =
            status.limits.iter().filter(|limit| limit.pause.is_some() || role_of(&limit.name).is_some());
        said.extend(told.map(|limit| {
            let left = if status.leader_pid.is_none() { ", as it was left" } else { "" };
            let sentence = sentence(limit, (whose, put_off), queues, now);
            // The only limit of its source: its name already names the source.
            let whose = match limit.name == status.source {
                true => String::new(),
                false => format!("{} {}: ", status.source, status.account),
            };
            format!("{whose}{sentence}{left}")
        }));
    }
    said
}

fn sentence(
    limit: &LimitStatus,
    (whose, put_off): (&str, u64),
    queues: &[QueueLine],
    now: Timestamp,
) -> String {
    let Some(pause) = &limit.pause else { return limit.sentence() };
    let mut text = limit.sentence();
    if let Some(role) = role_of(&limit.name) {
        text.push_str(&format!("; {}{whose} waiting", units::some(waiting(role, queues), "job")));
        if put_off > 0 {
            text.push_str(&format!(", {} put off", units::count(put_off)));
        }
    }
    if let Some(until) = pause.until {
        text.push_str("; ");
        text.push_str(&resumes(until, now));
    }
    text
}

fn waiting(role: &str, queues: &[QueueLine]) -> u64 {
    let own: Vec<Queue> =
        Family::ALL.into_iter().filter(|family| family.name() == role).flat_map(Family::queues).collect();
    queues.iter().filter(|line| own.contains(&line.queue)).map(|line| line.depth.ready).sum()
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use runtime::Depth;
    use runtime::quota::Pause;

    use super::*;

    #[test]
    fn a_pause_is_told_with_what_waits_and_when_it_ends() {
        let now = runtime::clock::now();
        let limit = |name: &str, pause: Option<Pause>| LimitStatus {
            name: name.to_owned(),
            share: 0.8,
            per_minute: 1_920.0,
            used: Some(48_000),
            allowed: Some(48_000),
            pause,
        };
        let why = "daily limit, 48,000 of 48,000 used".to_owned();
        let pause = Pause { until: Some(now + 192.minutes()), why };
        let status = QuotaStatus {
            source: "zoom".to_owned(),
            account: "main".to_owned(),
            at: now,
            day: "2026-01-02".parse().unwrap(),
            reserve: 0,
            limits: vec![
                limit("light", None),
                limit("heavy", Some(pause)),
                limit("resource-intensive", None),
            ],
            waiting: 0,
            leader_pid: Some(1),
            skew_ms: 0,
        };
        let line = |name: &str, ready| QueueLine {
            queue: Queue::named(name),
            depth: Depth { ready, ..Depth::default() },
        };
        let queues = [line("ua.jobs.zoom.detail.daily", 340), line("ua.jobs.zoom.detail.backfill", 12_000)];
        let said = sentences(std::slice::from_ref(&status), &queues, 9, now);
        assert_eq!(said.len(), 2, "nothing of what is not used: {said:?}");
        assert!(said[0].starts_with("zoom main: heavy: paused until "), "{said:?}");
        assert!(
            said[0].contains(
                "(daily limit, 48,000 of 48,000 used); 12,340 jobs waiting; resumes in 3 h 12 min ("
            ),
            "{said:?}"
        );
        assert!(
            said[1].contains("resource-intensive: 1,920 calls a minute (80 %), 48,000 of 48,000"),
            "{said:?}"
        );
        let left = QuotaStatus { leader_pid: None, account: "other".to_owned(), ..status.clone() };
        let said = sentences(&[status, left], &queues, 2_700, now);
        assert!(said[0].contains("; 12,340 jobs of all accounts waiting, 2,700 put off; "), "{said:?}");
        assert!(
            said[2].starts_with("zoom other: heavy: paused") && said[2].ends_with(", as it was left"),
            "{said:?}"
        );
        assert!(!said[0].contains("as it was left"), "{said:?}");
    }
}
