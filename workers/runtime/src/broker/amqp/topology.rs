//! The exchanges and queues, declared idempotently.
//!
//! All are durable and replicated. The delivery limit is always explicit: the default of some versions loses
//! messages, and so does "none" in others.

use std::time::Duration;

use lapin::options::{
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};
use messages::Queue;

use super::names::{self, Destination, Names};
use super::{auxiliary_queues, fault};
use crate::{BrokerError, Ladder};

/// Number of crashed deliveries after which RabbitMQ itself dead-letters a message. A fallback for workers that die
/// before [`MAX_CRASHES`](crate::broker::MAX_CRASHES) is checked.
const DELIVERY_LIMIT: i64 = 100;
/// An unreachable delivery limit. `ua.dead` has no dead-letter queue: RabbitMQ would drop a message over the limit,
/// and would drop one sent back to the same queue as a cycle. The consumer of dead letters counts crashes itself.
pub(super) const FOREVER: i64 = 1_000_000_000;

/// A wanted queue, and its binding.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The queue's name at the broker.
    pub(super) name: ShortString,
    /// The exchange that it is bound to.
    pub(super) exchange: ShortString,
    /// The binding's key; empty at a rung's own exchange, which passes all messages with their own keys.
    pub(super) key: ShortString,
    pub(super) arguments: FieldTable,
    /// The key of the queue for messages that a full queue refuses.
    pub(super) overflow: Option<ShortString>,
}

impl Wanted {
    /// Returns true for a rung: its exchange and queue have the same name.
    pub(super) fn is_rung(&self) -> bool {
        self.exchange == self.name
    }

    /// The destination of messages to this queue.
    pub(super) fn destination(&self) -> Destination {
        Destination { exchange: self.exchange.clone(), key: self.key.clone() }
    }

    /// Declares and binds the queue.
    pub(super) async fn declare(&self, channel: &Channel) -> Result<(), BrokerError> {
        declare_queue(channel, self.name.clone(), self.arguments.clone()).await?;
        bind(channel, self.name.clone(), self.exchange.clone(), self.key.clone()).await
    }
}

/// All wanted queues.
pub(super) fn wanted(
    names: &Names,
    ladder: &Ladder,
    documents_limit: usize,
) -> Result<Vec<Wanted>, BrokerError> {
    let exchange = names.exchange();
    let mut all = Vec::new();
    for queue in queues() {
        let name = names.physical(&queue).ok_or_else(|| {
            BrokerError::Misconfigured(format!("the prefix of {queue} is too long for a queue's name"))
        })?;
        let arguments = queue_arguments(&queue, &exchange, documents_limit);
        let overflow = names::returned(&queue).and_then(|returned| names::short(returned.as_str()));
        all.push(Wanted {
            name,
            exchange: exchange.clone(),
            key: queue.as_str().into(),
            arguments,
            overflow,
        });
    }
    all.push(cancelled(names)?);
    all.extend(ladder.rungs.iter().map(|rung| {
        let name = names.rung(*rung);
        let arguments = rung_arguments(*rung, &exchange);
        Wanted { exchange: name.clone(), name, key: ShortString::default(), arguments, overflow: None }
    }));
    Ok(all)
}

/// The queue whose bindings are the cancelled runs. Its single message has no meaning.
pub(super) fn cancelled(names: &Names) -> Result<Wanted, BrokerError> {
    let name = names.cancelled()?;
    Ok(Wanted {
        exchange: names.exchange(),
        key: name.clone(),
        name,
        arguments: auxiliary_queues::single_message(),
        overflow: None,
    })
}

/// Declares all exchanges and queues.
pub(super) async fn declare(
    channel: &Channel,
    names: &Names,
    ladder: &Ladder,
    documents_limit: usize,
) -> Result<(), BrokerError> {
    declare_exchanges(channel, names, ladder).await?;
    for wanted in wanted(names, ladder, documents_limit)? {
        wanted.declare(channel).await?;
    }
    Ok(())
}

/// Declares all exchanges.
pub(super) async fn declare_exchanges(
    channel: &Channel,
    names: &Names,
    ladder: &Ladder,
) -> Result<(), BrokerError> {
    declare_exchange(channel, names.exchange(), ExchangeKind::Direct).await?;
    declare_exchange(channel, names.presence_exchange(), ExchangeKind::Fanout).await?;
    for rung in &ladder.rungs {
        declare_exchange(channel, names.rung(*rung), ExchangeKind::Fanout).await?;
    }
    Ok(())
}

