//! Queues beside those of work: what a leadership has queues for, and queues of one process that end with it.
//!
//! All of them are bound to the installation's exchange by their own names.

use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation};

use super::fault;
use super::names::{Names, Way};
use super::topology::{self, FOREVER, Wanted};
use crate::BrokerError;

/// The queue that makes a leader: of its consumers one is active. It holds one message, which says nothing.
pub(super) fn seat(names: &Names, name: &str) -> Result<Wanted, BrokerError> {
    let mut arguments = register();
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    Ok(wanted(names, names.lead(name)?, arguments))
}

/// The queue of the one state that a leader keeps.
pub(super) fn kept(names: &Names, name: &str) -> Result<Wanted, BrokerError> {
    Ok(wanted(names, names.kept(name)?, register()))
}

/// The queue of a copy of that state, which anybody may take and put back. A classic one: it counts no deliveries, and
/// a copy that is lost is made again.
pub(super) fn shown(names: &Names, name: &str) -> Result<Wanted, BrokerError> {
    let mut arguments = FieldTable::default();
    topology::set_text(&mut arguments, "x-queue-type", "classic");
    topology::set_number(&mut arguments, "x-max-length", 1);
    topology::set_text(&mut arguments, "x-overflow", "drop-head");
    Ok(wanted(names, names.shown(name)?, arguments))
}

/// The queue of orders to a leader.
pub(super) fn orders(names: &Names, name: &str) -> Result<Wanted, BrokerError> {
    Ok(wanted(names, names.orders(name)?, topology::quorum(FOREVER)))
}

/// A queue of what processes want at the moment: kept by nobody, old after seconds, said again when lost.
pub(super) fn wants(names: &Names, name: &str) -> Result<Wanted, BrokerError> {
    let mut arguments = FieldTable::default();
    topology::set_text(&mut arguments, "x-queue-type", "classic");
    topology::set_number(&mut arguments, "x-message-ttl", 3_000);
    topology::set_number(&mut arguments, "x-max-length", 10_000);
    Ok(wanted(names, names.own("wants", name)?, arguments))
}

/// Every queue that a leadership may have.
pub(super) fn of_leadership(names: &Names, name: &str) -> Result<[Wanted; 5], BrokerError> {
    let (seat, kept, shown) = (seat(names, name)?, kept(names, name)?, shown(names, name)?);
    Ok([seat, kept, shown, orders(names, name)?, wants(names, name)?])
}

/// A queue of this process alone: nobody else may take from it, and it ends with the connection.
pub(super) struct Own {
    pub(super) name: ShortString,
    /// What arrives in it; nothing of that has to be acked.
    pub(super) arriving: lapin::Consumer,
}

impl Own {
    /// Makes one for `what`.
    pub(super) async fn open(channel: &Channel, names: &Names, what: &str) -> Result<Self, BrokerError> {
        let name = names.unique(what)?;
        declare(channel, &name).await.map_err(|error| fault::of(&error))?;
        let Way { exchange, key } = names.way_to(&name);
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
pub(super) async fn put(
    channel: &Channel,
    way: &Way,
    body: &[u8],
    properties: BasicProperties,
) -> Result<(), BrokerError> {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let properties = properties.with_delivery_mode(2);
    let sent = channel.basic_publish(way.exchange.clone(), way.key.clone(), options, body, properties).await;
    let confirmed = match sent {
        Ok(confirm) => confirm.await,
        Err(error) => Err(error),
    };
    match confirmed.map_err(|error| fault::of(&error))? {
        Confirmation::Ack(None) => Ok(()),
        _ => Err(BrokerError::Away(format!("the queue {} takes no messages", way.key))),
    }
}

/// A queue of one message, the last one. It has no dead letters, so its limit of deliveries is out of reach.
pub(super) fn register() -> FieldTable {
    let mut arguments = topology::quorum(FOREVER);
    topology::set_number(&mut arguments, "x-max-length", 1);
    topology::set_text(&mut arguments, "x-overflow", "drop-head");
    arguments
}

fn wanted(names: &Names, name: ShortString, arguments: FieldTable) -> Wanted {
    let Way { exchange, key } = names.way_to(&name);
    Wanted { name, exchange, key, arguments, overflow: None }
}
