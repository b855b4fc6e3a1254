//! Defers messages whose version is ahead of the store's clock: if written, it would outrank all later versions.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use runtime::Failure;
use runtime::clock::{self, TOLERANCE};
use store::Store;

/// Lifetime of the store's cached time.
const KNOWN: Duration = Duration::from_secs(60);

/// Cache of the store's time. The local store uses this process's clock.
#[derive(Debug, Default)]
pub(crate) struct StoreClock {
    heard: Mutex<Option<(Timestamp, Instant)>>,
}

impl StoreClock {
    /// Returns the newest version that may be written now. Uses the local clock if the store reports no time.
    pub(crate) async fn newest(&self, store: &Store) -> i64 {
        self.newest_since(store, KNOWN).await
    }

    /// Like [`StoreClock::newest`], but always asks the store.
    pub(crate) async fn newest_by_asking(&self, store: &Store) -> i64 {
        self.newest_since(store, Duration::ZERO).await
    }

    async fn newest_since(&self, store: &Store, known: Duration) -> i64 {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = heard.filter(|(_, at)| at.elapsed() < known);
        let (time, at) = match heard {
            Some(heard) => heard,
            None => {
                let time = match store.clock().await {
                    Ok(Some(time)) => {
                        clock::heard(clock::Peer::Store, time);
                        time
                    }
                    // Cached as well, so that the store is not asked with every batch.
                    Ok(None) | Err(_) => clock::now(),
                };
                let heard = (time, Instant::now());
                *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard);
                heard
            }
        };
        version(time.checked_add(at.elapsed()).unwrap_or(time))
    }
}

fn version(time: Timestamp) -> i64 {
    time.checked_add(TOLERANCE).unwrap_or(Timestamp::MAX).as_millisecond()
}

/// Returns the outcome of a message whose newest version, `version`, exceeds `newest`.
pub(crate) fn held(version: i64, newest: i64) -> Failure {
    let until = Timestamp::from_millisecond(version).ok().and_then(|time| time.checked_sub(TOLERANCE).ok());
    let ahead = jiff::SignedDuration::from_millis(version.saturating_sub(newest)) + TOLERANCE;
    let why = format!(
        "its version is {} the store's clock: the clock of the machine that fetched it was wrong; \
         `ua check --repair-versions` removes it and plans its date again",
        clock::difference(ahead)
    );
    Failure::Defer { until, why }
}