/// Deletes everything that [`declare`] declares, with all messages.
pub(super) async fn remove(channel: &Channel, names: &Names, ladder: &Ladder) -> Result<(), BrokerError> {
    let rungs = ladder.rungs.iter().map(|rung| names.rung(*rung));
    let queues = queues().filter_map(|queue| names.physical(&queue));
    for queue in queues.chain([names.cancelled()?]).chain(rungs.clone()) {
        let deleted = channel.queue_delete(queue, QueueDeleteOptions::default()).await;
        deleted.map_err(|error| fault::of(&error))?;
    }
    for exchange in rungs.chain([names.exchange(), names.presence_exchange()]) {
        let deleted = channel.exchange_delete(exchange, ExchangeDeleteOptions::default()).await;
        deleted.map_err(|error| fault::of(&error))?;
    }
    Ok(())
}

fn queues() -> impl Iterator<Item = Queue> {
    Queue::all().into_iter().flat_map(|queue| [names::returned(&queue), Some(queue)]).flatten()
}

fn queue_arguments(queue: &Queue, exchange: &ShortString, documents_limit: usize) -> FieldTable {
    if *queue == Queue::dead() {
        return quorum(FOREVER);
    }
    let mut arguments = dead_lettering(exchange);
    set_text(&mut arguments, "x-dead-letter-routing-key", Queue::dead().as_str());
    if *queue == Queue::documents() {
        set_number(&mut arguments, "x-max-length", i64::try_from(documents_limit).unwrap_or(i64::MAX));
    }
    arguments
}

/// Arguments of a rung: holds messages for its delay and passes them on with their routing key, the origin queue.
fn rung_arguments(delay: Duration, exchange: &ShortString) -> FieldTable {
    let mut arguments = dead_lettering(exchange);
    set_number(&mut arguments, "x-message-ttl", i64::try_from(delay.as_millis()).unwrap_or(i64::MAX));
    arguments
}

/// Arguments of a shelter: unbounded, and never drops a message.
pub(super) fn shelter_arguments() -> FieldTable {
    quorum(FOREVER)
}

/// Arguments for at-least-once dead-lettering, which needs `reject-publish`.
fn dead_lettering(exchange: &ShortString) -> FieldTable {
    let mut arguments = quorum(DELIVERY_LIMIT);
    set_text(&mut arguments, "x-overflow", "reject-publish");
    set_text(&mut arguments, "x-dead-letter-exchange", exchange.as_str());
    set_text(&mut arguments, "x-dead-letter-strategy", "at-least-once");
    arguments
}

/// Arguments of a quorum queue.
pub(super) fn quorum(delivery_limit: i64) -> FieldTable {
    let mut arguments = FieldTable::default();
    set_text(&mut arguments, "x-queue-type", "quorum");
    set_number(&mut arguments, "x-delivery-limit", delivery_limit);
    arguments
}

pub(super) fn set_text(arguments: &mut FieldTable, name: &str, value: &str) {
    arguments.insert(name.into(), AMQPValue::LongString(value.into()));
}

pub(super) fn set_number(arguments: &mut FieldTable, name: &str, value: i64) {
    arguments.insert(name.into(), AMQPValue::LongLongInt(value));
}

pub(super) async fn declare_exchange(
    channel: &Channel,
    name: ShortString,
    kind: ExchangeKind,
) -> Result<(), BrokerError> {
    let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let declared = channel.exchange_declare(name.clone(), kind, options, FieldTable::default()).await;
    let remedy = "delete it, then run `ua setup`";
    declared.map_err(|error| refuse("exchange", &name, &error, remedy))
}

pub(super) async fn declare_queue(
    channel: &Channel,
    name: ShortString,
    arguments: FieldTable,
) -> Result<(), BrokerError> {
    let declared = channel.queue_declare(name.clone(), QueueDeclareOptions::durable(), arguments).await;
    let remedy = "run `ua setup --migrate`, which moves its messages to one that is right";
    declared.map(|_| ()).map_err(|error| refuse("queue", &name, &error, remedy))
}

pub(super) async fn bind(
    channel: &Channel,
    queue: ShortString,
    exchange: ShortString,
    key: ShortString,
) -> Result<(), BrokerError> {
    try_bind(channel, queue, exchange, key).await.map_err(|error| fault::of(&error))
}

/// Binds a queue; the caller interprets a refusal.
pub(super) async fn try_bind(
    channel: &Channel,
    queue: ShortString,
    exchange: ShortString,
    key: ShortString,
) -> lapin::Result<()> {
    channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default()).await
}

fn refuse(what: &str, name: &ShortString, error: &lapin::Error, remedy: &str) -> BrokerError {
    match fault::of(error) {
        BrokerError::Refused(text) if fault::is_differing(error) => BrokerError::Refused(format!(
            "the {what} {name} is there with other arguments ({text}): {remedy}"
        )),
        other => other,
    }
}
