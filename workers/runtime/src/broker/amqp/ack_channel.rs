//! A channel for acks, kept open for a moment after its last use.
//!
//! RabbitMQ passes acks to the queue a few at a time. Closing a channel right after a burst of acks loses the last
//! ones, and their messages are redelivered.

use std::time::{Duration, Instant};

use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use std::sync::{Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// Time for acks to reach the queue.
const SETTLING: Duration = Duration::from_millis(500);

/// A channel for deliveries.
pub(super) struct AckChannel {
    channel: Channel,
    tasks: TaskTracker,
    settled: Mutex<Option<Instant>>,
}

impl AckChannel {
    /// `tasks` runs the delayed close; the connection waits for it before it closes.
    pub(super) fn new(channel: Channel, tasks: TaskTracker) -> Self {
        Self { channel, tasks, settled: Mutex::default() }
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    pub(super) fn is_open(&self) -> bool {
        self.channel.status().connected()
    }

    pub(super) async fn ack(&self, tag: u64) -> lapin::Result<()> {
        self.note();
        self.channel.basic_ack(tag, BasicAckOptions::default()).await
    }

    /// Returns a delivery to the broker, which counts it as a crash.
    pub(super) async fn nack(&self, tag: u64) -> lapin::Result<()> {
        self.note();
        self.channel.basic_nack(tag, BasicNackOptions { requeue: true, multiple: false }).await
    }

    fn note(&self) {
        *self.settled.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

impl Drop for AckChannel {
    fn drop(&mut self) {
        let settled = *self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = settled.and_then(|settled| SETTLING.checked_sub(settled.elapsed()));
        if let (Some(rest), true, Ok(handle)) = (rest, self.is_open(), Handle::try_current()) {
            let channel = self.channel.clone();
            let lingering = async move {
                tokio::time::sleep(rest).await;
                drop(channel);
            };
            self.tasks.spawn_on(lingering, &handle);
        }
    }
}
