//! Where deliveries wait between the broker and the worker: one row per lane, bounded by the lane's prefetch.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::broker::{Lanes, lanes};
use crate::{BrokerError, Delivery};

/// After a start the lanes fill one after the other; for this long the first is waited for.
const SETTLING: Duration = Duration::from_millis(20);

/// How taking ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// In good order: it may be started again.
    Paused,
    /// The broker refuses, or is closed.
    Failed(BrokerError),
}

/// What a look at the shelf found.
#[derive(Debug)]
pub(super) enum Found {
    /// These, the most urgent first.
    Some(Vec<Delivery>),
    /// Nothing; look again when something arrives, or after a while when one is named.
    Nothing(Option<Duration>),
    /// Nothing, and nothing will come.
    End(Ended),
}

#[derive(Debug)]
struct Rows {
    lanes: Vec<VecDeque<(Instant, Delivery)>>,
    opened: Option<Instant>,
    ended: Option<Ended>,
}

/// The shelf: filled by one task, emptied by another.
#[derive(Debug)]
pub(super) struct Shelf {
    rows: Mutex<Rows>,
    changed: Notify,
}

impl Shelf {
    pub(super) fn new(lanes: usize) -> Self {
        let lanes = std::iter::repeat_with(VecDeque::new).take(lanes).collect();
        Self { rows: Mutex::new(Rows { lanes, opened: None, ended: None }), changed: Notify::new() }
    }

    /// All lanes are being filled from now on.
    pub(super) fn open(&self) {
        self.rows().opened = Some(Instant::now());
        self.changed.notify_one();
    }

    pub(super) fn put(&self, lane: usize, delivery: Delivery) {
        self.rows().lanes[lane].push_back((Instant::now(), delivery));
        self.changed.notify_one();
    }

    pub(super) fn end(&self, ended: Ended) {
        self.rows().ended = Some(ended);
        self.changed.notify_one();
    }

    /// Returns when something was put, opened or ended since the last look.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes up to `max` in the order of turn number `turn`.
    pub(super) fn take(&self, turn: u64, max: usize, of: Lanes) -> Found {
        let mut rows = self.rows();
        if let Some(ended) = rows.ended.take() {
            return Found::End(ended);
        }
        let Some(opened) = rows.opened else { return Found::Nothing(None) };
        if rows.lanes.first().is_some_and(VecDeque::is_empty) && opened.elapsed() < SETTLING {
            return Found::Nothing(Some(SETTLING.saturating_sub(opened.elapsed())));
        }
        let mut taken = Vec::new();
        for lane in lanes::order(turn, of.of(rows.lanes.len())) {
            let row = &mut rows.lanes[lane];
            let count = row.len().min(max - taken.len());
            taken.extend(row.drain(..count).map(|(_, delivery)| delivery));
        }
        if taken.is_empty() { Found::Nothing(None) } else { Found::Some(taken) }
    }

    /// Empties the shelf; lane by lane, oldest first.
    pub(super) fn clear(&self) -> Vec<Delivery> {
        let mut rows = self.rows();
        rows.opened = None;
        rows.lanes.iter_mut().flat_map(|row| row.drain(..)).map(|(_, delivery)| delivery).collect()
    }

    /// How long the oldest delivery has been waiting.
    pub(super) fn longest_wait(&self) -> Duration {
        let rows = self.rows();
        let oldest = rows.lanes.iter().filter_map(VecDeque::front).map(|(arrived, _)| *arrived).min();
        oldest.map(|arrived| arrived.elapsed()).unwrap_or_default()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
