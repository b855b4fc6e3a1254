//! Consumes one subscription: takes from the buffer, and starts the subscriber that fills it.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Inner;
use super::buffer::{DeliveryBuffer, Ended, Found};
use super::subscriber::Subscriber;
use crate::broker::{Lanes, Subscription};
use crate::{BrokerError, Delivery};

/// Takes from the queues of one subscription.
#[derive(Debug)]
pub struct Consumer {
    inner: Arc<Inner>,
    lanes: Arc<[Subscription]>,
    running: Option<Running>,
    turn: u64,
}

#[derive(Debug)]
struct Running {
    buffer: Arc<DeliveryBuffer>,
    stop: DropGuard,
    task: JoinHandle<()>,
}

impl Consumer {
    pub(super) fn new(inner: Arc<Inner>, lanes: Vec<Subscription>) -> Self {
        Self { inner, lanes: lanes.into(), running: None, turn: 0 }
    }

    /// Cancel safe: a delivery leaves the buffer only by being returned.
    pub(crate) async fn take(&mut self, max: usize, of: Lanes) -> Result<Vec<Delivery>, BrokerError> {
        loop {
            let buffer = Arc::clone(&self.running().buffer);
            match buffer.take(self.turn, max, of) {
                Found::Some(taken) => {
                    // Urgent-only takes do not advance the turn: the later lanes had no chance in them.
                    self.turn += u64::from(of == Lanes::All);
                    return Ok(taken);
                }
                Found::Nothing(None) => buffer.changed().await,
                // Change or timeout: try again in both cases.
                Found::Nothing(Some(wait)) => _ = tokio::time::timeout(wait, buffer.changed()).await,
                Found::End(ended) => {
                    self.running = None;
                    if let Ended::Failed(error) = ended {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Sum over the queues. Messages returned to one of them do not count.
    pub(crate) fn holds_at_most(&self) -> usize {
        self.lanes.iter().map(|lane| usize::from(lane.prefetch.max(1))).sum()
    }

    pub(crate) async fn pause(&mut self) {
        if let Some(running) = self.running.take() {
            drop(running.stop);
            // A failed task has nothing to requeue.
            let _ = running.task.await;
        }
    }

    fn running(&mut self) -> &Running {
        let (inner, lanes) = (&self.inner, &self.lanes);
        self.running.get_or_insert_with(|| {
            let buffer = Arc::new(DeliveryBuffer::new(lanes.len()));
            let stop = inner.stop.child_token();
            let subscriber = Subscriber {
                inner: Arc::clone(inner),
                lanes: Arc::clone(lanes),
                buffer: Arc::clone(&buffer),
                stop: CancellationToken::clone(&stop),
            };
            let task = inner.tasks.spawn(subscriber.run());
            Running { buffer, stop: stop.drop_guard(), task }
        })
    }
}
