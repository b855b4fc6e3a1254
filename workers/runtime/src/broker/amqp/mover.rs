//! Moves all messages of a queue, in order and with headers: each chunk is confirmed, then acked. If dropped, the
//! chunk in flight may be in both places.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Confirmation, Consumer};

use super::migrate::Told;
use super::{Inner, fault, survey, wire};
use crate::BrokerError;

/// Messages in flight. A message may have megabytes.
const CHUNK: usize = 50;
/// Time without a delivery after which the queue is checked for remaining messages.
const SILENCE: Duration = Duration::from_millis(200);

/// The destination of the messages.
#[derive(Debug, Clone)]
pub(super) struct Aim {
    pub(super) exchange: ShortString,
    /// Routing key; `None` keeps each message's own.
    pub(super) key: Option<ShortString>,
    /// Routing key for messages that a full destination refuses.
    pub(super) overflow: Option<ShortString>,
}

/// Moves messages of one queue.
pub(super) struct Mover<'a> {
    inner: &'a Arc<Inner>,
    from: ShortString,
    aim: Aim,
}

impl<'a> Mover<'a> {
    pub(super) fn new(inner: &'a Arc<Inner>, from: ShortString, aim: Aim) -> Self {
        Self { inner, from, aim }
    }

    /// Moves messages until the queue is empty; returns their number.
    pub(super) async fn move_all(&self, told: Told<'_>) -> Result<u64, BrokerError> {
        let taking = self.inner.consuming.channel().await?;
        let publishing = self.inner.channel().await?;
        let confirming = publishing.confirm_select(ConfirmSelectOptions::default()).await;
        confirming.map_err(|error| fault::of(&error))?;
        let consumer = self.consume(&taking).await?;
        let tag = consumer.tag();
        let mut arriving = consumer.ready_chunks(CHUNK);
        let (mut moved, mut left) = (0, self.ready().await?);
        loop {
            match tokio::time::timeout(SILENCE, arriving.next()).await {
                Ok(Some(chunk)) => {
                    let chunk: Vec<Delivery> =
                        chunk.into_iter().collect::<Result<_, _>>().map_err(|error| fault::of(&error))?;
                    let count = chunk.len() as u64;
                    self.pass_on(&taking, &publishing, chunk).await?;
                    (moved, left) = (moved + count, left.saturating_sub(count));
                    told(&self.from.to_string(), moved, left);
                }
                Ok(None) => return Err(BrokerError::Away(format!("it sends no more of {}", self.from))),
                Err(_) => {
                    left = self.ready().await?;
                    if left == 0 {
                        break;
                    }
                }
            }
        }
        let cancelled = taking.basic_cancel(tag, BasicCancelOptions::default()).await;
        cancelled.map_err(|error| fault::of(&error))?;
        Ok(moved)
    }

    async fn consume(&self, channel: &Channel) -> Result<Consumer, BrokerError> {
        let prefetch = u16::try_from(CHUNK * 2).unwrap_or(u16::MAX);
        let limited = channel.basic_qos(prefetch, BasicQosOptions::default()).await;
        limited.map_err(|error| fault::of(&error))?;
        let (tag, options) = (ShortString::default(), BasicConsumeOptions::default());
        let consumer = channel.basic_consume(self.from.clone(), tag, options, FieldTable::default()).await;
        consumer.map_err(|error| fault::of(&error))
    }

    async fn ready(&self) -> Result<u64, BrokerError> {
        Ok(survey::count(self.inner, &self.from).await?.map_or(0, |(ready, _)| ready))
    }

    async fn pass_on(
        &self,
        taking: &Channel,
        publishing: &Channel,
        chunk: Vec<Delivery>,
    ) -> Result<(), BrokerError> {
        let refused = self.publish(publishing, chunk.iter().collect(), self.aim.key.as_ref()).await?;
        if !refused.is_empty() {
            let away =
                || BrokerError::Away(format!("the queue behind {} takes no messages", self.aim.exchange));
            let overflow = self.aim.overflow.as_ref().ok_or_else(away)?;
            if !self.publish(publishing, refused, Some(overflow)).await?.is_empty() {
                return Err(away());
            }
        }
        let Some(last) = chunk.last() else { return Ok(()) };
        let acked = taking.basic_ack(last.delivery_tag, BasicAckOptions { multiple: true }).await;
        acked.map_err(|error| fault::of(&error))
    }

    /// Publishes a chunk and returns the messages that were refused.
    async fn publish<'d>(
        &self,
        channel: &Channel,
        chunk: Vec<&'d Delivery>,
        key: Option<&ShortString>,
    ) -> Result<Vec<&'d Delivery>, BrokerError> {
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let mut confirms = Vec::with_capacity(chunk.len());
        for delivery in &chunk {
            let key = key.unwrap_or(&delivery.routing_key).clone();
            let properties = wire::carried(&delivery.properties);
            let exchange = self.aim.exchange.clone();
            let sent = channel.basic_publish(exchange, key, options, &delivery.data, properties).await;
            confirms.push(sent.map_err(|error| fault::of(&error))?);
        }
        let mut refused = Vec::new();
        for (confirm, delivery) in confirms.into_iter().zip(chunk) {
            match confirm.await.map_err(|error| fault::of(&error))? {
                Confirmation::Ack(None) => {}
                Confirmation::Nack(_) => refused.push(delivery),
                Confirmation::Ack(Some(_)) | Confirmation::NotRequested => {
                    return Err(BrokerError::Refused(format!(
                        "a message of {} finds no queue: run `ua setup --migrate` again",
                        self.from
                    )));
                }
            }
        }
        Ok(refused)
    }
}
