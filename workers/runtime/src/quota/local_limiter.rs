//! Grants tokens inside one process, first come, first served; the ledger decides.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Mutex as Turn, Notify};

use super::ledger::{self, Draw, Ledger, Now};
use super::{Account, QuotaCommand, QuotaState, QuotaStatus};
use crate::{Failure, clock};

/// An account's quota in this process.
#[derive(Debug)]
pub(crate) struct LocalLimiter {
    ledger: Mutex<Ledger>,
    /// One queue of waiters per limit. Without them every waiter would wake for every token.
    turns: Vec<Turn<()>>,
    changed: Notify,
    began: Instant,
}

impl LocalLimiter {
    /// Continues with a persisted state.
    pub(crate) fn new(account: Account, state: QuotaState) -> Self {
        Self::with(|now| Ledger::new(account, state, now))
    }

    /// Starts with an empty state that is never persisted.
    pub(crate) fn in_memory(account: Account) -> Self {
        Self::with(|now| Ledger::in_memory(account, now))
    }

    fn with(ledger: impl FnOnce(Now) -> Ledger) -> Self {
        let ledger = ledger(Now { seconds: 0.0, time: clock::now() });
        let turns = ledger.account().limits.iter().map(|_| Turn::new(())).collect();
        Self { ledger: Mutex::new(ledger), turns, changed: Notify::new(), began: Instant::now() }
    }

    /// Waits for a token. Cancel safe: the caller loses only its position in the queue.
    pub(crate) async fn acquire(&self, limit: usize) -> Result<(), Failure> {
        let _turn = self.turns[limit].lock().await;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the draw, so that no change in between is missed.
            changed.as_mut().enable();
            let draw = self.ledger().draw(limit, self.now());
            match draw {
                Draw::Granted => return Ok(()),
                // Timeout or change: draw again in both cases.
                Draw::Wait(wait) => _ = tokio::time::timeout(wait, changed).await,
                Draw::NeedsPersist => changed.await,
                Draw::Held(pause) => return Err(self.hold(limit, &pause)),
            }
        }
    }

    /// Executes a command and wakes all waiters.
    pub(crate) fn execute(&self, command: QuotaCommand) -> Result<(), String> {
        let done = self.ledger().execute(command, self.now());
        self.changed.notify_waiters();
        done
    }

    /// Returns the hold on a limit, if it is paused.
    pub(crate) fn held(&self, limit: usize) -> Option<Failure> {
        let status = self.status(0);
        let pause = status.limits.get(limit)?.pause.as_ref()?;
        Some(self.hold(limit, pause))
    }

    pub(crate) fn status(&self, waiting: u64) -> QuotaStatus {
        self.ledger().status(waiting, self.now())
    }

    /// Returns the state if it must be persisted now.
    pub(crate) fn to_persist(&self) -> Option<QuotaState> {
        let mut ledger = self.ledger();
        let state = ledger.to_persist()?;
        ledger.persisting();
        Some(state)
    }

    /// Records whether `state` was persisted, and wakes all waiters.
    pub(crate) fn persisted(&self, state: &QuotaState, safely: bool) {
        if safely {
            self.ledger().persisted(state);
        } else {
            self.ledger().persist_failed();
        }
        self.changed.notify_waiters();
    }

    pub(crate) fn now(&self) -> Now {
        Now { seconds: self.began.elapsed().as_secs_f64(), time: clock::now() }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // The ledger is consistent even if a holder of the lock panicked.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, limit: usize, pause: &super::Pause) -> Failure {
        ledger::hold(self.ledger().account(), limit, pause)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::quota::{Pause, RateLimit};

    fn account(per_window: f64) -> Account {
        let limit = RateLimit {
            name: "heavy",
            per_window,
            window: Duration::from_secs(1),
            daily: true,
            strict: true,
        };
        Account {
            source: "zoom",
            label: "main".into(),
            limits: vec![limit],
            share: 0.8,
            per_day: 10_000_000,
            reserve: 0,
        }
    }

    /// Many callers at 3,200 calls per second in real time: no window of 1 s exceeds the quota.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_rate_is_never_exceeded() {
        let limiter = Arc::new(LocalLimiter::in_memory(account(4_000.0)));
        let begin = Instant::now();
        let callers: Vec<_> = (0..32)
            .map(|_| {
                let limiter = Arc::clone(&limiter);
                tokio::spawn(async move {
                    let mut passed = Vec::new();
                    while begin.elapsed() < Duration::from_millis(2_500) {
                        limiter.acquire(0).await.unwrap();
                        passed.push(begin.elapsed().as_secs_f64());
                    }
                    passed
                })
            })
            .collect();
        let mut passed = Vec::new();
        for caller in callers {
            passed.extend(caller.await.unwrap());
        }
        passed.sort_by(f64::total_cmp);
        assert!(passed.len() > 4_001, "{} calls: too few to prove anything", passed.len());
        let over = passed.windows(4_001).find(|window| window[4_000] - window[0] < 1.0);
        assert!(over.is_none(), "more than 4,000 calls inside one second");
    }

    #[tokio::test]
    async fn a_pause_reaches_those_who_wait() {
        let limiter = Arc::new(LocalLimiter::in_memory(account(0.01)));
        let waiting = tokio::spawn({
            let limiter = Arc::clone(&limiter);
            async move { limiter.acquire(0).await }
        });
        tokio::task::yield_now().await;
        let pause = Pause { until: None, why: "moving house".into() };
        limiter.execute(QuotaCommand::Pause { limits: vec!["heavy".into()], pause }).unwrap();
        let held = tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("told at once");
        let Err(Failure::Hold { until: None, why, .. }) = held.unwrap() else { panic!("not held") };
        assert!(why.contains("moving house"), "{why}");
        assert!(limiter.held(0).is_some());
        limiter.execute(QuotaCommand::Resume { limits: vec!["heavy".into()] }).unwrap();
        assert_eq!(limiter.held(0), None);
    }
}
