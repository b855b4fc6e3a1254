//! The plan for Opencast: one job per date, in the server's time zone, whose user actions are incomplete, and jobs for
//! episodes. Pure, like the plan for Zoom.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use messages::opencast::{SETTLED_AFTER, Task};
use messages::{Lane, Mpid, Queue, ReceiptState, RunId, encode};

use crate::coverage::Known;
use crate::plan::{PlannedJob, is_under_way};
use crate::price::Price;
use crate::{Asked, Coverage, Plan};

/// Number of days before today that are daily work and planned by default.
const DAILY_DAYS: i32 = 3;
/// Assumed calls for the actions of a date if no receipt of the server is complete.
const GUESSED_CALLS: f64 = 20.0;

/// The requested Opencast data.
#[derive(Debug, Clone)]
pub struct Lectures {
    /// The requested dates of actions, in the server's zone.
    pub dates: Vec<Date>,
    /// Single episodes.
    pub episodes: Vec<Mpid>,
    /// All episodes.
    pub catalogue: bool,
    /// All episodes if the server keeps no user actions. Applies only while no job for user actions has started.
    pub or_catalogue: bool,
    /// The lane to publish in. `None`: daily if every date is in the last three days, else backfill.
    pub lane: Option<Lane>,
    /// Publishes all jobs, independent of receipts.
    pub force: bool,
    /// The run the jobs belong to.
    pub run: RunId,
    /// The server's time zone, in which its dates begin and end.
    pub zone: TimeZone,
}

impl Lectures {
    /// Returns the tasks for episodes.
    pub fn picked(&self, now: Timestamp) -> Vec<Task> {
        let catalogue = self.catalogue.then(|| Task::Catalogue { date: crate::calendar::today(now) });
        self.episodes.iter().map(|mpid| Task::Episode { mpid: mpid.clone() }).chain(catalogue).collect()
    }

    /// Returns the request in the form common to all sources.
    pub fn asked(&self, now: Timestamp) -> Asked {
        Asked {
            run: self.run.clone(),
            lane: self.lane(now),
            dates: self.dates.clone(),
            meetings: 0,
            episodes: self.episodes.len() as u64,
            picked: self.picked(now).iter().map(Task::job_id).collect(),
        }
    }

    /// Returns the lane of the jobs.
    pub fn lane(&self, now: Timestamp) -> Lane {
        let since = today(now, &self.zone).saturating_sub(DAILY_DAYS.days());
        let recent = self.dates.iter().all(|date| *date >= since);
        self.lane.unwrap_or(if recent { Lane::Daily } else { Lane::Backfill })
    }
}

/// Returns the default dates: today until now, and the three days before. Covered dates cost nothing.
pub fn recent_dates(now: Timestamp, zone: &TimeZone) -> Vec<Date> {
    let today = today(now, zone);
    (0..=DAILY_DAYS).rev().filter_map(|back| today.checked_sub(back.days()).ok()).collect()
}

/// Returns the date of `now` in a zone.
pub fn today(now: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(now).date()
}

