//! Auxiliary queues: those of a leadership, and queues of one process that end with its connection.
//!
//! All of them are bound to the installation's exchange by their own names.

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

/// The queue of a copy of that state, for readers, which take it and put it back. A classic one: it counts no
/// deliveries, and a copy that is lost is made again.
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

/// The queue of token requests: not persisted, expired after seconds, repeated when lost.
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

/// An exclusive queue of this process; it ends with the connection.
pub(super) struct PrivateQueue {
    pub(super) name: ShortString,
    /// What arrives in it; nothing of that has to be acked.
    pub(super) arriving: lapin::Consumer,
}

impl PrivateQueue {
    /// Makes one for `what`.
    pub(super) async fn open(channel: &Channel, names: &Names, what: &str) -> Result<Self, BrokerError> {
        let name = names.unique(what)?;
        declare(channel, &name).await.map_err(|error| fault::of(&error))?;
        let Destination { exchange, key } = names.destination(&name);
        topology::bind(channel, name.clone(), exchange, key).await?;
        let arriving = consume(channel, name.clone()).await?;
        Ok(Self { name, arriving })
    }
}

/// Declares a queue of this process alone.
pub(super) async fn declare(channel: &Channel, name: &ShortString) -> lapin::Result<()> {
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
    channel.queue_declare(name.clone(), options, FieldTable::default()).await.map(|_| ())
}

/// Takes from a queue what need not be acked.
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

/// A queue of one message, the last one. It has no dead letters, so its limit of deliveries is out of reach.
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
