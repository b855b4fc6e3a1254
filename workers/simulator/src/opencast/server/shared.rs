//! State shared by all calls: world, clock, gate, ledger, faults, and reading counts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Span;
use jiff::civil::Date;
use tokio_util::sync::CancellationToken;

use super::super::gate::Gate;
use super::super::jettison::Style;
use super::super::ledger::Ledger;
use super::super::settings::OpencastSettings;
use super::super::truth::{Question, Stream, Truth, streams, truth};
use super::super::world::{World, date_at};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::world::mix;

/// Maximum number of dates with a reading count; more than are read at a time.
const MOST_READINGS: usize = 10_000;

/// The state of one fake Opencast.
#[derive(Debug)]
pub(in super::super) struct Shared {
    pub(in super::super) settings: OpencastSettings,
    pub(super) world: World,
    pub(super) clock: Clock,
    pub(super) stop: CancellationToken,
    /// First date with user actions.
    pub(super) first: Date,
    gate: Mutex<Gate>,
    ledger: Mutex<Ledger>,
    faults: Mutex<Faults>,
    fault_timeout: Mutex<Duration>,
    readings: Mutex<HashMap<Date, u32>>,
    calls: AtomicU64,
    started: Instant,
    started_us: u64,
}

impl Shared {
    pub(in super::super) fn new(settings: OpencastSettings, stop: CancellationToken) -> Self {
        let clock = Clock::new(None);
        let started_us = u64::try_from(clock.now().as_microsecond()).unwrap_or(0);
        if let Some(now) = settings.now {
            clock.set(now);
        }
        let today = date_at(clock.now().as_millisecond(), &settings.timezone);
        let gate = Gate::new(
            settings.auth,
            settings.credentials.clone(),
            settings.nonce_lifetime,
            mix(settings.seed, 0x6A7E),
        );
        Self {
            world: World::new(&settings),
            clock,
            stop,
            first: today.saturating_sub(Span::new().days(settings.history_days)),
            gate: Mutex::new(gate),
            ledger: Mutex::default(),
            faults: Mutex::new(Faults::new(settings.seed, settings.faults.clone())),
            fault_timeout: Mutex::new(settings.fault_timeout),
            readings: Mutex::default(),
            calls: AtomicU64::new(0),
            started: Instant::now(),
            started_us,
            settings,
        }
    }

    pub(super) fn style(&self) -> Style {
        Style { attributes_are_text: self.settings.attributes_are_text(), doubles: false }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// Time for the ledger: real Unix time in microseconds, independent of the world's clock.
    pub(super) fn at_us(&self) -> u64 {
        self.started_us.saturating_add(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// A unique number per call.
    pub(super) fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    /// Number of times a date was read from its start; `begins` adds one.
    pub(super) fn readings(&self, date: Date, begins: bool) -> u32 {
        let mut readings = lock(&self.readings);
        if readings.len() >= MOST_READINGS && !readings.contains_key(&date) {
            readings.clear();
        }
        let count = readings.entry(date).or_default();
        *count = count.saturating_add(u32::from(begins));
        *count
    }

    pub(in super::super) fn truth(&self, date: Date, ids: bool) -> Truth {
        let OpencastSettings { dialect, omitted, usertracking, .. } = self.settings;
        let is_told = usertracking && date >= self.first;
        let now_ms = if is_told { self.now_ms() } else { i64::MIN };
        truth(&self.world, Question { date, ids, now_ms, dialect, omitted })
    }

    pub(in super::super) fn streams(&self) -> Vec<Stream> {
        streams(&self.world)
    }

    pub(in super::super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    pub(super) fn gate(&self) -> MutexGuard<'_, Gate> {
        lock(&self.gate)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(super) fn fault_timeout(&self) -> MutexGuard<'_, Duration> {
        lock(&self.fault_timeout)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
