//! Auxiliary queues: those of a leadership, and private queues that end with the connection.
//!
//! Each is bound to the installation's exchange by its own name.

use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation};

use super::fault;
use super::names::{Destination, Names};
use super::topology::{self, FOREVER, Wanted};
use crate::BrokerError;

/// The queue of the leader election: one of its consumers is active. It holds one empty message.
pub(super) fn election_queue(names: &Names, name: &str) -> Result<Wanted, BrokerError> {
    let mut arguments = single_message();
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    Ok(wanted(names, names.lead(name)?, arguments))
}

/// The queue of the leader's persisted state, one message.
pub(super) fn state(names: &Names, name: &str) -> Result<Wanted, BrokerError> {
    Ok(wanted(names, names.state(name)?, single_message()))
}

/// The queue of a copy of that state. Readers take the copy and put it back. Classic, because it counts no
/// deliveries; a lost copy is published again.
pub(super) fn state_copy(names: &Names, name: &str) -> Result<Wanted, BrokerError> {
    let mut arguments = FieldTable::default();
    topology::set_text(&mut arguments, "x-queue-type", "classic");
    topology::set_number(&mut arguments, "x-max-length", 1);
    topology::set_text(&mut arguments, "x-overflow", "drop-head");
    Ok(wanted(names, names.state_copy(name)?, arguments))
}

/// The queue of commands to a leader.
pub(super) fn commands(names: &Names, name: &str) -> Result<Wanted, BrokerError> {
    Ok(wanted(names, names.commands(name)?, topology::quorum(FOREVER)))
}

/// The queue of token requests: not persisted, with a TTL of 3 s; senders repeat lost requests.
pub(super) fn token_requests(names: &Names, name: &str) -> Result<Wanted, BrokerError> {
    let mut arguments = FieldTable::default();
    topology::set_text(&mut arguments, "x-queue-type", "classic");
    topology::set_number(&mut arguments, "x-message-ttl", 3_000);
    topology::set_number(&mut arguments, "x-max-length", 10_000);
    Ok(wanted(names, names.auxiliary("wants", name)?, arguments))
}

/// Every queue that a leadership may have.
pub(super) fn of_leadership(names: &Names, name: &str) -> Result<[Wanted; 5], BrokerError> {
    let (seat, kept, shown) = (election_queue(names, name)?, state(names, name)?, state_copy(names, name)?);
    Ok([seat, kept, shown, commands(names, name)?, token_requests(names, name)?])
}

/// An exclusive queue of this process, deleted with the connection.
pub(super) struct PrivateQueue {
    pub(super) name: ShortString,
    /// Its deliveries, consumed without acks.
    pub(super) arriving: lapin::Consumer,
}

impl PrivateQueue {
    /// Declares, binds and consumes a private queue for `what`.
    pub(super) async fn open(channel: &Channel, names: &Names, what: &str) -> Result<Self, BrokerError> {
        let name = names.unique(what)?;
        declare(channel, &name).await.map_err(|error| fault::of(&error))?;
        let Destination { exchange, key } = names.destination(&name);
        topology::bind(channel, name.clone(), exchange, key).await?;
        let arriving = consume(channel, name.clone()).await?;
        Ok(Self { name, arriving })
    }
}

/// Declares an exclusive queue.
pub(super) async fn declare(channel: &Channel, name: &ShortString) -> lapin::Result<()> {
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
    channel.queue_declare(name.clone(), options, FieldTable::default()).await.map(|_| ())
}

/// Consumes from a queue without acks.
pub(super) async fn consume(channel: &Channel, queue: ShortString) -> Result<lapin::Consumer, BrokerError> {
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let consumer = channel.basic_consume(queue, ShortString::default(), options, FieldTable::default()).await;
    consumer.map_err(|error| fault::of(&error))
}

/// Publishes to one queue and waits for the confirm.
pub(super) async fn publish_to(
    channel: &Channel,
    destination: &Destination,
    body: &[u8],
    properties: BasicProperties,
) -> Result<(), BrokerError> {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let properties = properties.with_delivery_mode(2);
    let sent = channel
        .basic_publish(destination.exchange.clone(), destination.key.clone(), options, body, properties)
        .await;
    let confirmed = match sent {
        Ok(confirm) => confirm.await,
        Err(error) => Err(error),
    };
    match confirmed.map_err(|error| fault::of(&error))? {
        Confirmation::Ack(None) => Ok(()),
        _ => Err(BrokerError::Away(format!("the queue {} takes no messages", destination.key))),
    }
}

/// Arguments of a queue that holds only the last message. It has no dead letters, so its delivery limit is out of
/// reach.
pub(super) fn single_message() -> FieldTable {
    let mut arguments = topology::quorum(FOREVER);
    topology::set_number(&mut arguments, "x-max-length", 1);
    topology::set_text(&mut arguments, "x-overflow", "drop-head");
    arguments
}

fn wanted(names: &Names, name: ShortString, arguments: FieldTable) -> Wanted {
    let Destination { exchange, key } = names.destination(&name);
    Wanted { name, exchange, key, arguments, overflow: None }
}
