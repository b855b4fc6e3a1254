//! State of a running role: counters, and why it waits. Read by progress bars, status and health.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use messages::RunId;
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::clock;
use crate::holds::{Begun, Holds, Policy, Reason};
use crate::parked::{Parked, Shelf};
use crate::time_use::{Rates, TimeUse};

/// Longest interval between two heartbeats of a loop.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Live counters of one role; shared by reference.
#[derive(Debug)]
pub struct Status {
    name: &'static str,
    done: AtomicU64,
    retried: AtomicU64,
    rejected: AtomicU64,
    requeued: AtomicU64,
    in_flight: AtomicU64,
    permits: AtomicUsize,
    hold: Mutex<Option<Hold>>,
    holds: Mutex<Holds>,
    trouble: Mutex<Option<Hold>>,
    runs: Mutex<BTreeMap<RunId, u64>>,
    shelf: Mutex<Shelf>,
    last_beat: Mutex<Option<Instant>>,
    time_use: Arc<TimeUse>,
}

/// Why a role takes no messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Latest end; `None`: when its dependency recovers.
    pub until: Option<Timestamp>,
    /// Reason.
    pub why: String,
    /// Index of the paused limit of the account's quota. Only the role and its source use it.
    #[serde(skip)]
    pub limit: Option<usize>,
    /// True when a peer refuses: credentials, rights, a scope or a licence.
    #[serde(default)]
    pub refused: bool,
    /// Time of the next try.
    #[serde(default)]
    pub next: Option<Timestamp>,
}

impl Hold {
    /// Creates a hold until a time, or until the dependency recovers.
    pub fn new(until: Option<Timestamp>, why: String) -> Self {
        Self { until, why, limit: None, refused: false, next: None }
    }

    /// Creates a hold because a peer refuses.
    pub fn refused(why: String) -> Self {
        Self { refused: true, ..Self::new(None, why) }
    }

    pub(crate) fn reason(&self) -> Reason {
        match (self.refused, self.limit) {
            (true, _) => Reason::Refused,
            (false, Some(_)) => Reason::Paused,
            (false, None) => Reason::Trouble,
        }
    }
}

/// The values of a role's [`Status`] at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The role's name.
    pub name: Cow<'static, str>,
    /// Maximum number of jobs (or batches) at once.
    pub permits: usize,
    /// Messages acked.
    pub done: u64,
    /// Messages parked for another attempt.
    pub retried: u64,
    /// Messages that became dead letters.
    pub rejected: u64,
    /// Messages requeued without counting an attempt.
    #[serde(rename = "handed_back")]
    pub requeued: u64,
    /// Messages in progress.
    pub in_flight: u64,
    /// The current hold, if any.
    pub hold: Option<Hold>,
    /// The last hold until its cause is certainly over, also while the role tries again.
    #[serde(default)]
    pub trouble: Option<Hold>,
    /// Jobs in progress by their run; no more runs than `permits`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub runs: BTreeMap<RunId, u64>,
    /// Messages that this role has parked for another attempt, by cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parked: Vec<Parked>,
}

/// Counts a job in progress for its run until dropped.
#[derive(Debug)]
pub(crate) struct InProgress {
    status: Arc<Status>,
    run: RunId,
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let mut runs = self.status.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = runs.get_mut(&self.run) {
            *jobs = jobs.saturating_sub(1);
            if *jobs == 0 {
                runs.remove(&self.run);
            }
        }
    }
}

impl Status {
    /// Creates counters at zero for the role `name`, which runs until it is stopped.
    pub fn new(name: &'static str) -> Self {
        Self::with_policy(name, Policy::ROLE)
    }

