//! The exchanges and queues we need, declared as often as one likes.
//!
//! Everything is durable and replicated. A delivery limit is always explicit: the default of some versions loses
//! messages, and so does "none" in others.

use std::time::Duration;

use lapin::options::{
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};
use messages::Queue;

use super::fault;
use super::names::{self, Names};
use crate::{BrokerError, Ladder};

/// Deliveries that end in a crash before the broker itself takes a message out of its queue: a net below our own
/// limit of crashes, for workers that die before they can count.
const DELIVERY_LIMIT: i64 = 100;
/// Nobody is behind `ua.dead`: a message over its limit would be dropped, and one sent back to the same queue
/// would be dropped as a cycle. So the limit is out of reach; whoever takes dead letters counts crashes itself.
const DEAD_DELIVERY_LIMIT: i64 = 1_000_000_000;

/// Declares everything.
pub(super) async fn declare(
    channel: &Channel,
    names: &Names,
    ladder: &Ladder,
    documents_limit: usize,
) -> Result<(), BrokerError> {
    let exchange = names.exchange();
    declare_exchange(channel, exchange.clone(), ExchangeKind::Direct).await?;
    for queue in queues() {
        let Some(name) = names.physical(&queue) else {
            return Err(BrokerError::Refused(format!(
                "the prefix of {queue} is too long for a queue's name"
            )));
        };
        declare_queue(channel, name.clone(), queue_arguments(&queue, &exchange, documents_limit)).await?;
        bind(channel, name, exchange.clone(), queue.as_str().into()).await?;
    }
    declare_exchange(channel, names.roll(), ExchangeKind::Fanout).await?;
    for rung in &ladder.rungs {
        let name = names.rung(*rung);
        declare_exchange(channel, name.clone(), ExchangeKind::Fanout).await?;
        declare_queue(channel, name.clone(), rung_arguments(*rung, &exchange)).await?;
        bind(channel, name.clone(), name, ShortString::default()).await?;
    }
    Ok(())
}

/// Removes everything [`declare`] declares, with what is in it.
pub(super) async fn remove(channel: &Channel, names: &Names, ladder: &Ladder) -> Result<(), BrokerError> {
    let rungs = ladder.rungs.iter().map(|rung| names.rung(*rung));
    let queues = queues().filter_map(|queue| names.physical(&queue));
    for queue in queues.chain(rungs.clone()) {
        let deleted = channel.queue_delete(queue, QueueDeleteOptions::default()).await;
        deleted.map_err(|error| fault::of(&error))?;
    }
    for exchange in rungs.chain([names.exchange(), names.roll()]) {
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
        return quorum(DEAD_DELIVERY_LIMIT);
    }
    let mut arguments = dead_lettering(exchange);
    set_text(&mut arguments, "x-dead-letter-routing-key", Queue::dead().as_str());
    if *queue == Queue::documents() {
        set_number(&mut arguments, "x-max-length", i64::try_from(documents_limit).unwrap_or(i64::MAX));
    }
    arguments
}

/// A rung holds what it gets for its delay and sends it on with its routing key, the queue it came from.
fn rung_arguments(delay: Duration, exchange: &ShortString) -> FieldTable {
    let mut arguments = dead_lettering(exchange);
    set_number(&mut arguments, "x-message-ttl", i64::try_from(delay.as_millis()).unwrap_or(i64::MAX));
    arguments
}

/// At least once is what makes a dead-lettering safe; it needs `reject-publish`.
fn dead_lettering(exchange: &ShortString) -> FieldTable {
    let mut arguments = quorum(DELIVERY_LIMIT);
    set_text(&mut arguments, "x-overflow", "reject-publish");
    set_text(&mut arguments, "x-dead-letter-exchange", exchange.as_str());
    set_text(&mut arguments, "x-dead-letter-strategy", "at-least-once");
    arguments
}

fn quorum(delivery_limit: i64) -> FieldTable {
    let mut arguments = FieldTable::default();
    set_text(&mut arguments, "x-queue-type", "quorum");
    set_number(&mut arguments, "x-delivery-limit", delivery_limit);
    arguments
}

/// The queue that makes a leader: of its consumers one is active. It holds one message, which says nothing.
pub(super) fn seat() -> FieldTable {
    let mut arguments = register();
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    arguments
}

/// A queue of one message, the last one. It has no dead letters, so its limit of deliveries is out of reach.
pub(super) fn register() -> FieldTable {
    let mut arguments = quorum(DEAD_DELIVERY_LIMIT);
    set_number(&mut arguments, "x-max-length", 1);
    set_text(&mut arguments, "x-overflow", "drop-head");
    arguments
}

/// A queue of what processes want at the moment: kept by nobody, old after seconds, said again when lost.
pub(super) fn wants() -> FieldTable {
    let mut arguments = FieldTable::default();
    set_text(&mut arguments, "x-queue-type", "classic");
    set_number(&mut arguments, "x-message-ttl", 3_000);
    set_number(&mut arguments, "x-max-length", 10_000);
    arguments
}

/// A queue of orders.
pub(super) fn orders() -> FieldTable {
    quorum(DEAD_DELIVERY_LIMIT)
}

fn set_text(arguments: &mut FieldTable, name: &str, value: &str) {
    arguments.insert(name.into(), AMQPValue::LongString(value.into()));
}

fn set_number(arguments: &mut FieldTable, name: &str, value: i64) {
    arguments.insert(name.into(), AMQPValue::LongLongInt(value));
}

async fn declare_exchange(
    channel: &Channel,
    name: ShortString,
    kind: ExchangeKind,
) -> Result<(), BrokerError> {
    let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let declared = channel.exchange_declare(name.clone(), kind, options, FieldTable::default()).await;
    declared.map_err(|error| refuse("exchange", &name, &error))
}

pub(super) async fn declare_queue(
    channel: &Channel,
    name: ShortString,
    arguments: FieldTable,
) -> Result<(), BrokerError> {
    let declared = channel.queue_declare(name.clone(), QueueDeclareOptions::durable(), arguments).await;
    declared.map(|_| ()).map_err(|error| refuse("queue", &name, &error))
}

async fn bind(
    channel: &Channel,
    queue: ShortString,
    exchange: ShortString,
    key: ShortString,
) -> Result<(), BrokerError> {
    let bound =
        channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default()).await;
    bound.map_err(|error| fault::of(&error))
}

fn refuse(what: &str, name: &ShortString, error: &lapin::Error) -> BrokerError {
    match fault::of(error) {
        BrokerError::Refused(text) if fault::is_differing(error) => BrokerError::Refused(format!(
            "the {what} {name} is there with other arguments ({text}): empty and delete it, then run `ua setup`"
        )),
        other => other,
    }
}
