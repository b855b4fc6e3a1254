//! The way of tokens: what processes want goes to the leader by one queue, what they get comes back by one each.
//!
//! Nothing of it is kept: what is lost is said again. A token for a process that is gone comes back at once.

use std::pin::Pin;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, ExchangeKind};

use super::names::Names;
use super::{Amqp, Lead, fault, names, topology};
use crate::BrokerError;

type Flight = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

/// The leader's end.
pub(crate) struct Counter {
    channel: Channel,
    wants: lapin::Consumer,
    news: ShortString,
    flying: FuturesUnordered<Flight>,
}

/// What comes to the leader.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// What a process wants.
    Want(Vec<u8>),
    /// Something could not be delivered: the process is gone.
    Undelivered { worker: String, body: Vec<u8> },
}

/// A process's end.
pub(crate) struct Tap {
    channel: Channel,
    wants: ShortString,
    queue: ShortString,
    notes: lapin::Consumer,
}

impl Lead {
    /// Opens the leader's end of the way of tokens, over the leader's own connection.
    pub(crate) async fn counter(&self) -> Result<Counter, BrokerError> {
        let channel = self.channel().await?;
        let (wants, news) = declare(&channel, &self.inner().names, self.name()).await?;
        let wants = consume(&channel, wants).await?;
        Ok(Counter { channel, wants, news, flying: FuturesUnordered::new() })
    }
}

impl Amqp {
    /// Opens a process's end of the way of tokens.
    pub(crate) async fn tap(&self, name: &str) -> Result<Tap, BrokerError> {
        let channel = self.inner.publishing.insist(None, || self.inner.publishing.channel()).await?;
        let (wants, news) = declare(&channel, &self.inner.names, name).await?;
        let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
        let failed = |error: lapin::Error| fault::of(&error);
        let queue = channel.queue_declare(ShortString::default(), own, FieldTable::default()).await;
        let queue = queue.map_err(failed)?.name().clone();
        let (key, options) = (ShortString::default(), QueueBindOptions::default());
        let bound = channel.queue_bind(queue.clone(), news, key, options, FieldTable::default()).await;
        bound.map_err(failed)?;
        let notes = consume(&channel, queue.clone()).await?;
        Ok(Tap { channel, wants, queue, notes })
    }
}

async fn declare(
    channel: &Channel,
    names: &Names,
    name: &str,
) -> Result<(ShortString, ShortString), BrokerError> {
    let (wants, news) = (names.own("wants", name)?, names.own("news", name)?);
    topology::declare_queue(channel, wants.clone(), topology::wants()).await?;
    let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let declared =
        channel.exchange_declare(news.clone(), ExchangeKind::Fanout, options, FieldTable::default()).await;
    declared.map_err(|error| fault::of(&error))?;
    Ok((wants, news))
}

async fn consume(channel: &Channel, queue: ShortString) -> Result<lapin::Consumer, BrokerError> {
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let consumer = channel.basic_consume(queue, ShortString::default(), options, FieldTable::default()).await;
    consumer.map_err(|error| fault::of(&error))
}

impl Counter {
    /// Sends to one process.
    pub(crate) async fn send(&mut self, worker: &str, body: &[u8]) -> Result<(), BrokerError> {
        let Some(queue) = names::short(worker) else { return Ok(()) };
        self.publish(ShortString::default(), queue, true, body).await
    }

    /// Sends to every process.
    pub(crate) async fn broadcast(&mut self, body: &[u8]) -> Result<(), BrokerError> {
        self.publish(self.news.clone(), ShortString::default(), false, body).await
    }

    async fn publish(
        &mut self,
        exchange: ShortString,
        key: ShortString,
        mandatory: bool,
        body: &[u8],
    ) -> Result<(), BrokerError> {
        let options = BasicPublishOptions { mandatory, ..Default::default() };
        let sent = self.channel.basic_publish(exchange, key, options, body, BasicProperties::default()).await;
        let confirm = sent.map_err(|error| fault::of(&error))?;
        self.flying.push(Box::pin(confirm));
        Ok(())
    }

    /// Waits for what comes next. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Result<Arrival, BrokerError> {
        loop {
            tokio::select! {
                biased;
                Some(landed) = self.flying.next() => {
                    // The library hands what came back to any confirm; where it was bound it says itself.
                    if let Confirmation::Ack(Some(back)) = landed.map_err(|error| fault::of(&error))? {
                        let worker = back.routing_key.to_string();
                        return Ok(Arrival::Undelivered { worker, body: back.data.clone() });
                    }
                }
                arrived = self.wants.next() => {
                    return match arrived {
                        Some(Ok(want)) => Ok(Arrival::Want(want.data)),
                        Some(Err(error)) => Err(fault::of(&error)),
                        None => Err(BrokerError::Away("it sends no more of what is wanted".to_owned())),
                    };
                }
            }
        }
    }
}

impl Tap {
    /// The name of the process's own queue.
    pub(crate) fn name(&self) -> &str {
        self.queue.as_str()
    }

    /// Says what the process wants.
    pub(crate) async fn send(&self, body: &[u8]) -> Result<(), BrokerError> {
        let (exchange, options) = (ShortString::default(), BasicPublishOptions::default());
        let sent = self.channel.basic_publish(
            exchange,
            self.wants.clone(),
            options,
            body,
            BasicProperties::default(),
        );
        sent.await.map(drop).map_err(|error| fault::of(&error))
    }

    /// Waits for what the leader says. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Result<Vec<u8>, BrokerError> {
        match self.notes.next().await {
            Some(Ok(note)) => Ok(note.data),
            Some(Err(error)) => Err(fault::of(&error)),
            None => Err(BrokerError::Away("it sends no more tokens".to_owned())),
        }
    }
}
