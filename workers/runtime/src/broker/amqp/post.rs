//! Orders to a leader and their answers: a queue to whoever leads, and a queue back to whoever asked.

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel};
use tokio::sync::Mutex;

use super::lead::put;
use super::{Amqp, fault, topology};
use crate::BrokerError;

/// The leader's end.
pub(super) struct Post {
    channel: Channel,
    arriving: Mutex<lapin::Consumer>,
}

/// An order, as the leader has it.
#[derive(Debug)]
pub struct Order {
    pub(in crate::broker) body: Vec<u8>,
    reply_to: Option<ShortString>,
    tag: u64,
    channel: Channel,
}

impl Post {
    pub(super) async fn open(channel: Channel, queue: ShortString) -> Result<Self, BrokerError> {
        topology::declare_queue(&channel, queue.clone(), topology::orders()).await?;
        let options = BasicConsumeOptions::default();
        let consumer =
            channel.basic_consume(queue, ShortString::default(), options, FieldTable::default()).await;
        Ok(Self { channel, arriving: Mutex::new(consumer.map_err(|error| fault::of(&error))?) })
    }

    pub(super) async fn next(&self) -> Result<Order, BrokerError> {
        match self.arriving.lock().await.next().await {
            Some(Ok(arrived)) => Ok(Order {
                body: arrived.data,
                reply_to: arrived.properties.reply_to().clone(),
                tag: arrived.delivery_tag,
                channel: self.channel.clone(),
            }),
            Some(Err(error)) => Err(fault::of(&error)),
            None => Err(BrokerError::Away("it sends no more orders".to_owned())),
        }
    }
}

impl Order {
    pub(in crate::broker) async fn answer(self, answer: Vec<u8>) -> Result<(), BrokerError> {
        if let Some(reply_to) = &self.reply_to {
            // Whoever asked may be gone, and its queue with it: the order is done all the same.
            let _ = put(&self.channel, reply_to, &answer, BasicProperties::default()).await;
        }
        let acked = self.channel.basic_ack(self.tag, BasicAckOptions::default()).await;
        acked.map_err(|error| fault::of(&error))
    }
}

impl Amqp {
    pub(in crate::broker) async fn ask(&self, name: &str, order: Vec<u8>) -> Result<Vec<u8>, BrokerError> {
        let channel = self.inner.channel().await?;
        let failed = |error: lapin::Error| fault::of(&error);
        channel.confirm_select(Default::default()).await.map_err(failed)?;
        let orders = self.inner.names.orders(name)?;
        topology::declare_queue(&channel, orders.clone(), topology::orders()).await?;
        let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
        let answers = channel
            .queue_declare(ShortString::default(), own, FieldTable::default())
            .await
            .map_err(failed)?;
        let answers = answers.name().clone();
        let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
        let mut arriving = channel
            .basic_consume(answers.clone(), ShortString::default(), options, FieldTable::default())
            .await
            .map_err(failed)?;
        put(&channel, &orders, &order, BasicProperties::default().with_reply_to(answers)).await?;
        match arriving.next().await {
            Some(Ok(answer)) => Ok(answer.data),
            Some(Err(error)) => Err(failed(error)),
            None => Err(BrokerError::Away("the answer of a leader was lost".to_owned())),
        }
    }
}
