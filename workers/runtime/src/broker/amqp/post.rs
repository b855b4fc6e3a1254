//! Orders to a leader and their answers: a queue to whoever leads, and a queue back to whoever asked.

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, ConfirmSelectOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel};
use tokio::sync::Mutex;

use super::names::{Names, Way};
use super::own::{self, Own, put};
use super::{Amqp, fault};
use crate::BrokerError;

/// The leader's end.
pub(super) struct Post {
    channel: Channel,
    names: Names,
    arriving: Mutex<lapin::Consumer>,
}

/// An order, as the leader has it.
#[derive(Debug)]
pub struct Order {
    pub(in crate::broker) body: Vec<u8>,
    reply_to: Option<Way>,
    tag: u64,
    channel: Channel,
}

impl Post {
    pub(super) async fn open(channel: Channel, names: &Names, name: &str) -> Result<Self, BrokerError> {
        let queue = own::orders(names, name)?;
        queue.declare(&channel).await?;
        let options = BasicConsumeOptions::default();
        let consumer =
            channel.basic_consume(queue.name, ShortString::default(), options, FieldTable::default()).await;
        let arriving = Mutex::new(consumer.map_err(|error| fault::of(&error))?);
        Ok(Self { channel, names: names.clone(), arriving })
    }

    pub(super) async fn next(&self) -> Result<Order, BrokerError> {
        match self.arriving.lock().await.next().await {
            Some(Ok(arrived)) => Ok(Order {
                body: arrived.data,
                reply_to: arrived.properties.reply_to().as_ref().map(|queue| self.names.way_to(queue)),
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
        // Settled first: an answer that is refused takes the channel with it, and the order would come again for ever.
        let acked = self.channel.basic_ack(self.tag, BasicAckOptions::default()).await;
        acked.map_err(|error| fault::of(&error))?;
        if let Some(way) = &self.reply_to {
            // Whoever asked may be gone, and its queue with it: the order is done all the same.
            let _ = put(&self.channel, way, &answer, BasicProperties::default()).await;
        }
        Ok(())
    }
}

impl Amqp {
    pub(in crate::broker) async fn ask(&self, name: &str, order: Vec<u8>) -> Result<Vec<u8>, BrokerError> {
        let (channel, names) = (self.inner.channel().await?, &self.inner.names);
        let failed = |error: lapin::Error| fault::of(&error);
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(failed)?;
        let orders = own::orders(names, name)?;
        orders.declare(&channel).await?;
        let mut answers = Own::open(&channel, names, "answers").await?;
        put(&channel, &orders.way(), &order, BasicProperties::default().with_reply_to(answers.name)).await?;
        match answers.arriving.next().await {
            Some(Ok(answer)) => Ok(answer.data),
            Some(Err(error)) => Err(failed(error)),
            None => Err(BrokerError::Away("the answer of a leader was lost".to_owned())),
        }
    }
}
