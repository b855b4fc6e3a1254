//! How many jobs are at work at once, and one more that is urgent: a daily job does not wait until one of a backfill has
//! ended, which may be minutes where calls are few. Must not know what a job does.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::broker::Lanes;
use crate::{BrokerError, Consumer, Delivery};

/// The permits of a worker loop.
#[derive(Debug)]
pub(crate) struct Permits {
    any: Arc<Semaphore>,
    /// For a job of the most urgent lane, while all others are taken.
    urgent: Arc<Semaphore>,
}

impl Permits {
    pub(crate) fn new(permits: usize) -> Self {
        Self { any: Arc::new(Semaphore::new(permits)), urgent: Arc::new(Semaphore::new(1)) }
    }

    /// Waits for a permit and for deliveries, and returns no more of them than there are permits. Safe to cancel.
    pub(crate) async fn take(&self, consumer: &mut Consumer) -> Result<Vec<Delivery>, BrokerError> {
        loop {
            match (self.any.available_permits(), self.urgent.available_permits()) {
                // Nobody closes them: what is waited for comes.
                (0, 0) => tokio::select! {
                    _ = self.any.acquire() => {}
                    _ = self.urgent.acquire() => {}
                },
                (0, urgent) => tokio::select! {
                    biased;
                    _ = self.any.acquire() => {}
                    taken = consumer.take_of(Lanes::Urgent, urgent) => return taken,
                },
                (any, _) => return consumer.take(any).await,
            }
        }
    }

    /// A permit for one of the deliveries that were taken last.
    pub(crate) fn hold(&self) -> Option<OwnedSemaphorePermit> {
        let of = |permits: &Arc<Semaphore>| Arc::clone(permits).try_acquire_owned().ok();
        of(&self.any).or_else(|| of(&self.urgent))
    }
}
