//! Transport of token requests and grants: one queue of requests to the leader, one queue of grants to each process.
//!
//! Nothing is persisted: a lost request is repeated. A token for a process that is gone is returned at once.

use std::pin::Pin;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, ExchangeKind};

use super::auxiliary_queues::{self, PrivateQueue};
use super::names::{Destination, Names};
use super::{Amqp, Lead, fault, names, topology};
use crate::BrokerError;

type PendingConfirm = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

/// The leader's side.
pub(crate) struct TokenServer {
    channel: Channel,
    names: Names,
    requests: lapin::Consumer,
    broadcasts: Destination,
    unconfirmed: FuturesUnordered<PendingConfirm>,
}

/// A message to the leader.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A token request of a process.
    Request(Vec<u8>),
    /// A returned message: its process is gone.
    Undelivered { worker: String, body: Vec<u8> },
}

/// A process's side.
pub(crate) struct TokenChannel {
    channel: Channel,
    requests: Destination,
    queue: PrivateQueue,
}

impl Lead {
    /// Opens the leader's side, over the leader's own connection.
    pub(crate) async fn token_server(&self) -> Result<TokenServer, BrokerError> {
        let (channel, names) = (self.channel().await?, self.inner().names.clone());
        let (requests, broadcasts) = declare(&channel, &names, self.name()).await?;
        let requests = auxiliary_queues::consume(&channel, requests.key).await?;
        Ok(TokenServer { channel, names, requests, broadcasts, unconfirmed: FuturesUnordered::new() })
    }
}

impl Amqp {
    /// Opens a process's side.
    pub(crate) async fn token_channel(&self, name: &str) -> Result<TokenChannel, BrokerError> {
        let (link, names) = (&self.inner.publishing, &self.inner.names);
        let channel = link.insist(None, || link.channel()).await?;
        let (requests, broadcasts) = declare(&channel, names, name).await?;
        let queue = PrivateQueue::open(&channel, names, "tokens").await?;
        topology::bind(&channel, queue.name.clone(), broadcasts.exchange, broadcasts.key).await?;
        Ok(TokenChannel { channel, requests, queue })
    }
}

/// Declares the destinations of requests to the leader, and of broadcasts to all processes.
async fn declare(
    channel: &Channel,
    names: &Names,
    name: &str,
) -> Result<(Destination, Destination), BrokerError> {
    let requests = auxiliary_queues::token_requests(names, name)?;
    requests.declare(channel).await?;
    let broadcasts = Destination { exchange: names.auxiliary("news", name)?, key: ShortString::default() };
    topology::declare_exchange(channel, broadcasts.exchange.clone(), ExchangeKind::Fanout).await?;
    Ok((requests.destination(), broadcasts))
}

impl TokenServer {
    /// Sends to one process.
    pub(crate) async fn send(&mut self, worker: &str, body: &[u8]) -> Result<(), BrokerError> {
        let Some(queue) = names::short(worker) else { return Ok(()) };
        let destination = self.names.destination(&queue);
        self.publish(destination, true, body).await
    }

    /// Sends to all processes.
    pub(crate) async fn broadcast(&mut self, body: &[u8]) -> Result<(), BrokerError> {
        self.publish(self.broadcasts.clone(), false, body).await
    }

    async fn publish(
        &mut self,
        destination: Destination,
        mandatory: bool,
        body: &[u8],
    ) -> Result<(), BrokerError> {
        let options = BasicPublishOptions { mandatory, ..Default::default() };
        let properties = BasicProperties::default();
        let sent = self
            .channel
            .basic_publish(destination.exchange, destination.key, options, body, properties)
            .await;
        let confirm = sent.map_err(|error| fault::of(&error))?;
        self.unconfirmed.push(Box::pin(confirm));
        Ok(())
    }

    /// Waits for the next message. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Incoming, BrokerError> {
        loop {
            tokio::select! {
                biased;
                Some(confirmed) = self.unconfirmed.next() => {
                    // lapin attaches a returned message to any confirm; its routing key names the process.
                    if let Confirmation::Ack(Some(returned)) = confirmed.map_err(|error| fault::of(&error))? {
                        let worker = returned.routing_key.to_string();
                        return Ok(Incoming::Undelivered { worker, body: returned.data.clone() });
                    }
                }
                arrived = self.requests.next() => {
                    return match arrived {
                        Some(Ok(request)) => Ok(Incoming::Request(request.data)),
                        Some(Err(error)) => Err(fault::of(&error)),
                        None => Err(BrokerError::Away("it sends no more of what is wanted".to_owned())),
                    };
                }
            }
        }
    }
}

impl TokenChannel {
    /// The name of the process's private queue.
    pub(crate) fn name(&self) -> &str {
        self.queue.name.as_str()
    }

    /// Sends a token request.
    pub(crate) async fn send(&self, body: &[u8]) -> Result<(), BrokerError> {
        let Destination { exchange, key } = self.requests.clone();
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let sent = self.channel.basic_publish(exchange, key, options, body, properties);
        sent.await.map(drop).map_err(|error| fault::of(&error))
    }

    /// Waits for the next message of the leader. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Vec<u8>, BrokerError> {
        match self.queue.arriving.next().await {
            Some(Ok(message)) => Ok(message.data),
            Some(Err(error)) => Err(fault::of(&error)),
            None => Err(BrokerError::Away("it sends no more tokens".to_owned())),
        }
    }
}
