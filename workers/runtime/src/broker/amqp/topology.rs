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

use super::names::{self, Destination, Names};
use super::{auxiliary_queues, fault};
use crate::{BrokerError, Ladder};

/// Deliveries that end in a crash before the broker itself takes a message out of its queue: a net below our own
/// limit of crashes, for workers that die before they can count.
const DELIVERY_LIMIT: i64 = 100;
/// A limit out of reach. Nobody is behind `ua.dead`: a message over its limit would be dropped, and one sent back to
/// the same queue would be dropped as a cycle. Whoever takes dead letters counts crashes itself.
pub(super) const FOREVER: i64 = 1_000_000_000;

/// A queue as it should be, and how messages get into it.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Its name at the broker.
    pub(super) name: ShortString,
    /// Where it is bound.
    pub(super) exchange: ShortString,
    /// By which key; empty at a rung's own exchange, which sends on everything with the key it came with.
    pub(super) key: ShortString,
    pub(super) arguments: FieldTable,
    /// The key of the queue that takes what this one has no room for.
    pub(super) overflow: Option<ShortString>,
}

impl Wanted {
    /// True for a rung: an exchange and a queue of one name.
    pub(super) fn is_rung(&self) -> bool {
        self.exchange == self.name
    }

    /// How a message gets into it.
    pub(super) fn destination(&self) -> Destination {
        Destination { exchange: self.exchange.clone(), key: self.key.clone() }
    }

    /// Declares and binds it.
    pub(super) async fn declare(&self, channel: &Channel) -> Result<(), BrokerError> {
        declare_queue(channel, self.name.clone(), self.arguments.clone()).await?;
        bind(channel, self.name.clone(), self.exchange.clone(), self.key.clone()).await
    }
}

/// Every queue as it should be.
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

/// The queue whose bindings are the cancelled runs. What gets into it says nothing; one message is kept.
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

/// Declares everything.
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

/// Declares the exchanges alone.
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

/// Removes everything [`declare`] declares, with what is in it.
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

/// A rung holds what it gets for its delay and sends it on with its routing key, the queue it came from.
fn rung_arguments(delay: Duration, exchange: &ShortString) -> FieldTable {
    let mut arguments = dead_lettering(exchange);
    set_number(&mut arguments, "x-message-ttl", i64::try_from(delay.as_millis()).unwrap_or(i64::MAX));
    arguments
}

/// What a queue needs that messages are moved through: it takes all there is and never lets go of any by itself.
pub(super) fn shelter_arguments() -> FieldTable {
    quorum(FOREVER)
}

/// At least once is what makes a dead-lettering safe; it needs `reject-publish`.
fn dead_lettering(exchange: &ShortString) -> FieldTable {
    let mut arguments = quorum(DELIVERY_LIMIT);
    set_text(&mut arguments, "x-overflow", "reject-publish");
    set_text(&mut arguments, "x-dead-letter-exchange", exchange.as_str());
    set_text(&mut arguments, "x-dead-letter-strategy", "at-least-once");
    arguments
}

/// A quorum queue.
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

/// Binds, and leaves it to the caller what a refusal means.
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
