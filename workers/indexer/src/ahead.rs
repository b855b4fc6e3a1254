//! Versions that are ahead of the store's clock: written, they would outrank all later ones. Their message is held.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use runtime::Failure;
use runtime::clock::{self, TOLERANCE};
use store::Store;

/// How long the store's clock need not be asked again.
const KNOWN: Duration = Duration::from_secs(60);

/// The store's clock, as it was last asked. The local file has that of this process.
#[derive(Debug, Default)]
pub(crate) struct StoreClock {
    heard: Mutex<Option<(Timestamp, Instant)>>,
}

impl StoreClock {
    /// The newest version that may be written now. Where the store does not tell its time, ours stands for it.
    pub(crate) async fn newest(&self, store: &Store) -> i64 {
        self.newest_since(store, KNOWN).await
    }

    /// As [`StoreClock::newest`]; the store is asked, whatever is known.
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
                    // Asked again in a while, not with every batch.
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

/// The outcome of a message whose newest version is `version`, more than `newest`.
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
