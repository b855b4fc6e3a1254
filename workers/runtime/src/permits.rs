//! Permits for concurrent jobs, and one extra permit for an urgent job: a daily job does not wait for a backfill job,
//! which may take minutes when calls are scarce. Independent of what a job does.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::broker::Lanes;
use crate::{BrokerError, Consumer, Delivery};

/// The permits of a worker loop.
#[derive(Debug)]
pub(crate) struct Permits {
    any: Arc<Semaphore>,
    /// For a job of the most urgent lane when all others are taken.
    urgent: Arc<Semaphore>,
}

impl Permits {
    pub(crate) fn new(permits: usize) -> Self {
        Self { any: Arc::new(Semaphore::new(permits)), urgent: Arc::new(Semaphore::new(1)) }
    }

    /// Waits for a permit, then for deliveries; returns at most as many as there are permits. Cancel safe.
    pub(crate) async fn take(&self, consumer: &mut Consumer) -> Result<Vec<Delivery>, BrokerError> {
        loop {
            match (self.any.available_permits(), self.urgent.available_permits()) {
                // The semaphores are never closed, so `acquire` cannot fail.
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

    /// Takes a permit for one of the deliveries taken last.
    pub(crate) fn hold(&self) -> Option<OwnedSemaphorePermit> {
        let of = |permits: &Arc<Semaphore>| Arc::clone(permits).try_acquire_owned().ok();
        of(&self.any).or_else(|| of(&self.urgent))
    }
}