    /// Like [`Status::new`], with another failure policy.
    pub fn with_policy(name: &'static str, policy: Policy) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            name,
            done: zero(),
            retried: zero(),
            rejected: zero(),
            requeued: zero(),
            in_flight: zero(),
            permits: AtomicUsize::new(0),
            hold: Mutex::new(None),
            holds: Mutex::new(Holds::new(policy)),
            trouble: Mutex::new(None),
            runs: Mutex::default(),
            shelf: Mutex::default(),
            last_beat: Mutex::new(None),
            time_use: Arc::default(),
        }
    }

    /// Returns the current values.
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            name: Cow::Borrowed(self.name),
            permits: self.permits.load(Ordering::Relaxed),
            done: read(&self.done),
            retried: read(&self.retried),
            rejected: read(&self.rejected),
            requeued: read(&self.requeued),
            in_flight: read(&self.in_flight),
            hold: self.hold.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            trouble: self.trouble(),
            runs: self.runs.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            parked: self.shelf.lock().unwrap_or_else(PoisonError::into_inner).parked(clock::now()),
        }
    }

    /// Records a message that is parked until `due`.
    pub(crate) fn parks(&self, class: String, why: String, due: Timestamp) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.add(class, &why, due, clock::now());
    }

    /// Counts a job of `run` as in progress.
    pub(crate) fn works_on(self: &Arc<Self>, run: RunId) -> InProgress {
        *self.runs.lock().unwrap_or_else(PoisonError::into_inner).entry(run.clone()).or_default() += 1;
        InProgress { status: Arc::clone(self), run }
    }

    /// The role's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Stores a sample of the counters. With one every few seconds, [`Status::rates`] covers the last minute.
    pub fn sample(&self) {
        self.time_use.sample(self.settled_for_good());
    }

    /// Returns the rates since the oldest sample of the last minute.
    pub fn rates(&self) -> Rates {
        self.time_use.rates(self.settled_for_good())
    }

    fn settled_for_good(&self) -> u64 {
        self.done.load(Ordering::Relaxed) + self.rejected.load(Ordering::Relaxed)
    }

    /// Returns the time since the last heartbeat of the role's loop; `None` before the first. A loop beats at least
    /// every second, also while it waits.
    pub fn last_heartbeat(&self) -> Option<Duration> {
        self.last_beat.lock().unwrap_or_else(PoisonError::into_inner).map(|last_beat| last_beat.elapsed())
    }

    /// Runs a future of the role's loop, with heartbeats meanwhile.
    pub async fn heartbeat<T>(&self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = std::pin::pin!(waiting);
        loop {
            *self.last_beat.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            self.calm();
            if let Ok(value) = tokio::time::timeout(HEARTBEAT, waiting.as_mut()).await {
                return value;
            }
        }
    }

    /// Runs a job's work and records its time for this role.
    pub(crate) async fn timed<T>(&self, work: impl Future<Output = T>) -> T {
        self.time_use.timed(work).await
    }

    pub(crate) fn runs_with(&self, permits: usize) {
        self.permits.store(permits, Ordering::Relaxed);
        self.sample();
    }

    pub(crate) fn began(&self, messages: usize) {
        self.in_flight.fetch_add(messages as u64, Ordering::Relaxed);
    }

    pub(crate) fn ended(&self, messages: usize) {
        self.in_flight.fetch_sub(messages as u64, Ordering::Relaxed);
    }

    pub(crate) fn settled(&self, kind: Settled) {
        let counter = match kind {
            Settled::Done => &self.done,
            Settled::Retried => &self.retried,
            Settled::Rejected => &self.rejected,
            Settled::Requeued => &self.requeued,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if kind == Settled::Done {
            self.worked();
        }
    }

    /// Notes a success.
    pub(crate) fn worked(&self) {
        self.holds().worked();
    }

    /// Has a success of either role count for both: they use the same credentials of the same peer.
    pub fn trusts(&self, other: &Self) {
        let accepted = other.holds().refusals().clone();
        self.holds().refusals().share(&accepted);
    }

    /// Begins a hold for `reason`, or ends the role.
    pub(crate) fn holds_for(&self, reason: Reason) -> Begun {
        self.holds().begin(reason, Instant::now())
    }

    /// Returns the delay before the next probe, after a failed one.
    pub(crate) fn grows(&self) -> Duration {
        self.holds().grow()
    }

    /// Returns why the role cannot work, also while it tries again; `None` for a pause of the quota.
    pub fn trouble(&self) -> Option<Hold> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the current hold; `None` ends it.
    pub(crate) fn hold(&self, hold: Option<Hold>) {
        match &hold {
            None => self.holds().resume(Instant::now()),
            Some(hold) => {
                let trouble = Some(hold.clone()).filter(|hold| hold.reason() != Reason::Paused);
                *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
            }
        }
        *self.hold.lock().unwrap_or_else(PoisonError::into_inner) = hold;
    }

    /// Resets the delays to the shortest.
    pub(crate) fn forgets(&self) {
        self.holds().forget();
    }

    /// Sets the time of the next try.
    pub(crate) fn tries_again(&self, next: Timestamp) {
        if let Some(hold) = self.hold.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            hold.next = Some(next);
        }
    }

    /// Logs once when trouble is over.
    fn calm(&self) {
        let is_idle = self.in_flight.load(Ordering::Relaxed) == 0;
        if self.holds().calm(Instant::now(), is_idle) {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
            info!("{} goes on", self.name);
        }
    }

    fn holds(&self) -> MutexGuard<'_, Holds> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a message was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    Done,
    Retried,
    Rejected,
    Requeued,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_loop_beats_while_it_waits_and_not_while_it_hangs() {
        let status = Status::new("test");
        assert_eq!(status.last_heartbeat(), None);
        let (begin, waited) = (Instant::now(), HEARTBEAT * 5 / 2);
        status.heartbeat(tokio::time::sleep(waited)).await;
        let since = status.last_heartbeat().unwrap();
        assert!(begin.elapsed() - since >= HEARTBEAT, "the only heartbeat was the first one");
        tokio::time::sleep(waited).await;
        assert!(status.last_heartbeat().unwrap() >= waited);
    }
}
