//! Schedules the removal of old raw answers. Independent of how the store removes them.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use store::{DocumentKind, Store};
use tracing::{info, warn};

/// Interval of the removal.
const EVERY: Duration = Duration::from_hours(1);
/// Timeout of one removal: messages wait for their outcomes meanwhile.
const AT_A_TIME: Duration = Duration::from_secs(10);
/// Delay after a timeout.
const PAUSE: Duration = Duration::from_secs(60);

/// Time of the next removal.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    next: Mutex<Option<Instant>>,
}

impl Expiry {
    /// Removes raw answers older than `days`, if due. Failures are logged and affect no message.
    pub(crate) async fn run(&self, store: &Store, days: u32, now: Timestamp) {
        if days == 0 || !self.is_due() {
            return;
        }
        let today = TimeZone::UTC.to_datetime(now).date();
        let Ok(before) = today.checked_sub(i64::from(days).days()) else { return };
        match tokio::time::timeout(AT_A_TIME, store.expire(DocumentKind::Raw, before)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(gone)) => info!("removed raw answers of before {before} ({gone} indices or documents)"),
            Ok(Err(error)) => {
                warn!("raw answers of before {before} (UA_RAW_DAYS) cannot be removed: {error}");
            }
            Err(_) => self.again_in(PAUSE),
        }
    }

    /// True once an hour.
    fn is_due(&self) -> bool {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = next.is_none_or(|next| next <= now);
        if due {
            *next = now.checked_add(EVERY);
        }
        due
    }

    fn again_in(&self, pause: Duration) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now().checked_add(pause);
    }
}
