//! The plan: the difference between request and coverage.

use std::collections::HashSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use messages::zoom::{Event, MeetingContext, Task};
use messages::{JobId, Lane, MeetingUuid, Queue, Receipt, ReceiptState, RunId, encode};

use crate::calendar::today;
use crate::coverage::Queues;
use crate::coverage::{Day, Known};
use crate::details::{self, Detail};
use crate::price::{self, Price, Quota};
use crate::settled::is_final;
use crate::{Asked, Coverage};

/// How long a planned job counts as in progress if it is unknown whether its message is lost ([`Queues::Untold`]).
/// After that it is published again; jobs are idempotent, so a duplicate is harmless.
pub const LEASE: SignedDuration = SignedDuration::from_hours(6);
/// Number of days before today that are daily work.
const DAILY_DAYS: i32 = 3;

/// The requested Zoom data.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The requested UTC dates; for a range see [`crate::days`].
    pub dates: Vec<Date>,
    /// Single meetings.
    pub meeting_uuids: Vec<MeetingUuid>,
    /// The lane to publish in. `None`: daily if every date is in the last three days, else backfill.
    pub lane: Option<Lane>,
    /// Publishes all jobs, independent of receipts.
    pub force: bool,
    /// Includes webinars.
    pub webinars: bool,
    /// The run the jobs belong to.
    pub run: RunId,
}

impl Wanted {
    /// Returns the job ids of the single meetings. The coverage must contain their receipts, independent of their date.
    pub fn picked_jobs(&self) -> Vec<JobId> {
        self.meeting_uuids.iter().map(|uuid| picked(uuid).job_id()).collect()
    }

    /// Returns the lane of the jobs.
    pub fn lane(&self, now: Timestamp) -> Lane {
        let since = daily_since(now);
        let recent = self.dates.iter().all(|date| *date >= since);
        self.lane.unwrap_or(if recent { Lane::Daily } else { Lane::Backfill })
    }

    /// Returns the request in the form common to all sources.
    pub fn asked(&self, now: Timestamp) -> Asked {
        Asked {
            run: self.run.clone(),
            lane: self.lane(now),
            dates: self.dates.clone(),
            meetings: self.meeting_uuids.len() as u64,
            episodes: 0,
            picked: self.picked_jobs(),
        }
    }

    fn lists(&self, date: Date) -> impl Iterator<Item = (Event, Task)> {
        let webinars = self.webinars.then_some((Event::Webinar, Task::Webinars { date }));
        std::iter::once((Event::Meeting, Task::Meetings { date })).chain(webinars)
    }
}

/// A job to publish, with its receipt.
#[derive(Debug, Clone)]
pub struct PlannedJob {
    /// The queue to publish in.
    pub queue: Queue,
    /// Id of the job and of its message.
    pub id: JobId,
    /// The job as JSON.
    pub body: Vec<u8>,
    /// A receipt in state `planned`. Store it with the job: without it the next plan publishes the job again.
    pub receipt: Receipt,
}

/// The jobs to publish, and the dates and meetings that need none.
#[derive(Debug)]
pub struct Plan {
    /// The missing jobs, lists first.
    pub jobs: Vec<PlannedJob>,
    /// The price of the jobs.
    pub price: Price,
    /// Covered dates: the list is final, and every detail is complete or failed.
    pub covered: Vec<Date>,
    /// Dates with jobs in progress and nothing to publish.
    pub in_flight: Vec<Date>,
    /// Single meetings that are complete or in progress.
    pub held: Vec<MeetingUuid>,
    /// Number of failed details of the requested dates. Their dead letters wait for an operator.
    pub failed: u64,
}

/// Compares the request with the coverage.
pub fn plan(now: Timestamp, wanted: &Wanted, coverage: &Coverage, quota: &Quota) -> Plan {
    let days = coverage.days();
    let mut planning = Planning {
        now,
        wanted,
        lane: wanted.lane(now),
        queues: coverage.queues,
        tasks: Vec::new(),
        covered: Vec::new(),
        in_flight: Vec::new(),
        held: Vec::new(),
        failed: 0,
    };
    let (none, mut dates) = (Day::default(), wanted.dates.clone());
    dates.sort_unstable();
    dates.dedup();
    for date in dates {
        planning.date(date, days.get(&date).unwrap_or(&none));
    }
    planning.meetings(coverage);
    let price = price::of(now, &planning.tasks, &days, coverage, quota);
    planning.finish(price)
}

/// Returns the first date that is daily work.
pub(crate) fn daily_since(now: Timestamp) -> Date {
    today(now).checked_sub(DAILY_DAYS.days()).unwrap_or(Date::MIN)
}

/// True if a job is planned and does not count as lost.
pub(crate) fn is_under_way(known: &Known, now: Timestamp, queues: Queues) -> bool {
    let leased = match queues {
        Queues::Hold => true,
        Queues::Untold => now.duration_since(known.planned_at) < LEASE,
        Queues::Empty => false,
    };
    known.state == ReceiptState::Planned && leased
}

