//! Buffers deliveries between the broker and the worker: one queue per lane, bounded by the lane's prefetch.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::broker::{Lanes, TAKE_BYTES, lanes};
use crate::{BrokerError, Delivery};

/// Time to wait for the first lane after a start, since lanes fill one after the other.
const SETTLING: Duration = Duration::from_millis(20);

/// How consuming ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Stopped on request; may start again.
    Paused,
    /// The broker refuses or is closed.
    Failed(BrokerError),
}

/// Result of a take from the buffer.
#[derive(Debug)]
pub(super) enum Found {
    /// Deliveries, the most urgent first.
    Some(Vec<Delivery>),
    /// None now. Try again after a change, or after the given time.
    Nothing(Option<Duration>),
    /// None, and none will come.
    End(Ended),
}

#[derive(Debug)]
struct BufferState {
    lanes: Vec<VecDeque<(Instant, Delivery)>>,
    opened: Option<Instant>,
    ended: Option<Ended>,
}

/// The buffer: one task fills it, another empties it.
#[derive(Debug)]
pub(super) struct DeliveryBuffer {
    state: Mutex<BufferState>,
    changed: Notify,
}

impl DeliveryBuffer {
    pub(super) fn new(lanes: usize) -> Self {
        let lanes = std::iter::repeat_with(VecDeque::new).take(lanes).collect();
        Self { state: Mutex::new(BufferState { lanes, opened: None, ended: None }), changed: Notify::new() }
    }

    /// Marks that all lanes are being filled.
    pub(super) fn open(&self) {
        self.state().opened = Some(Instant::now());
        self.changed.notify_one();
    }

    pub(super) fn put(&self, lane: usize, delivery: Delivery) {
        self.state().lanes[lane].push_back((Instant::now(), delivery));
        self.changed.notify_one();
    }

    pub(super) fn end(&self, ended: Ended) {
        self.state().ended = Some(ended);
        self.changed.notify_one();
    }

    /// Returns after a put, open or end since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes up to `max` in the lane order of turn number `turn`.
    pub(super) fn take(&self, turn: u64, max: usize, of: Lanes) -> Found {
        let mut state = self.state();
        if let Some(ended) = state.ended.take() {
            return Found::End(ended);
        }
        let Some(opened) = state.opened else { return Found::Nothing(None) };
        if state.lanes.first().is_some_and(VecDeque::is_empty) && opened.elapsed() < SETTLING {
            return Found::Nothing(Some(SETTLING.saturating_sub(opened.elapsed())));
        }
        let (mut taken, mut bytes) = (Vec::new(), 0);
        for lane in lanes::order(turn, of.of(state.lanes.len())) {
            while taken.len() < max && bytes < TAKE_BYTES {
                let Some((_, delivery)) = state.lanes[lane].pop_front() else { break };
                bytes += delivery.message.body.len();
                taken.push(delivery);
            }
        }
        if taken.is_empty() { Found::Nothing(None) } else { Found::Some(taken) }
    }

    /// Empties the buffer, lane by lane, oldest first.
    pub(super) fn clear(&self) -> Vec<Delivery> {
        let mut state = self.state();
        state.opened = None;
        state
            .lanes
            .iter_mut()
            .flat_map(|lane_queue| lane_queue.drain(..))
            .map(|(_, delivery)| delivery)
            .collect()
    }

    /// Age of the oldest delivery.
    pub(super) fn longest_wait(&self) -> Duration {
        let state = self.state();
        let oldest = state.lanes.iter().filter_map(VecDeque::front).map(|(arrived, _)| *arrived).min();
        oldest.map(|arrived| arrived.elapsed()).unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, BufferState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
