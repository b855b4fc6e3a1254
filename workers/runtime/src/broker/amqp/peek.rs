//! Reads without declaring: queues that may not exist, and the persisted state of a leader. AMQP can only get a
//! message and requeue it, so readers use a copy of the state.

use std::time::Duration;

use lapin::options::{BasicGetOptions, BasicRejectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use messages::Queue;

use super::{Amqp, Inner, fault, names};
use crate::BrokerError;

/// Attempts to read the copy, which is absent while another process reads it.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(40);

impl Inner {
    /// Returns a queue's counts; `None` if the queue does not exist.
    pub(super) async fn peek_queue(&self, queue: &Queue) -> Result<Option<lapin::Queue>, BrokerError> {
        let Some(name) = self.names.physical(queue) else { return Ok(None) };
        let channel = self.channel().await?;
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        match channel.queue_declare(name, passive, FieldTable::default()).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if fault::is_missing(&error) => Ok(None),
            Err(error) => Err(fault::of(&error)),
        }
    }
}

impl Amqp {
    pub(in crate::broker) async fn holds_any(&self, queues: &[Queue]) -> Result<bool, BrokerError> {
        let inner = &self.inner;
        let rungs =
            inner.ladder.rungs.iter().map(|rung| inner.names.logical(inner.names.rung(*rung).as_str()));
        let returned = queues.iter().filter_map(names::returned);
        for queue in queues.iter().cloned().chain(returned).chain(rungs) {
            if inner.peek_queue(&queue).await?.is_some_and(|found| found.message_count() > 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(in crate::broker) async fn peek(&self, name: &str) -> Result<Option<Vec<u8>>, BrokerError> {
        let queue = self.inner.names.state_copy(name)?;
        let channel = self.inner.channel().await?;
        for attempt in 1..=TRIES {
            let got = match channel.basic_get(queue.clone(), BasicGetOptions::default()).await {
                Ok(got) => got,
                // No process ever led this name.
                Err(error) if fault::is_missing(&error) => return Ok(None),
                Err(error) => return Err(fault::of(&error)),
            };
            if let Some(message) = got {
                let requeued = message.acker.reject(BasicRejectOptions { requeue: true }).await;
                requeued.map_err(|error| fault::of(&error))?;
                return Ok(Some(message.delivery.data));
            }
            if attempt < TRIES {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(None)
    }
}
