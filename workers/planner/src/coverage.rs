//! What the store's receipts say is held, by job and by date. Must not know how receipts are read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use messages::zoom::Event;
use messages::{Calls, CauseClass, JobId, Receipt, ReceiptState};

use crate::experience::Experience;

/// Where the jobs are that receipts call planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Queues {
    /// Jobs wait in the queues: a planned job is taken for one of them, however long ago it was planned.
    Hold,
    /// The queues are empty, and workers may have jobs in progress: a planned job is lost after [`crate::LEASE`].
    #[default]
    Untold,
    /// No queue holds a job, and no worker has one: every planned job is lost.
    Empty,
}

/// What is held: the latest receipt of each job.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    receipts: BTreeMap<JobId, Known>,
    pub(crate) queues: Queues,
    experience: Option<Experience>,
}

/// What the planner keeps of a receipt.
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
    /// The job, unless it is complete and nobody asked for it: then nobody publishes it again, and there are very
    /// many.
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

    /// When the job was begun that brought what is held. A time in the future was set by a clock that was wrong, and
    /// proves nothing.
    pub(crate) fn mark(&self, now: Timestamp) -> Option<Timestamp> {
        self.started_at.filter(|started| *started <= now)
    }

    /// True when the job found that what it asks for is not kept where it is asked for.
    pub(crate) fn is_absent(&self) -> bool {
        self.cause == Some(CauseClass::PlanMissing)
    }
}

/// One date, as its receipts show it.
#[derive(Debug, Default)]
pub(crate) struct Day<'a> {
    pub(crate) meetings: Option<&'a Known>,
    pub(crate) webinars: Option<&'a Known>,
    /// Jobs that came of the lists: meetings' participants, and hosts' meetings on the Reports path.
    pub(crate) details: Vec<&'a Known>,
}

impl<'a> Day<'a> {
    /// The receipt of the date's list of one kind of event.
    pub(crate) fn list(&self, event: Event) -> Option<&'a Known> {
        match event {
            Event::Meeting => self.meetings,
            Event::Webinar => self.webinars,
        }
    }
}

impl Coverage {
    /// Says what is known of the queues. A backlog may be older than [`crate::LEASE`], and its messages are not lost.
    #[must_use]
    pub fn with_queues(mut self, queues: Queues) -> Self {
        self.queues = queues;
        self
    }

    /// As [`Coverage::with_queues`] where only their contents are known.
    #[must_use]
    pub fn with_jobs_waiting(self, waiting: bool) -> Self {
        self.with_queues(if waiting { Queues::Hold } else { Queues::Untold })
    }

    /// Says what complete details have cost in the past, of whatever date. By default it is taken from the
    /// receipts at hand.
    #[must_use]
    pub fn with_experience(mut self, experience: Experience) -> Self {
        self.experience = Some(experience);
        self
    }

    pub(crate) fn experience(&self) -> Option<Experience> {
        self.experience
    }

    /// Takes note of a receipt. Of several for one job the latest counts, in whatever order they come.
    pub fn add(&mut self, receipt: Receipt) {
        let keeps_job = receipt.state != ReceiptState::Complete;
        self.insert(receipt, keeps_job);
    }

    /// Takes note of the receipt of a single meeting that is wanted: what its list said of it is kept, also when it
    /// is complete.
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

    /// The receipt of a job.
    pub(crate) fn of(&self, job: &JobId) -> Option<&Known> {
        self.receipts.get(job)
    }

    /// The dates whose user actions are not complete, were read at a time that is still to come, or were not kept when
    /// they were asked for and may be now.
    pub(crate) fn unfinished_actions(&self, now: Timestamp) -> impl Iterator<Item = Date> {
        let lacks_tracking = self.lacks_tracking();
        let open = move |known: &&Known| {
            let is_absent = known.is_absent() && !lacks_tracking;
            let is_to_come = known.started_at != known.mark(now);
            known.kind == "actions" && (known.state != ReceiptState::Complete || is_to_come || is_absent)
        };
        self.receipts.values().filter(open).filter_map(|known| known.date)
    }

    /// True when the last job of user actions that was done found a server that keeps none.
    pub fn lacks_tracking(&self) -> bool {
        let actions = self.receipts.values().filter(|known| known.kind == "actions");
        let last = actions.filter(|known| known.started_at.is_some()).max_by_key(|known| known.started_at);
        last.is_some_and(Known::is_absent)
    }

    /// True when no job of user actions was begun yet.
    pub(crate) fn never_asked_for_actions(&self) -> bool {
        let mut actions = self.receipts.values().filter(|known| known.kind == "actions");
        actions.all(|known| known.started_at.is_none())
    }

    /// What complete jobs of a kind have cost, in calls of all classes.
    pub(crate) fn complete_calls(&self, kind: &str) -> impl Iterator<Item = u64> {
        let complete = self.receipts.values().filter(move |known| known.kind == kind);
        let complete = complete.filter(|known| known.state == ReceiptState::Complete);
        complete.map(|Known { calls, .. }| {
            [calls.light, calls.medium, calls.heavy, calls.resource_intensive]
                .into_iter()
                .fold(0, u64::saturating_add)
        })
    }

    /// Every date of which there is any receipt.
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
