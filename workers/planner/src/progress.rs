//! Progress of a run, computed from counts of its receipts.

use jiff::{SignedDuration, Timestamp};
use messages::{Calls, ReceiptState};
use serde::Serialize;

use crate::price::{float, waited, whole};
use crate::{RunRecord, RunState};

/// Counts of the receipts of a run.
///
/// A receipt belongs to the run that planned its job last. If a later run plans a job again, the receipt's state and
/// calls count there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Progress {
    /// Published jobs that are not finished.
    pub waiting: u64,
    /// Complete jobs.
    pub complete: u64,
    /// Incomplete jobs.
    pub incomplete: u64,
    /// Failed jobs, which are dead letters.
    pub dead: u64,
    /// Cancelled jobs.
    pub cancelled: u64,
    /// Number of waiting jobs that are lists, which publish more jobs.
    pub lists_waiting: u64,
    /// Number of jobs that lists published.
    pub listed: u64,
    /// Number of jobs that the plan itself published.
    pub planned: u64,
    /// API calls of all attempts of all jobs.
    pub calls: Calls,
    /// Jobs finished in the last [`Progress::recent_seconds`].
    pub recent: u64,
    /// Period of the recent rate, in seconds.
    pub recent_seconds: u64,
}

impl Progress {
    /// Adds a number of jobs in a state.
    pub fn count(&mut self, state: ReceiptState, jobs: u64) {
        let count = match state {
            ReceiptState::Planned => &mut self.waiting,
            ReceiptState::Complete => &mut self.complete,
            ReceiptState::Incomplete => &mut self.incomplete,
            ReceiptState::Failed => &mut self.dead,
            ReceiptState::Cancelled => &mut self.cancelled,
        };
        *count = count.saturating_add(jobs);
    }

    /// Returns the number of finished jobs, in any final state.
    pub fn done(&self) -> u64 {
        self.complete.saturating_add(self.incomplete).saturating_add(self.dead).saturating_add(self.cancelled)
    }

    /// Returns the number of jobs with a receipt.
    pub fn jobs(&self) -> u64 {
        self.done().saturating_add(self.waiting)
    }

    /// Returns the total number of jobs. While lists wait, adds the details that the price expects of them.
    pub fn expected(&self, run: &RunRecord) -> u64 {
        if self.lists_waiting == 0 || run.state == RunState::Cancelled {
            return self.jobs();
        }
        let lists = run.price.known + run.price.estimated + run.price.guessed;
        let named = run.jobs.saturating_sub(lists);
        let to_come = run.price.details.saturating_sub(named).saturating_sub(self.listed);
        self.jobs().saturating_add(to_come)
    }

    /// Returns the minimum number of jobs that a later run planned again, so that their receipts belong to it. The
    /// details of a list that moved to a later run are unknown here.
    pub fn taken_over(&self, run: &RunRecord) -> u64 {
        // Some receipts are missing until the plan is published and all lists are read.
        if self.lists_waiting > 0 || run.state == RunState::Publishing {
            return 0;
        }
        let details = self.jobs().saturating_sub(self.planned);
        run.jobs.saturating_sub(self.planned).saturating_add(self.listed.saturating_sub(details))
    }

    /// Returns the recent rate in jobs per minute; `None` if no job finished recently.
    pub fn per_minute(&self) -> Option<f64> {
        let known = self.recent > 0 && self.recent_seconds > 0;
        known.then(|| float(self.recent) * 60.0 / float(self.recent_seconds))
    }

    /// Returns the expected end at the recent rate, or at the mean rate since planning if nothing finished recently.
    /// Never before the UTC day on which the quota allows the last call. `None` if no job waits or none has finished.
    pub fn finished_at(&self, run: &RunRecord, now: Timestamp) -> Option<Timestamp> {
        let left = self.expected(run).saturating_sub(self.done());
        let rate = self.per_minute().or_else(|| self.mean_per_minute(run, now)).filter(|_| left > 0)?;
        let by_rate = whole(float(left) * 60.0 / rate);
        // The calls made today are unknown here: assume none, which gives the earliest end.
        let per_day = run.price.per_day;
        let by_quota =
            waited(now, self.calls_left(run, left), per_day, per_day).map_or(0, |(waited, _)| waited);
        let seconds = i64::try_from(by_rate.max(by_quota)).ok()?;
        now.checked_add(SignedDuration::from_secs(seconds)).ok()
    }

    /// Returns the calls that `left` jobs need, in proportion to the price.
    fn calls_left(&self, run: &RunRecord, left: u64) -> u64 {
        whole(float(run.price.calls()) * float(left) / float(self.expected(run).max(1)))
    }

