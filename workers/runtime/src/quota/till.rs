//! Gives out tokens inside one process: first come, first served, by the ledger's leave.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Mutex as Turn, Notify};

use super::ledger::{self, Draw, Ledger, Now};
use super::{Account, Book, News, Order};
use crate::{Failure, clock};

/// An account's quota in this process.
#[derive(Debug)]
pub(crate) struct Till {
    ledger: Mutex<Ledger>,
    /// Held while waiting: they are the queues. Without them every waiter would wake for every token.
    turns: Vec<Turn<()>>,
    changed: Notify,
    began: Instant,
}

impl Till {
    /// Goes on with what was kept.
    pub(crate) fn new(account: Account, book: Book) -> Self {
        Self::with(|now| Ledger::new(account, book, now))
    }

    /// Begins anew, for a process of its own: nothing is kept.
    pub(crate) fn unkept(account: Account) -> Self {
        Self::with(|now| Ledger::unkept(account, now))
    }

    fn with(ledger: impl FnOnce(Now) -> Ledger) -> Self {
        let ledger = ledger(Now { seconds: 0.0, time: clock::now() });
        let turns = ledger.account().meters.iter().map(|_| Turn::new(())).collect();
        Self { ledger: Mutex::new(ledger), turns, changed: Notify::new(), began: Instant::now() }
    }

    /// Waits for a token. Cancelling it gives the place away, nothing else.
    pub(crate) async fn acquire(&self, meter: usize) -> Result<(), Failure> {
        let _turn = self.turns[meter].lock().await;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that no change in between is missed.
            changed.as_mut().enable();
            let draw = self.ledger().draw(meter, self.now());
            match draw {
                Draw::Granted => return Ok(()),
                // Either way we look again.
                Draw::Wait(wait) => _ = tokio::time::timeout(wait, changed).await,
                Draw::Unkept => changed.await,
                Draw::Held(pause) => return Err(self.hold(meter, &pause)),
            }
        }
    }

    /// Does what is ordered; whoever waits looks again.
    pub(crate) fn obey(&self, order: Order) -> Result<(), String> {
        let done = self.ledger().obey(order, self.now());
        self.changed.notify_waiters();
        done
    }

    /// The hold on a meter, if it is on one.
    pub(crate) fn held(&self, meter: usize) -> Option<Failure> {
        let news = self.news(0);
        let pause = news.meters.get(meter)?.pause.as_ref()?;
        Some(self.hold(meter, pause))
    }

    pub(crate) fn news(&self, waiting: u64) -> News {
        self.ledger().news(waiting, self.now())
    }

    /// What has to be kept now, if anything.
    pub(crate) fn to_keep(&self) -> Option<Book> {
        let mut ledger = self.ledger();
        let book = ledger.to_keep()?;
        ledger.keeping();
        Some(book)
    }

    /// How keeping ended.
    pub(crate) fn has_kept(&self, book: &Book, safely: bool) {
        if safely {
            self.ledger().has_kept(book);
        } else {
            self.ledger().has_not_kept();
        }
        self.changed.notify_waiters();
    }

    pub(crate) fn now(&self) -> Now {
        Now { seconds: self.began.elapsed().as_secs_f64(), time: clock::now() }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // A count survives the panic of somebody who held it.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, meter: usize, pause: &super::Pause) -> Failure {
        ledger::hold(self.ledger().account(), meter, pause)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::quota::{Meter, Pause};

    fn account(per_window: f64) -> Account {
        let meter =
            Meter { name: "heavy", per_window, window: Duration::from_secs(1), daily: true, strict: true };
        Account {
            source: "zoom",
            label: "main".into(),
            meters: vec![meter],
            share: 0.8,
            per_day: 10_000_000,
            reserve: 0,
        }
    }

    /// Many callers at 3,200 calls a second in real time: no window of a second is over quota.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_rate_is_never_exceeded() {
        let till = Arc::new(Till::unkept(account(4_000.0)));
        let begin = Instant::now();
        let callers: Vec<_> = (0..32)
            .map(|_| {
                let till = Arc::clone(&till);
                tokio::spawn(async move {
                    let mut passed = Vec::new();
                    while begin.elapsed() < Duration::from_millis(2_500) {
                        till.acquire(0).await.unwrap();
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
        let till = Arc::new(Till::unkept(account(0.01)));
        let waiting = tokio::spawn({
            let till = Arc::clone(&till);
            async move { till.acquire(0).await }
        });
        tokio::task::yield_now().await;
        let pause = Pause { until: None, why: "moving house".into() };
        till.obey(Order::Pause { meters: vec!["heavy".into()], pause }).unwrap();
        let held = tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("told at once");
        let Err(Failure::Hold { until: None, why, .. }) = held.unwrap() else { panic!("not held") };
        assert!(why.contains("moving house"), "{why}");
        assert!(till.held(0).is_some());
        till.obey(Order::Resume { meters: vec!["heavy".into()] }).unwrap();
        assert_eq!(till.held(0), None);
    }
}
