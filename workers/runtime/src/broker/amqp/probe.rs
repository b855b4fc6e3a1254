//! Detects policies that delete messages: fills a temporary queue and counts what is left after 2.5 s. Policies with
//! higher limits are visible only to the management API.

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::{BasicProperties, Confirmation};

use super::names::Destination;
use super::{Amqp, fault, survey, topology};
use crate::BrokerError;

/// Number of messages sent, and bytes per message.
const MESSAGES: u64 = 100;
const BYTES: usize = 1_000;
/// How long the messages must stay.
const STAY: Duration = Duration::from_millis(2_500);
/// Expiry of the queue in ms, in case this process dies before deleting it.
const LIFE_MS: i64 = 60_000;

/// The result of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Messages sent.
    pub sent: u64,
    /// Messages still in the queue.
    pub kept: u64,
}

impl Amqp {
    /// Fills a temporary queue under the prefix and counts the remaining messages after 2.5 s. Deletes the queue.
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
        // A policy may have deleted the queue.
        let kept = survey::count(inner, &name).await?.map_or(0, |(ready, _)| ready);
        let deleted = channel.queue_delete(name, QueueDeleteOptions::default()).await;
        deleted.map_err(|error| fault::of(&error))?;
        Ok(Probe { sent: MESSAGES, kept: kept.min(taken) })
    }
}