struct Planning<'a> {
    now: Timestamp,
    wanted: &'a Wanted,
    lane: Lane,
    queues: Queues,
    tasks: Vec<Task>,
    covered: Vec<Date>,
    in_flight: Vec<Date>,
    held: Vec<MeetingUuid>,
    failed: u64,
}

impl Planning<'_> {
    fn date(&mut self, date: Date, day: &Day<'_>) {
        let before = self.tasks.len();
        let mut under_way = false;
        let mut listed = Vec::new();
        // If the job of a missing detail cannot be decoded, only reading the list again can name the detail.
        let again = day.details.iter().any(|known| self.is_missing(known) && details::task(known).is_none());
        for (event, task) in self.wanted.lists(date) {
            match day.list(event) {
                _ if self.wanted.force => self.tasks.push(task),
                Some(list) if self.is_under_way(list) => under_way = true,
                Some(list) if is_final(date, list, self.now) && !again => listed.push(event),
                _ => self.tasks.push(task),
            }
        }
        for detail in details::of(day) {
            under_way |= self.detail(detail, &listed);
        }
        match () {
            () if self.tasks.len() > before => {}
            () if under_way => self.in_flight.push(date),
            () => self.covered.push(date),
        }
    }

    /// Plans a detail again if its list will not do so. Returns true if the detail is in progress.
    fn detail(&mut self, detail: Detail<'_>, listed: &[Event]) -> bool {
        let Detail { known, event, task } = detail;
        match known.state {
            _ if !listed.contains(&event) => false,
            ReceiptState::Complete => false,
            ReceiptState::Failed => {
                self.failed += 1;
                false
            }
            ReceiptState::Planned | ReceiptState::Incomplete | ReceiptState::Cancelled => {
                let missing = self.is_missing(known);
                if missing {
                    self.tasks.push(task);
                }
                !missing
            }
        }
    }

    /// Plans single meetings. A failed meeting is planned again, because an operator named it.
    fn meetings(&mut self, coverage: &Coverage) {
        if self.wanted.meeting_uuids.is_empty() {
            return;
        }
        let mut planned: HashSet<JobId> = self.tasks.iter().map(Task::job_id).collect();
        for uuid in &self.wanted.meeting_uuids {
            let task = picked(uuid);
            let id = task.job_id();
            let known = coverage.of(&id);
            let is_held = |known: &Known| known.state == ReceiptState::Complete || self.is_under_way(known);
            if !self.wanted.force && known.is_some_and(is_held) {
                self.held.push(uuid.clone());
            } else if planned.insert(id) {
                // The facts of an earlier list save the call for the header and keep the date.
                self.tasks.push(match known.and_then(details::task) {
                    Some(listed) if self.wanted.force => with_header(listed),
                    Some(listed) => listed,
                    None => task,
                });
            }
        }
    }

    /// True for a detail that is incomplete, cancelled or lost.
    fn is_missing(&self, known: &Known) -> bool {
        match known.state {
            ReceiptState::Incomplete | ReceiptState::Cancelled => true,
            ReceiptState::Planned => !self.is_under_way(known),
            ReceiptState::Complete | ReceiptState::Failed => false,
        }
    }

    fn is_under_way(&self, known: &Known) -> bool {
        is_under_way(known, self.now, self.queues)
    }

    fn finish(self, price: Price) -> Plan {
        let Self { now, wanted, lane, tasks, covered, in_flight, held, failed, queues: _ } = self;
        let (lists, rest): (Vec<Task>, Vec<Task>) =
            tasks.into_iter().partition(|task| matches!(task, Task::Meetings { .. } | Task::Webinars { .. }));
        let jobs =
            lists.into_iter().chain(rest).filter_map(|task| planned(task, wanted.run.clone(), lane, now));
        Plan { jobs: jobs.collect(), price, covered, in_flight, held, failed }
    }
}

/// Returns the task of a meeting of which only the uuid is known.
pub(crate) fn picked(uuid: &MeetingUuid) -> Task {
    let meeting = MeetingContext {
        meeting_uuid: uuid.clone(),
        series_id: None,
        topic: None,
        start_time: None,
        end_time: None,
        host_id: None,
    };
    Task::Participants { meeting, event: Event::Meeting, listing: None, api: None, date: None, header: true }
}

/// Returns the same task, which also fetches the header.
fn with_header(mut task: Task) -> Task {
    if let Task::Participants { header, .. } = &mut task {
        *header = true;
    }
    task
}

/// Returns `None` if the job cannot be serialised, which does not happen for these tasks.
fn planned(task: Task, run: RunId, lane: Lane, now: Timestamp) -> Option<PlannedJob> {
    let queue = Queue::jobs(task.family(), lane);
    let job = task.into_job(run, lane, now);
    let (body, receipt) = (encode(&job).ok()?, job.planned().ok()?);
    Some(PlannedJob { queue, id: job.id, body, receipt })
}
