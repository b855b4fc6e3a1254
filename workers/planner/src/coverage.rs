//! What the receipts in the store cover, by job and by date. Independent of how receipts are read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use messages::zoom::Event;
use messages::{Calls, CauseClass, JobId, Receipt, ReceiptState};

use crate::experience::Experience;

/// Where planned jobs can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Queues {
    /// Jobs wait in the queues, so every planned job counts as one of them, independent of its age.
    Hold,
    /// The queues are empty, but workers may have jobs in progress: a planned job counts as lost after
    /// [`crate::LEASE`].
    #[default]
    Untold,
    /// No queue and no worker has a job: every planned job is lost.
    Empty,
}

/// The latest receipt of each job.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    receipts: BTreeMap<JobId, Known>,
    pub(crate) queues: Queues,
    experience: Option<Experience>,
}

/// The fields of a receipt that the planner needs.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) kind: String,
    pub(crate) date: Option<Date>,
    pub(crate) state: ReceiptState,
    pub(crate) planned_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) expected: Option<u64>,
    pub(crate) got: Option<u64>,
    pub(crate) jobs: Option<u64>,
    pub(crate) cause: Option<CauseClass>,
    pub(crate) calls: Calls,
    /// The job. `None` for complete jobs unless requested by [`Coverage::add_wanted`], because there are very many and
    /// they are not published again.
    pub(crate) job: Option<String>,
    version: i64,
}

impl Known {
    fn new(receipt: Receipt, keeps_job: bool) -> Self {
        let version = receipt.version();
        Self {
            kind: receipt.kind,
            date: receipt.date,
            state: receipt.state,
            planned_at: receipt.planned_at,
            started_at: receipt.started_at,
            expected: receipt.expected,
            got: receipt.got,
            jobs: receipt.jobs,
            cause: receipt.cause.map(|cause| cause.class),
            calls: receipt.calls,
            job: receipt.job.filter(|_| keeps_job).map(|job| job.get().to_owned()),
            version,
        }
    }

    /// Returns the start of the job that read the data. Ignores a time in the future, because it comes from a wrong
    /// clock.
    pub(crate) fn mark(&self, now: Timestamp) -> Option<Timestamp> {
        self.started_at.filter(|started| *started <= now)
    }

    /// True if the server does not keep the data that the job asked for.
    pub(crate) fn is_absent(&self) -> bool {
        self.cause == Some(CauseClass::PlanMissing)
    }
}

/// The receipts of one date.
#[derive(Debug, Default)]
pub(crate) struct Day<'a> {
    pub(crate) meetings: Option<&'a Known>,
    pub(crate) webinars: Option<&'a Known>,
    /// Jobs that the lists published: participants of meetings, and meetings of hosts on the Reports path.
    pub(crate) details: Vec<&'a Known>,
}

impl<'a> Day<'a> {
    /// Returns the receipt of the date's list for one kind of event.
    pub(crate) fn list(&self, event: Event) -> Option<&'a Known> {
        match event {
            Event::Meeting => self.meetings,
            Event::Webinar => self.webinars,
        }
    }
}

impl Coverage {
    /// Sets the state of the queues. Messages in a backlog may be older than [`crate::LEASE`] without being lost.
    #[must_use]
    pub fn with_queues(mut self, queues: Queues) -> Self {
        self.queues = queues;
        self
    }

    /// Like [`Coverage::with_queues`], for callers that know only whether jobs wait.
    #[must_use]
    pub fn with_jobs_waiting(self, waiting: bool) -> Self {
        self.with_queues(if waiting { Queues::Hold } else { Queues::Untold })
    }

    /// Sets the cost of complete details in the past, of any date. The default comes from the added receipts.
    #[must_use]
    pub fn with_experience(mut self, experience: Experience) -> Self {
        self.experience = Some(experience);
        self
    }

    pub(crate) fn experience(&self) -> Option<Experience> {
        self.experience
    }

    /// Adds a receipt. Of several receipts of a job the latest counts, in any order.
    pub fn add(&mut self, receipt: Receipt) {
        let keeps_job = receipt.state != ReceiptState::Complete;
        self.insert(receipt, keeps_job);
    }

    /// Adds the receipt of a requested meeting and keeps the job with the list's facts, even if it is complete.
    pub fn add_wanted(&mut self, receipt: Receipt) {
        self.insert(receipt, true);
    }

    fn insert(&mut self, receipt: Receipt, keeps_job: bool) {
        let job = receipt.job_id.clone();
        let known = Known::new(receipt, keeps_job);
        if self.receipts.get(&job).is_none_or(|held| held.version <= known.version) {
            self.receipts.insert(job, known);
        }
    }

    /// Returns the receipt of a job.
    pub(crate) fn of(&self, job: &JobId) -> Option<&Known> {
        self.receipts.get(job)
    }

    /// Returns the dates whose user actions are incomplete, were read at a time in the future, or were not kept by the
    /// server when they were read and may be kept now.
    pub(crate) fn unfinished_actions(&self, now: Timestamp) -> impl Iterator<Item = Date> {
        let lacks_tracking = self.lacks_tracking();
        let open = move |known: &&Known| {
            let is_absent = known.is_absent() && !lacks_tracking;
            let is_to_come = known.started_at != known.mark(now);
            known.kind == "actions" && (known.state != ReceiptState::Complete || is_to_come || is_absent)
        };
        self.receipts.values().filter(open).filter_map(|known| known.date)
    }

    /// True if the latest job for user actions found that the server keeps none.
    pub fn lacks_tracking(&self) -> bool {
        let actions = self.receipts.values().filter(|known| known.kind == "actions");
        let last = actions.filter(|known| known.started_at.is_some()).max_by_key(|known| known.started_at);
        last.is_some_and(Known::is_absent)
    }

    /// True if no job for user actions has started yet.
    pub(crate) fn never_asked_for_actions(&self) -> bool {
        let mut actions = self.receipts.values().filter(|known| known.kind == "actions");
        actions.all(|known| known.started_at.is_none())
    }

    /// Returns the calls of all classes of each complete job of a kind.
    pub(crate) fn complete_calls(&self, kind: &str) -> impl Iterator<Item = u64> {
        let complete = self.receipts.values().filter(move |known| known.kind == kind);
        let complete = complete.filter(|known| known.state == ReceiptState::Complete);
        complete.map(|Known { calls, .. }| {
            [calls.light, calls.medium, calls.heavy, calls.resource_intensive]
                .into_iter()
                .fold(0, u64::saturating_add)
        })
    }

    /// Returns every date with a receipt.
    pub(crate) fn days(&self) -> BTreeMap<Date, Day<'_>> {
        let mut days: BTreeMap<Date, Day<'_>> = BTreeMap::new();
        for known in self.receipts.values() {
            let Some(date) = known.date else { continue };
            let day = days.entry(date).or_default();
            match known.kind.as_str() {
                "meetings" => day.meetings = Some(known),
                "webinars" => day.webinars = Some(known),
                _ => day.details.push(known),
            }
        }
        days
    }
}

impl Extend<Receipt> for Coverage {
    fn extend<I: IntoIterator<Item = Receipt>>(&mut self, receipts: I) {
        for receipt in receipts {
            self.add(receipt);
        }
    }
}

impl FromIterator<Receipt> for Coverage {
    fn from_iter<I: IntoIterator<Item = Receipt>>(receipts: I) -> Self {
        let mut coverage = Self::default();
        coverage.extend(receipts);
        coverage
    }
}
