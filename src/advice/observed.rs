//! Input of advice: queue depths and workers' presence reports, summed per role.

use messages::{Family, Queue};
use runtime::presence::RoleInfo;
use runtime::quota::QuotaStatus;
use runtime::{Depth, Rates, WorkerInfo};

use crate::sources::vocabulary::role_of;

/// The state of all roles at one moment.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The fetching roles.
    pub fetch: Vec<Part>,
    /// The index role.
    pub index: Part,
    /// Maximum messages in the queue of documents.
    pub documents_limit: u64,
    /// Messages parked for another attempt.
    pub parked: u64,
    /// Broken parts as sentences, the most severe first.
    pub broken: Vec<String>,
    /// Jobs of the last days whose receipt is still planned.
    pub planned: u64,
    /// Workers that consume from a queue and did not answer.
    pub silent: u64,
    /// Dead letters, filed and unfiled.
    pub dead: u64,
}

/// One role, with the sums of its workers.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Name of the role.
    pub role: &'static str,
    /// Ready messages in its queues.
    pub waiting: u64,
    /// Messages in progress.
    pub in_hand: u64,
    /// Number of workers.
    pub workers: u64,
    /// Permits of all workers.
    pub permits: u64,
    /// Reasons for holds, one per worker on hold.
    pub holds: Vec<String>,
    /// Sums over the workers, except the mean `call_seconds` and the maxima `seconds` and `bulk_seconds`.
    pub rates: Rates,
    /// Calls per second that the quota allows, where it is known.
    pub allowed: Option<f64>,
    /// Pauses of its quota as sentences, one per account.
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
    /// Adds the allowed rates and pauses of the quotas to the fetching roles.
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
        // The longest time counts: a worker that has just started does not make the others' rates unknown.
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

    /// Returns the reason of one worker on hold.
    pub(super) fn why_held(&self) -> &str {
        self.holds.first().map_or("nobody says why", String::as_str)
    }

    /// Returns `permits` as a fraction of the busy permits.
    pub(super) fn share(&self, permits: f64) -> f64 {
        if self.rates.busy > 0.01 { permits / self.rates.busy } else { 0.0 }
    }

    /// Returns the permits per worker.
    pub(super) fn permits_each(&self) -> f64 {
        (self.permits as f64 / self.workers.max(1) as f64).max(1.0)
    }

    /// Returns the number of workers that the remaining messages can occupy.
    pub(super) fn worth(&self) -> u64 {
        // A worker's urgent job, outside its permits, does not occupy another worker.
        ((self.waiting + self.in_hand.min(self.permits)) as f64 / self.permits_each()).ceil().max(1.0) as u64
    }
}
