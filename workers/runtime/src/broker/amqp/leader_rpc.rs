//! Requests to a leader and their replies: one queue to the leader, and a private queue back to the caller.

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, ConfirmSelectOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel};
use tokio::sync::Mutex;

use super::auxiliary_queues::{self, PrivateQueue, publish_to};
use super::names::{Destination, Names};
use super::{Amqp, fault};
use crate::BrokerError;

/// The leader's side.
pub(super) struct RpcServer {
    channel: Channel,
    names: Names,
    arriving: Mutex<lapin::Consumer>,
}

/// A request, as the leader receives it.
#[derive(Debug)]
pub struct RequestMessage {
    pub(in crate::broker) body: Vec<u8>,
    reply_to: Option<Destination>,
    tag: u64,
    channel: Channel,
}

impl RpcServer {
    pub(super) async fn open(channel: Channel, names: &Names, name: &str) -> Result<Self, BrokerError> {
        let queue = auxiliary_queues::commands(names, name)?;
        queue.declare(&channel).await?;
        let options = BasicConsumeOptions::default();
        let consumer =
            channel.basic_consume(queue.name, ShortString::default(), options, FieldTable::default()).await;
        let arriving = Mutex::new(consumer.map_err(|error| fault::of(&error))?);
        Ok(Self { channel, names: names.clone(), arriving })
    }

    pub(super) async fn next(&self) -> Result<RequestMessage, BrokerError> {
        match self.arriving.lock().await.next().await {
            Some(Ok(arrived)) => Ok(RequestMessage {
                body: arrived.data,
                reply_to: arrived.properties.reply_to().as_ref().map(|queue| self.names.destination(queue)),
                tag: arrived.delivery_tag,
                channel: self.channel.clone(),
            }),
            Some(Err(error)) => Err(fault::of(&error)),
            None => Err(BrokerError::Away("it sends no more requests".to_owned())),
        }
    }
}

impl RequestMessage {
    pub(in crate::broker) async fn reply(self, reply: Vec<u8>) -> Result<(), BrokerError> {
        // Ack first: a refused reply closes the channel, and the request would be redelivered for ever.
        let acked = self.channel.basic_ack(self.tag, BasicAckOptions::default()).await;
        acked.map_err(|error| fault::of(&error))?;
        if let Some(destination) = &self.reply_to {
            // The caller and its queue may be gone; the request is done anyway.
            let _ = publish_to(&self.channel, destination, &reply, BasicProperties::default()).await;
        }
        Ok(())
    }
}

impl Amqp {
    pub(in crate::broker) async fn request(
        &self,
        name: &str,
        request: Vec<u8>,
    ) -> Result<Vec<u8>, BrokerError> {
        let (channel, names) = (self.inner.channel().await?, &self.inner.names);
        let failed = |error: lapin::Error| fault::of(&error);
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(failed)?;
        let queue = auxiliary_queues::commands(names, name)?;
        queue.declare(&channel).await?;
        let mut replies = PrivateQueue::open(&channel, names, "answers").await?;
        publish_to(
            &channel,
            &queue.destination(),
            &request,
            BasicProperties::default().with_reply_to(replies.name),
        )
        .await?;
        match replies.arriving.next().await {
            Some(Ok(reply)) => Ok(reply.data),
            Some(Err(error)) => Err(failed(error)),
            None => Err(BrokerError::Away("the answer of a leader was lost".to_owned())),
        }
    }
}
