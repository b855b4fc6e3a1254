//! What a running role says of itself: counters, and why it waits. Read by progress bars, status and health.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::meter::{Meter, Rates};

/// How often a loop turns at least.
const TURN: Duration = Duration::from_secs(1);

/// Live counters of one role; shared by reference.
#[derive(Debug)]
pub struct Status {
    name: &'static str,
    done: AtomicU64,
    retried: AtomicU64,
    rejected: AtomicU64,
    handed_back: AtomicU64,
    in_flight: AtomicU64,
    permits: AtomicUsize,
    hold: Mutex<Option<Hold>>,
    turned: Mutex<Option<Instant>>,
    meter: Arc<Meter>,
}

/// Why a role takes nothing at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// When it goes on at the latest; `None`: when its dependency is well again.
    pub until: Option<Timestamp>,
    /// Why, in words.
    pub why: String,
    /// The meter of the account's quota whose pause this is: a matter between the role and its source.
    #[serde(skip)]
    pub meter: Option<usize>,
}

/// A picture of a role's [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The role's name.
    pub name: Cow<'static, str>,
    /// Jobs (or batches) at once.
    pub permits: usize,
    /// Messages acked.
    pub done: u64,
    /// Messages parked for another attempt.
    pub retried: u64,
    /// Messages that became dead letters.
    pub rejected: u64,
    /// Messages handed back, uncounted.
    pub handed_back: u64,
    /// Messages being worked on.
    pub in_flight: u64,
    /// Why nothing is taken, if so.
    pub hold: Option<Hold>,
}

impl Status {
    /// Counters at zero for the role `name`.
    pub fn new(name: &'static str) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            name,
            done: zero(),
            retried: zero(),
            rejected: zero(),
            handed_back: zero(),
            in_flight: zero(),
            permits: AtomicUsize::new(0),
            hold: Mutex::new(None),
            turned: Mutex::new(None),
            meter: Arc::default(),
        }
    }

    /// The counters as they are now.
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            name: Cow::Borrowed(self.name),
            permits: self.permits.load(Ordering::Relaxed),
            done: read(&self.done),
            retried: read(&self.retried),
            rejected: read(&self.rejected),
            handed_back: read(&self.handed_back),
            in_flight: read(&self.in_flight),
            hold: self.hold.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// The role's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Keeps the counters as they are now. Called every few seconds, it makes [`Status::rates`] those of the last
    /// minute.
    pub fn sample(&self) {
        self.meter.sample(self.settled_for_good());
    }

    /// What happened per second since the oldest sample of the last minute.
    pub fn rates(&self) -> Rates {
        self.meter.rates(self.settled_for_good())
    }

    fn settled_for_good(&self) -> u64 {
        self.done.load(Ordering::Relaxed) + self.rejected.load(Ordering::Relaxed)
    }

    /// How long ago the role's loop last turned; `None` before its first turn. A loop turns at least every second,
    /// also while it waits.
    pub fn last_turn(&self) -> Option<Duration> {
        self.turned.lock().unwrap_or_else(PoisonError::into_inner).map(|turned| turned.elapsed())
    }

    /// Does what the loop waits for, and has it turn meanwhile.
    pub(crate) async fn turning<T>(&self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = std::pin::pin!(waiting);
        loop {
            *self.turned.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            if let Ok(value) = tokio::time::timeout(TURN, waiting.as_mut()).await {
                return value;
            }
        }
    }

    /// Does a job's work, its time booked on this role.
    pub(crate) async fn book<T>(&self, work: impl Future<Output = T>) -> T {
        self.meter.book(work).await
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
            Settled::HandedBack => &self.handed_back,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn hold(&self, hold: Option<Hold>) {
        *self.hold.lock().unwrap_or_else(PoisonError::into_inner) = hold;
    }
}

/// How a message was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    Done,
    Retried,
    Rejected,
    HandedBack,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_loop_turns_while_it_waits_and_not_while_it_hangs() {
        let status = Status::new("test");
        assert_eq!(status.last_turn(), None);
        let (begin, waited) = (Instant::now(), TURN * 5 / 2);
        status.turning(tokio::time::sleep(waited)).await;
        let since = status.last_turn().unwrap();
        assert!(begin.elapsed() - since >= TURN, "the last turn was the first one");
        tokio::time::sleep(waited).await;
        assert!(status.last_turn().unwrap() >= waited);
    }
}
