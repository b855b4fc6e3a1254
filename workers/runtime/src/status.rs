//! What a running role says of itself: counters, and why it waits. Read by progress bars, status and health.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

/// Live counters of one role; shared by reference.
#[derive(Debug)]
pub struct Status {
    name: &'static str,
    done: AtomicU64,
    retried: AtomicU64,
    rejected: AtomicU64,
    handed_back: AtomicU64,
    in_flight: AtomicU64,
    hold: Mutex<Option<Hold>>,
}

/// Why a role takes nothing at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// When it goes on at the latest; `None`: when its dependency is well again.
    pub until: Option<Timestamp>,
    /// Why, in words.
    pub why: String,
}

/// A picture of a role's [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// The role's name.
    pub name: &'static str,
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
            hold: Mutex::new(None),
        }
    }

    /// The counters as they are now.
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            name: self.name,
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
