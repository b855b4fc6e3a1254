//! Looking at what the leader of a name has kept. The state itself is not touched: to look is to take and to put back,
//! and that is not done to the only copy. What is looked at is a second one, which nobody would miss.

use std::time::Duration;

use lapin::options::{BasicGetOptions, BasicRejectOptions};

use super::{Amqp, fault};
use crate::BrokerError;

/// The copy is away while somebody else looks at it.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(40);

impl Amqp {
    pub(in crate::broker) async fn look(&self, name: &str) -> Result<Option<Vec<u8>>, BrokerError> {
        let queue = self.inner.names.shown(name)?;
        let channel = self.inner.channel().await?;
        for attempt in 1..=TRIES {
            let got = match channel.basic_get(queue.clone(), BasicGetOptions::default()).await {
                Ok(got) => got,
                // Nobody has ever led it.
                Err(error) if fault::is_missing(&error) => return Ok(None),
                Err(error) => return Err(fault::of(&error)),
            };
            if let Some(message) = got {
                let back = message.acker.reject(BasicRejectOptions { requeue: true }).await;
                back.map_err(|error| fault::of(&error))?;
                return Ok(Some(message.delivery.data));
            }
            if attempt < TRIES {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(None)
    }
}
