//! What policies do to a queue, as far as AMQP can show it: a queue of our own is filled, and looked at a little later.
//! A policy with limits beyond that is seen by the management API alone.

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::{BasicProperties, Confirmation};

use super::names::Destination;
use super::{Amqp, fault, survey, topology};
use crate::BrokerError;

/// Messages that are sent, and bytes of each.
const MESSAGES: u64 = 100;
const BYTES: usize = 1_000;
/// How long they have to stay.
const STAY: Duration = Duration::from_millis(2_500);
/// A queue that is left behind, because this process died, goes by itself.
const LIFE_MS: i64 = 60_000;

/// What became of messages in a queue that promises to keep them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Messages sent.
    pub sent: u64,
    /// Messages that were still there.
    pub kept: u64,
}

impl Amqp {
    /// Fills a queue of our own under the prefix, and counts what is left after some seconds. The queue is removed.
    ///
    /// # Errors
    /// When the broker is away, or the user may not declare.
    pub async fn probe(&self) -> Result<Probe, BrokerError> {
        let inner = &self.inner;
        let name = inner.names.unique("check")?;
        let channel = inner.channel().await?;
        let selected = channel.confirm_select(ConfirmSelectOptions::default()).await;
        selected.map_err(|error| fault::of(&error))?;
        let mut arguments = topology::quorum(topology::FOREVER);
        topology::set_number(&mut arguments, "x-expires", LIFE_MS);
        let options = QueueDeclareOptions::durable();
        channel.queue_declare(name.clone(), options, arguments).await.map_err(|error| fault::of(&error))?;
        let Destination { exchange, key } = inner.names.destination(&name);
        topology::bind(&channel, name.clone(), exchange.clone(), key.clone()).await?;
        let mut confirms = Vec::new();
        for _ in 0..MESSAGES {
            let properties = BasicProperties::default().with_delivery_mode(2);
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let sent = channel
                .basic_publish(exchange.clone(), key.clone(), options, &[b' '; BYTES], properties)
                .await;
            confirms.push(sent.map_err(|error| fault::of(&error))?);
        }
        let mut taken = 0;
        for confirm in confirms {
            let confirmed = confirm.await.map_err(|error| fault::of(&error))?;
            taken += u64::from(matches!(confirmed, Confirmation::Ack(None)));
        }
        tokio::time::sleep(STAY).await;
        // A queue that a policy has removed keeps nothing.
        let kept = survey::count(inner, &name).await?.map_or(0, |(ready, _)| ready);
        let deleted = channel.queue_delete(name, QueueDeleteOptions::default()).await;
        deleted.map_err(|error| fault::of(&error))?;
        Ok(Probe { sent: MESSAGES, kept: kept.min(taken) })
    }
}
