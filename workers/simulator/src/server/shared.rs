//! State shared by all calls: world, clock, settings, tokens, faults, quota and ledger.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use jiff::civil::Date;
use tokio_util::sync::CancellationToken;

use super::endpoint::Endpoint;
use super::oauth::Tokens;
use super::query::Seal;
use crate::clock::Clock;
use crate::faults::{Fault, Faults};
use crate::ledger::{Entry, Ledger, LedgerIndex, LedgerSummary};
use crate::quota::{Quota, RateClass, Verdict, window_limit};
use crate::settings::{Source, ZoomSettings};
use crate::truth::{Question, Truth, truth};
use crate::world::{Shape, World};

/// The state of one simulator.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) world: World,
    pub(crate) clock: Clock,
    pub(super) stop: CancellationToken,
    settings: RwLock<Arc<ZoomSettings>>,
    faults: Mutex<Faults>,
    tokens: Mutex<Tokens>,
    book: Mutex<Book>,
    started: Instant,
    started_us: u64,
}

/// Quota and ledger under one lock, so that they agree on the time and order of calls.
#[derive(Debug)]
struct Book {
    quota: Quota,
    ledger: Ledger,
}

/// A recorded call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    pub(super) verdict: Option<Verdict>,
    place: LedgerIndex,
}

impl Shared {
    pub(crate) fn new(settings: ZoomSettings, stop: CancellationToken) -> Self {
        let ZoomSettings { seed, meetings_per_day, participants, hosts, webinars, .. } = settings;
        let clock = Clock::new(None);
        let started_us = u64::try_from(clock.now().as_microsecond()).unwrap_or(0);
        if let Some(now) = settings.now {
            clock.set(now);
        }
        Self {
            world: World::new(Shape { seed, meetings_per_day, participants }, hosts, webinars),
            clock,
            stop,
            faults: Mutex::new(Faults::new(seed, settings.faults.clone())),
            settings: RwLock::new(Arc::new(settings)),
            tokens: Mutex::new(Tokens::new(seed)),
            book: Mutex::new(Book { quota: Quota::new(), ledger: Ledger::default() }),
            started: Instant::now(),
            started_us,
        }
    }

    pub(crate) fn settings(&self) -> Arc<ZoomSettings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace_settings(&self, settings: ZoomSettings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn seal(&self) -> Seal {
        Seal {
            seed: self.world.seed(),
            now_ms: self.clock.now().as_millisecond(),
            lifetime_ms: i64::try_from(self.settings().page_token_lifetime.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// Records a call in the ledger and, if `counted`, in the quota.
    pub(super) fn enter(&self, endpoint: Endpoint, token: u32, about: Option<Date>, counted: bool) -> Ticket {
        let (settings, today) = (self.settings(), self.clock.today());
        let mut book = self.book();
        // Read under the lock, so that the times in ledger and quota are monotonic.
        let since_start = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let at_us = self.started_us.saturating_add(since_start);
        let verdict = endpoint
            .class()
            .filter(|_| counted)
            .map(|class| book.quota.admit(class, settings.plan, settings.speed, at_us, today));
        let place = book.ledger.enter(at_us, endpoint, token, about, verdict.is_some_and(Verdict::is_over));
        Ticket { verdict, place }
    }

    /// Sets the number of calls used today, as if other apps had made them.
    pub(super) fn use_today(&self, used: u64) {
        self.book().quota.use_today(used, self.clock.today());
    }

    /// The verdict of a full window, whether or not it is full.
    pub(super) fn full_window(&self, class: RateClass) -> Verdict {
        let settings = self.settings();
        Verdict::OverRate { limit: window_limit(settings.plan, class, settings.speed) }
    }

    pub(super) fn settle(&self, ticket: Ticket, status: u16, fault: Option<Fault>) {
        self.book().ledger.settle(ticket.place, status, fault);
    }

    pub(crate) fn ledger_summary(&self) -> LedgerSummary {
        let book = self.book();
        book.ledger.summary(&book.quota)
    }

    pub(crate) fn calls_about(&self, date: Date) -> u64 {
        self.book().ledger.calls_about(date)
    }

    pub(super) fn ledger_entries(&self, since: usize, count: usize) -> Vec<Entry> {
        self.book().ledger.entries(since, count)
    }

    /// Number of stored rows and of dropped rows.
    pub(super) fn ledger_size(&self) -> (usize, u64) {
        let book = self.book();
        (book.ledger.len(), book.ledger.dropped())
    }

    pub(crate) fn truth(&self, date: Date, source: Source, ids: bool) -> Truth {
        let faults = self.faults().rules();
        let question = Question {
            date,
            source,
            ids,
            webinars: self.settings().webinar_addon,
            now: self.clock.now(),
            for_ever: &|meeting| faults.for_ever(meeting.uuid),
        };
        truth(&self.world, &question)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