/// Compares the request with the coverage. `calls_per_second` is the maximum rate for the server; 0 means no limit.
pub fn plan_lectures(now: Timestamp, wanted: &Lectures, coverage: &Coverage, calls_per_second: f64) -> Plan {
    let (lane, mut tasks) = (wanted.lane(now), Vec::new());
    let (mut covered, mut in_flight) = (Vec::new(), Vec::new());
    // A server may report that it keeps no actions while it starts. Believe it only while its latest answer says so.
    let is_believed = |known: &Known| !known.is_absent() || coverage.lacks_tracking();
    let mut dates = wanted.dates.clone();
    dates.sort_unstable();
    dates.dedup();
    for date in dates {
        let known = coverage.of(&Task::actions(date, None).job_id());
        match known {
            _ if wanted.force => tasks.push(Task::actions(date, None)),
            Some(known) if is_under_way(known, now, coverage.queues) => in_flight.push(date),
            Some(known) if is_final(known, date, now, &wanted.zone) && is_believed(known) => {
                covered.push(date);
            }
            known => tasks.push(Task::actions(date, since(known, date, now, &wanted.zone))),
        }
    }
    if wanted.or_catalogue
        && coverage.never_asked_for_actions()
        && let Some(Task::Actions { or_catalogue, .. }) = tasks.last_mut()
    {
        *or_catalogue = true;
    }
    // Single episodes are requested by hand: fetch them again unless their jobs are in progress.
    let under_way = |task: &Task| {
        let known = coverage.of(&task.job_id());
        !wanted.force && known.is_some_and(|known| is_under_way(known, now, coverage.queues))
    };
    tasks.extend(wanted.picked(now).into_iter().filter(|task| !under_way(task)));
    let price = price(now, &tasks, coverage, calls_per_second);
    let jobs = tasks.into_iter().filter_map(|task| planned(task, wanted.run.clone(), lane, now)).collect();
    Plan { jobs, price, covered, in_flight, held: Vec::new(), failed: 0 }
}

/// True if a date was read completely after it was settled. A start in the future does not count, because it comes from
/// a wrong clock.
fn is_final(known: &Known, date: Date, now: Timestamp, zone: &TimeZone) -> bool {
    let settled = end(date, zone).and_then(|end| end.checked_add(SETTLED_AFTER).ok());
    let after = settled.zip(known.mark(now)).is_some_and(|(settled, started)| started >= settled);
    known.state == ReceiptState::Complete && after
}

/// Returns the time up to which an unsettled date is covered. Once the date is settled it is read completely again, so
/// that its receipt counts all of it. A failed job does not move the time, because its receipt is not complete.
fn since(known: Option<&Known>, date: Date, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let lasts =
        end(date, zone).and_then(|end| end.checked_add(SETTLED_AFTER).ok()).is_some_and(|end| now < end);
    known.filter(|known| lasts && known.state == ReceiptState::Complete)?.mark(now)
}

/// Returns the end of a date.
fn end(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_timestamp(date.tomorrow().ok()?.at(0, 0, 0, 0)).ok()
}

fn price(now: Timestamp, tasks: &[Task], coverage: &Coverage, calls_per_second: f64) -> Price {
    let known: Vec<f64> = coverage.complete_calls("actions").map(crate::price::float).collect();
    let mean = known.iter().sum::<f64>() / crate::price::float(known.len().max(1) as u64);
    let per_date = if known.is_empty() { GUESSED_CALLS } else { mean.max(1.0) };
    let calls = tasks.iter().map(|task| match task {
        Task::Actions { .. } => per_date,
        Task::Episode { .. } => 2.0,
        Task::Catalogue { .. } => GUESSED_CALLS,
    });
    let basis = match known.len() as u64 {
        0 => format!("a date guessed at {GUESSED_CALLS} calls: no date of this server is complete yet"),
        dates => format!("a date at {per_date:.0} calls: the mean of {dates} complete ones"),
    };
    Price::without_quota(now, crate::price::whole(calls.sum()), calls_per_second, basis)
}

