//! The plan: the difference between what is wanted and what is held.

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

/// For how long a planned job counts as under way when it is not known whether its message is lost
/// ([`Queues::Untold`]). After that it is published again; if it was not lost, doing it twice changes nothing.
pub const LEASE: SignedDuration = SignedDuration::from_hours(6);
/// Dates that are at most so many days ago are daily work.
const DAILY_DAYS: i32 = 3;

/// What should be held.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The UTC dates whose meetings are wanted; of a range see [`crate::days`].
    pub dates: Vec<Date>,
    /// Single meetings.
    pub meeting_uuids: Vec<MeetingUuid>,
    /// The lane to publish in; `None`: daily if every date is of the last three days, else backfill.
    pub lane: Option<Lane>,
    /// Publish whatever the receipts say.
    pub force: bool,
    /// Webinars, too.
    pub webinars: bool,
    /// The run the jobs belong to.
    pub run: RunId,
}

impl Wanted {
    /// The jobs of the single meetings: their receipts are part of the coverage, whatever their date.
    pub fn picked_jobs(&self) -> Vec<JobId> {
        self.meeting_uuids.iter().map(|uuid| picked(uuid).job_id()).collect()
    }

    /// The lane the jobs go to.
    pub fn lane(&self, now: Timestamp) -> Lane {
        let since = daily_since(now);
        let recent = self.dates.iter().all(|date| *date >= since);
        self.lane.unwrap_or(if recent { Lane::Daily } else { Lane::Backfill })
    }

    /// What is asked for, in words that every source has.
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

/// A job to publish, with the receipt to file for it.
#[derive(Debug, Clone)]
pub struct PlannedJob {
    /// Where it goes.
    pub queue: Queue,
    /// Its id, also the id of its message.
    pub id: JobId,
    /// The job as JSON.
    pub body: Vec<u8>,
    /// A receipt of state `planned`. File it with the job: without it the next plan publishes again.
    pub receipt: Receipt,
}

/// What to publish, and what needs nothing.
#[derive(Debug)]
pub struct Plan {
    /// The jobs that are missing, lists first.
    pub jobs: Vec<PlannedJob>,
    /// What they will cost.
    pub price: Price,
    /// Dates that need nothing: listed when they were over, every detail complete or failed.
    pub covered: Vec<Date>,
    /// Dates of which jobs are under way and nothing has to be published.
    pub in_flight: Vec<Date>,
    /// Single meetings that need nothing: complete or under way.
    pub held: Vec<MeetingUuid>,
    /// Failed details of the wanted dates: their dead letters wait for an operator.
    pub failed: u64,
}

/// Compares what is wanted with what is held.
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

/// The first of the dates that are daily work.
pub(crate) fn daily_since(now: Timestamp) -> Date {
    today(now).checked_sub(DAILY_DAYS.days()).unwrap_or(Date::MIN)
}

/// True for a job that is planned and not lost, as far as one can tell.
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
        // A detail that cannot be read back is named again by its list only.
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

    /// Plans a detail again where its list will not do so; says whether it is under way.
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

    /// Plans single meetings. A failed one is tried again: its uuid was given by hand.
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
                // What an earlier list said of the meeting saves the call for its header, and keeps its date.
                self.tasks.push(match known.and_then(details::task) {
                    Some(listed) if self.wanted.force => with_header(listed),
                    Some(listed) => listed,
                    None => task,
                });
            }
        }
    }

    /// True for a detail that is incomplete, cancelled, or planned so long ago that it counts as lost.
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

/// The task of a meeting of which only the uuid is known.
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

/// The same task, for which the header is fetched again.
fn with_header(mut task: Task) -> Task {
    if let Task::Participants { header, .. } = &mut task {
        *header = true;
    }
    task
}

/// `None` only if a job could not be written as JSON, which no task is able to bring about.
fn planned(task: Task, run: RunId, lane: Lane, now: Timestamp) -> Option<PlannedJob> {
    let queue = Queue::jobs(task.family(), lane);
    let job = task.into_job(run, lane, now);
    let (body, receipt) = (encode(&job).ok()?, job.planned().ok()?);
    Some(PlannedJob { queue, id: job.id, body, receipt })
}
