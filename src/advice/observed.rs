//! What is observed: the depths of the queues and the presence reports of the workers, summed up per role.

use messages::{Family, Queue};
use runtime::presence::RoleInfo;
use runtime::quota::QuotaStatus;
use runtime::{Depth, Rates, WorkerInfo};

use crate::sources::vocabulary::role_of;

/// The whole installation at one moment.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The roles that fetch.
    pub fetch: Vec<Part>,
    /// The role that writes to the store.
    pub index: Part,
    /// Messages that the queue of documents takes at most.
    pub documents_limit: u64,
    /// Messages parked for another attempt.
    pub parked: u64,
    /// What is broken, in sentences, the worst first.
    pub broken: Vec<String>,
    /// Jobs of the last days of which the receipt says that they are planned.
    pub planned: u64,
    /// Workers that take from a queue and did not answer.
    pub silent: u64,
    /// Dead letters on the desk and on their way to it.
    pub dead: u64,
}

/// One role, all its workers together.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Its name.
    pub role: &'static str,
    /// Messages ready for it.
    pub waiting: u64,
    /// Messages in its workers' hands.
    pub in_hand: u64,
    /// Its workers.
    pub workers: u64,
    /// What all of them can do at once.
    pub permits: u64,
    /// Why they are on hold; one per worker that is.
    pub holds: Vec<String>,
    /// Sums over its workers; means for times per call and per bulk.
    pub rates: Rates,
    /// Calls per second that the quota allows, where it is known.
    pub allowed: Option<f64>,
    /// What is paused of its quota, in sentences: an account each.
    pub paused: Vec<String>,
}

impl Observed {
    /// Sums up queues and presence reports.
    pub fn of(
        depths: Vec<(Queue, Depth)>,
        parked: u64,
        workers: &[WorkerInfo],
        documents_limit: usize,
    ) -> Self {
        let ready = |queues: &[Queue]| {
            let own = depths.iter().filter(|(queue, _)| queues.contains(queue));
            own.map(|(_, depth)| depth.ready).sum()
        };
        let fetch = Family::ALL.into_iter();
        Self {
            fetch: fetch.map(|family| Part::of(family.name(), ready(&family.queues()), workers)).collect(),
            index: Part::of("index", ready(&[Queue::documents()]), workers),
            documents_limit: documents_limit as u64,
            parked,
            ..Self::default()
        }
    }
}

impl Observed {
    /// The same, with what quotas allow the roles that fetch.
    #[must_use]
    pub fn with_quota(mut self, quota: &[QuotaStatus]) -> Self {
        for part in &mut self.fetch {
            let own =
                quota.iter().filter(|status| part.role.split('.').next() == Some(status.source.as_str()));
            let limits = own.flat_map(|status| &status.limits).filter(|limit| !limit.is_unlimited());
            let limits: Vec<_> = limits.filter(|limit| role_of(&limit.name) == Some(part.role)).collect();
            let paused = limits.iter().filter(|limit| limit.pause.is_some());
            part.paused = paused.map(|limit| limit.sentence()).collect();
            part.allowed =
                limits.iter().map(|limit| limit.per_minute / 60.0).reduce(|one, other| one + other);
        }
        self
    }
}

impl Part {
    fn of(role: &'static str, waiting: u64, workers: &[WorkerInfo]) -> Self {
        let mut part = Self { role, waiting, ..Self::default() };
        let roles = workers.iter().flat_map(|worker| &worker.roles).filter(|info| info.now.name == role);
        roles.for_each(|role| part.add(role));
        if part.rates.calls > 0.0 {
            part.rates.call_seconds = part.rates.calling / part.rates.calls;
        }
        part
    }

    fn add(&mut self, role: &RoleInfo) {
        self.workers += 1;
        self.permits += role.now.permits as u64;
        self.in_hand += role.now.in_flight;
        self.holds.extend(role.now.hold.as_ref().map(|hold| hold.why.clone()));
        let (sum, more) = (&mut self.rates, &role.rates);
        // A worker that has just started makes the others' figures no less known.
        sum.seconds = sum.seconds.max(more.seconds);
        sum.settled += more.settled;
        sum.documents += more.documents;
        sum.busy += more.busy;
        sum.waiting_for_quota += more.waiting_for_quota;
        sum.calling += more.calling;
        sum.publishing += more.publishing;
        sum.waiting_for_room += more.waiting_for_room;
        sum.storing += more.storing;
        sum.calls += more.calls;
        sum.bulk_seconds = sum.bulk_seconds.max(more.bulk_seconds);
    }

    /// True when every worker is on hold.
    pub(super) fn is_held(&self) -> bool {
        self.workers > 0 && self.holds.len() as u64 >= self.workers
    }

    /// Why they are, by the word of one of them.
    pub(super) fn why_held(&self) -> &str {
        self.holds.first().map_or("nobody says why", String::as_str)
    }

    /// The part of the busy permits that `permits` are.
    pub(super) fn share(&self, permits: f64) -> f64 {
        if self.rates.busy > 0.01 { permits / self.rates.busy } else { 0.0 }
    }

    /// Permits of one worker.
    pub(super) fn permits_each(&self) -> f64 {
        (self.permits as f64 / self.workers.max(1) as f64).max(1.0)
    }

    /// Workers that have something in hand each when all that is left is spread.
    pub(super) fn worth(&self) -> u64 {
        // The urgent job that a worker takes beside its permits is no work for another.
        ((self.waiting + self.in_hand.min(self.permits)) as f64 / self.permits_each()).ceil().max(1.0) as u64
    }
}