    /// Returns the mean rate since the run was planned, in jobs per minute.
    fn mean_per_minute(&self, run: &RunRecord, now: Timestamp) -> Option<f64> {
        let seconds =
            u64::try_from(now.duration_since(run.planned_at).as_secs()).ok().filter(|span| *span > 0)?;
        (self.done() > 0).then(|| float(self.done()) * 60.0 / float(seconds))
    }
}

#[cfg(test)]
mod tests {
    use messages::Lane;

    use super::*;
    use crate::{Origin, Price};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn run(jobs: u64, details: u64, lists: u64) -> RunRecord {
        let now = at("2026-01-06T02:00:00Z");
        let price = Price {
            resource_intensive: 2 * lists,
            heavy: details,
            details,
            other: 0,
            per_day: 48_000,
            left_today: None,
            quota_days: 1,
            seconds: 1,
            finish_at: now,
            known: 0,
            estimated: lists,
            guessed: 0,
            basis: Vec::new(),
            opens: crate::Opens::Now,
        };
        RunRecord {
            run: "r".into(),
            state: RunState::Published,
            origin: Origin::Plan,
            slot: None,
            lane: Lane::Backfill,
            from: None,
            to: None,
            dates: lists,
            meetings: 0,
            episodes: 0,
            jobs,
            planned_at: now,
            changed_at: now,
            price,
        }
    }

    #[test]
    fn while_lists_wait_what_will_come_of_them_counts() {
        // Two lists and three named details. The price expects 203 details; the first list published 90.
        let run = run(5, 203, 2);
        let mut progress =
            Progress { lists_waiting: 1, listed: 90, recent: 30, recent_seconds: 600, ..Progress::default() };
        progress.count(ReceiptState::Complete, 40);
        progress.count(ReceiptState::Planned, 55);
        assert_eq!((progress.done(), progress.jobs(), progress.expected(&run)), (40, 95, 95 + 110));
        assert_eq!(progress.per_minute(), Some(3.0));
        let end = progress.finished_at(&run, at("2026-01-06T03:00:00Z"));
        assert_eq!(end, Some(at("2026-01-06T03:55:00Z")), "165 jobs at three a minute");
        let all_read = Progress { lists_waiting: 0, ..progress.clone() };
        assert_eq!(all_read.expected(&run), 95);
        let cancelled = RunRecord { state: RunState::Cancelled, ..run };
        assert_eq!(progress.expected(&cancelled), 95);
    }

    #[test]
    fn a_rate_of_nothing_foretells_nothing() {
        let mut progress = Progress { recent_seconds: 600, ..Progress::default() };
        progress.count(ReceiptState::Planned, 5);
        assert_eq!(progress.finished_at(&run(5, 5, 0), at("2026-01-06T03:00:00Z")), None);
        let done = Progress { waiting: 0, recent: 5, ..progress };
        assert_eq!(done.finished_at(&run(5, 5, 0), at("2026-01-06T03:00:00Z")), None);
    }

    #[test]
    fn a_backfill_of_many_days_does_not_end_before_they_have_begun() {
        // 20 x 48,000 calls; 60,000 jobs are done, at 32 per second in the last ten minutes.
        let mut backfill = run(960_000, 960_000, 0);
        backfill.price.heavy = 960_000;
        let mut progress =
            Progress { recent: 19_200, recent_seconds: 600, planned: 960_000, ..Progress::default() };
        progress.count(ReceiptState::Complete, 60_000);
        progress.count(ReceiptState::Planned, 900_000);
        let now = at("2026-01-07T02:00:00Z");
        let end = progress.finished_at(&backfill, now).unwrap();
        assert_eq!(end, at("2026-01-25T00:00:00Z"), "48,000 today at most, then 17 full days, and a rest");
        // The quota of the day is spent and nothing finishes: the mean rate of the 24 hours since planning applies.
        let spent = Progress { recent: 0, ..progress };
        assert_eq!(spent.finished_at(&backfill, now).unwrap(), at("2026-01-22T02:00:00Z").max(end));
        // A run without a quota.
        backfill.price.per_day = 0;
        assert_eq!(spent.finished_at(&backfill, now).unwrap(), at("2026-01-22T02:00:00Z"));
    }

    #[test]
    fn what_a_later_run_took_over_is_missing_here() {
        let mut progress = Progress { listed: 90, planned: 1, ..Progress::default() };
        progress.count(ReceiptState::Complete, 61);
        assert_eq!(progress.taken_over(&run(1, 90, 1)), 30, "details, planned again by themselves");
        let mut relisted = Progress::default();
        relisted.count(ReceiptState::Complete, 90);
        assert_eq!(relisted.taken_over(&run(1, 90, 1)), 1, "the list, which is being read again");
        let unread = Progress { lists_waiting: 1, ..progress };
        assert_eq!(unread.taken_over(&run(1, 90, 1)), 0, "their receipts may be on their way");
    }
}