/// Returns `None` if the job cannot be serialised, which does not happen for these tasks.
fn planned(task: Task, run: RunId, lane: Lane, now: Timestamp) -> Option<PlannedJob> {
    let queue = Queue::jobs(task.family(), lane);
    let job = task.into_job(run, lane, now);
    let (body, receipt) = (encode(&job).ok()?, job.planned().ok()?);
    Some(PlannedJob { queue, id: job.id, body, receipt })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use messages::{Job, Receipt, decode};

    use super::*;

    const RUN: &str = "r";

    fn zone() -> TimeZone {
        TimeZone::get("America/New_York").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn wanted(dates: &[Date]) -> Lectures {
        Lectures {
            dates: dates.to_vec(),
            episodes: Vec::new(),
            catalogue: false,
            or_catalogue: false,
            lane: None,
            force: false,
            run: RUN.into(),
            zone: zone(),
        }
    }

    fn receipt(date: Date, state: ReceiptState, started_at: Option<&str>) -> Receipt {
        let job = Task::actions(date, None).into_job(RUN.into(), Lane::Daily, at("2026-03-01T00:00:00Z"));
        let started_at = started_at.map(at);
        Receipt { state, started_at, finished_at: started_at, ..job.planned().unwrap() }
    }

    fn tasks(plan: &Plan) -> Vec<Task> {
        plan.jobs.iter().map(|job| decode::<Job<Task>>(&job.body).unwrap().task).collect()
    }

    #[test]
    fn a_date_is_covered_when_it_was_read_after_its_end_in_the_servers_zone() {
        let day = date(2026, 3, 8);
        // Daylight saving time begins on this day: it ends at 04:00 UTC, not at 05:00.
        for (started, is_covered) in [("2026-03-09T09:59:00Z", false), ("2026-03-09T10:00:00Z", true)] {
            let coverage = Coverage::from_iter([receipt(day, ReceiptState::Complete, Some(started))]);
            let plan = plan_lectures(at("2026-03-10T00:00:00Z"), &wanted(&[day]), &coverage, 5.0);
            assert_eq!(plan.covered == [day], is_covered, "{started}");
            assert_eq!(plan.jobs.is_empty(), is_covered);
        }
    }

    #[test]
    fn a_date_whose_mark_lies_in_the_future_is_read_again_as_a_whole() {
        let (day, mark) = (date(2026, 3, 10), "2026-03-11T12:00:00Z");
        let coverage = Coverage::from_iter([receipt(day, ReceiptState::Complete, Some(mark))]);
        for now in ["2026-03-10T16:00:00Z", "2026-03-11T05:00:00Z", "2026-03-11T11:59:59Z"] {
            let plan = plan_lectures(at(now), &wanted(&[day]), &coverage, 5.0);
            assert_eq!((tasks(&plan), plan.covered), (vec![Task::actions(day, None)], vec![]), "{now}");
        }
        assert_eq!(plan_lectures(at(mark), &wanted(&[day]), &coverage, 5.0).covered, [day]);
    }

    #[test]
    fn a_date_that_lasts_is_read_from_where_it_is_held_and_whole_when_it_is_over() {
        let (day, mark) = (date(2026, 3, 10), "2026-03-10T15:00:00Z");
        let coverage = Coverage::from_iter([receipt(day, ReceiptState::Complete, Some(mark))]);
        let plan = |now: &str| tasks(&plan_lectures(at(now), &wanted(&[day]), &coverage, 5.0));
        assert_eq!(plan("2026-03-10T16:00:00Z"), [Task::actions(day, Some(at(mark)))]);
        assert_eq!(plan("2026-03-11T05:00:00Z"), [Task::actions(day, Some(at(mark)))]);
        assert_eq!(plan("2026-03-11T10:00:00Z"), [Task::actions(day, None)]);
        assert_eq!(plan("2026-03-10T14:00:00Z"), [Task::actions(day, None)], "a mark in the future");
    }

    #[test]
    fn the_mark_never_passes_a_window_that_failed() {
        let day = date(2026, 3, 10);
        for state in [ReceiptState::Failed, ReceiptState::Incomplete, ReceiptState::Cancelled] {
            let coverage = Coverage::from_iter([receipt(day, state, Some("2026-03-10T15:00:00Z"))]);
            let plan = plan_lectures(at("2026-03-10T16:00:00Z"), &wanted(&[day]), &coverage, 5.0);
            assert_eq!(tasks(&plan), [Task::actions(day, None)], "{state:?}");
        }
    }

    #[test]
    fn a_server_without_user_tracking_is_not_asked_again_until_it_has_some() {
        let (before, day, now) = (date(2026, 3, 7), date(2026, 3, 8), at("2026-03-12T00:00:00Z"));
        let absent = |day, started| {
            let cause = messages::Cause::new(messages::CauseClass::PlanMissing, "none");
            Receipt { cause: Some(cause), ..receipt(day, ReceiptState::Complete, Some(started)) }
        };
        let gone = absent(day, "2026-03-10T04:30:00Z");
        let dates = [before, day];
        let whole = |started| receipt(before, ReceiptState::Complete, Some(started));
        let planned = |receipts: [Receipt; 2]| {
            plan_lectures(now, &wanted(&dates), &Coverage::from_iter(receipts), 5.0).covered
        };
        assert_eq!(planned([whole("2026-03-09T04:30:00Z"), gone.clone()]), dates, "it was there before");
        assert_eq!(planned([whole("2026-03-11T04:30:00Z"), gone.clone()]), [before], "it is there again");
        assert_eq!(planned([absent(before, "2026-03-11T04:30:00Z"), gone]), dates);
    }

    #[test]
    fn one_job_of_the_first_plan_takes_the_episodes_of_a_server_that_keeps_no_actions() {
        let (before, day, now) = (date(2026, 3, 7), date(2026, 3, 8), at("2026-03-09T12:00:00Z"));
        let wanted = Lectures { or_catalogue: true, ..wanted(&[before, day]) };
        let or_catalogue = |receipts: &[Receipt]| {
            let plan = plan_lectures(now, &wanted, &Coverage::from_iter(receipts.to_vec()), 5.0);
            let flags = tasks(&plan).into_iter().map(|task| match task {
                Task::Actions { date, or_catalogue, .. } => (date, or_catalogue),
                other => panic!("{other:?}"),
            });
            flags.collect::<Vec<_>>()
        };
        assert_eq!(or_catalogue(&[]), [(before, false), (day, true)]);
        let begun = receipt(before, ReceiptState::Incomplete, Some("2026-03-08T12:00:00Z"));
        assert_eq!(or_catalogue(&[begun]), [(before, false), (day, false)]);
    }

    /// Guards against a length in seconds without the days: 24 hours and a minute would count as a minute.
    #[test]
    fn a_span_of_more_than_a_day_is_a_job_for_each_of_its_whole_days() {
        // The second day has 23 hours.
        let (first, now) = (date(2026, 3, 7), at("2026-03-20T00:00:00Z"));
        for length in [1, 2, 3, 8] {
            let span = crate::days(first, first + (length - 1).days()).unwrap();
            let each: Vec<Task> = (0..length).map(|day| Task::actions(first + day.days(), None)).collect();
            let plan = plan_lectures(now, &wanted(&span), &Coverage::default(), 5.0);
            assert_eq!(tasks(&plan), each, "{length} days");
        }
    }

    #[test]
    fn planning_twice_publishes_nothing_the_second_time() {
        let now = at("2026-03-10T16:00:00Z");
        let mut wanted = wanted(&recent_dates(now, &zone()));
        wanted.episodes = vec!["a-1".parse().unwrap()];
        wanted.catalogue = true;
        let first = plan_lectures(now, &wanted, &Coverage::default(), 5.0);
        assert_eq!((first.jobs.len(), first.price.other), (6, 4 * 20 + 2 + 20));
        let coverage = Coverage::from_iter(first.jobs.into_iter().map(|job| job.receipt));
        let second = plan_lectures(now, &wanted, &coverage, 5.0);
        assert!(second.jobs.is_empty() && second.in_flight.len() == 4);
        wanted.force = true;
        assert_eq!(plan_lectures(now, &wanted, &coverage, 5.0).jobs.len(), 6);
    }

    #[test]
    fn old_dates_go_to_the_backfill() {
        let now = at("2026-03-10T16:00:00Z");
        assert_eq!(wanted(&[date(2026, 3, 7)]).lane(now), Lane::Daily);
        assert_eq!(wanted(&[date(2026, 3, 6)]).lane(now), Lane::Backfill);
    }
}
