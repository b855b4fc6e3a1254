//! What the user may do, found out by asking for what changes nothing: RabbitMQ looks at the rights first, and finds
//! only then that there is nothing to do.
//!
//! Every exchange and queue is asked for by its own name, and a name like them for those that are made as they are
//! needed: a pattern may leave out any of them.

use lapin::ExchangeKind;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    ExchangeUnbindOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::names::Destination;
use super::survey::{QueueState, Surveyed};
use super::{Inner, auxiliary_queues, fault};
use crate::BrokerError;

/// A key that nothing is bound by.
pub(super) const NOWHERE: &str = "ua.check.nowhere";
/// What queues are made for while work goes on; with the name of each comes one that nobody else has.
const MADE_AT_WORK: [&str; 7] = ["lead", "kept", "orders", "wants", "tokens", "answers", "roll"];

/// What the user may do, with the broker's words where it first refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Declaring (to configure): `None` when allowed.
    pub declare: Option<String>,
    /// Publishing and binding (to write): `None` when allowed.
    pub publish: Option<String>,
    /// Taking, and binding to exchanges (to read): `None` when allowed.
    pub take: Option<String>,
    /// Publishing to the exchange that leads to every queue, which only answers to presence requests of those who may
    /// not declare need: `None` when allowed.
    pub default_exchange: Option<String>,
}

/// Asks for every right on everything that is needed.
pub(super) async fn find_out(
    inner: &Inner,
    queues: &[Surveyed],
    rights: &mut Rights,
) -> Result<(), BrokerError> {
    let main = inner.names.exchange();
    for (exchange, kind) in exchanges(inner)? {
        note(&mut rights.declare, declares(inner, &exchange, kind).await?);
        // To itself the main exchange is not bound; it is published to.
        if exchange != main {
            binds(inner, Bound::Exchange(&exchange), &main, rights).await?;
        }
    }
    for queue in queues.iter().filter(|queue| queue.state != QueueState::Missing) {
        let name = ShortString::from(queue.name.as_str());
        note(&mut rights.take, takes(inner, &name).await?);
        binds(inner, Bound::Queue(&name), &main, rights).await?;
    }
    for what in MADE_AT_WORK {
        let name = inner.names.unique(what)?;
        note(&mut rights.declare, deletes(inner, &name).await?);
        note(&mut rights.take, gets(inner, &name).await?);
        binds(inner, Bound::Queue(&name), &main, rights).await?;
    }
    let own = inner.names.unique("roll")?;
    binds(inner, Bound::Queue(&own), &inner.names.presence_exchange(), rights).await?;
    Ok(())
}

fn note(right: &mut Option<String>, refusal: Option<String>) {
    if let Some(why) = refusal {
        right.get_or_insert(why);
    }
}

/// Every exchange that is needed.
fn exchanges(inner: &Inner) -> Result<Vec<(ShortString, ExchangeKind)>, BrokerError> {
    let names = &inner.names;
    let mut all =
        vec![(names.exchange(), ExchangeKind::Direct), (names.presence_exchange(), ExchangeKind::Fanout)];
    all.extend(inner.ladder.rungs.iter().map(|rung| (names.rung(*rung), ExchangeKind::Fanout)));
    for name in &inner.leads {
        all.push((names.auxiliary("news", name)?, ExchangeKind::Fanout));
    }
    Ok(all)
}

/// Whether the user may declare an exchange: by declaring one that is there once more.
async fn declares(
    inner: &Inner,
    exchange: &ShortString,
    kind: ExchangeKind,
) -> Result<Option<String>, BrokerError> {
    let looking = ExchangeDeclareOptions { passive: true, ..Default::default() };
    let declaring = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let channel = inner.channel().await?;
    let none = FieldTable::default;
    match channel.exchange_declare(exchange.clone(), kind.clone(), looking, none()).await {
        Ok(()) => refusal(channel.exchange_declare(exchange.clone(), kind, declaring, none()).await),
        // One that is not there, or is of another kind, is told of by who sets up.
        Err(error) => refusal(Err(error)),
    }
}

/// Whether the user may declare a queue: by deleting one that there never is.
async fn deletes(inner: &Inner, queue: &ShortString) -> Result<Option<String>, BrokerError> {
    let channel = inner.channel().await?;
    refusal(channel.queue_delete(queue.clone(), QueueDeleteOptions::default()).await.map(|_| ()))
}

/// Whether the user may take from a queue that is there: asks for it in a way that is refused for another reason
/// once the right is established, so that nothing is ever delivered.
async fn takes(inner: &Inner, queue: &ShortString) -> Result<Option<String>, BrokerError> {
    let channel = inner.channel().await?;
    let mut impossible = FieldTable::default();
    impossible.insert("x-priority".into(), AMQPValue::LongString("none".into()));
    let (tag, options) = (ShortString::default(), BasicConsumeOptions::default());
    refusal(channel.basic_consume(queue.clone(), tag, options, impossible).await.map(|_| ()))
}

/// Whether the user may take from a queue that there never is.
async fn gets(inner: &Inner, queue: &ShortString) -> Result<Option<String>, BrokerError> {
    let channel = inner.channel().await?;
    refusal(channel.basic_get(queue.clone(), BasicGetOptions::default()).await.map(|_| ()))
}

/// What is bound to an exchange.
enum Bound<'a> {
    Exchange(&'a ShortString),
    Queue(&'a ShortString),
}

/// Whether the user may write to what is bound and read where it is bound: by undoing a binding that there never is.
async fn binds(
    inner: &Inner,
    bound: Bound<'_>,
    to: &ShortString,
    rights: &mut Rights,
) -> Result<(), BrokerError> {
    let channel = inner.channel().await?;
    let (to, key, none) = (to.clone(), ShortString::from(NOWHERE), FieldTable::default());
    let undone = match bound {
        Bound::Exchange(name) => {
            let options = ExchangeUnbindOptions::default();
            channel.exchange_unbind(name.clone(), to, key, options, none).await
        }
        Bound::Queue(name) => channel.queue_unbind(name.clone(), to, key, none).await,
    };
    let Some(why) = refusal(undone)? else { return Ok(()) };
    let refused = match bound {
        Bound::Exchange(name) => format!("exchange '{name}' "),
        Bound::Queue(name) => format!("queue '{name}' "),
    };
    // The broker says on what the right is missing; which of both was asked for follows.
    let right = if why.contains(&refused) { &mut rights.publish } else { &mut rights.take };
    note(right, Some(why));
    Ok(())
}

/// Whether the user may publish to whatever queue there is: by publishing to one that there never is.
/// Ask last, and not a broker that takes no messages.
pub(super) async fn publishes_everywhere(inner: &Inner) -> Result<Option<String>, BrokerError> {
    let channel = inner.channel().await?;
    let selected = channel.confirm_select(ConfirmSelectOptions::default()).await;
    selected.map_err(|error| fault::of(&error))?;
    let destination = Destination { exchange: ShortString::default(), key: inner.names.nothing() };
    match auxiliary_queues::publish_to(&channel, &destination, b"", lapin::BasicProperties::default()).await {
        Err(BrokerError::Refused(why)) => Ok(Some(why)),
        // It came back, or the broker takes nothing for now: either way it was let in.
        _ => Ok(None),
    }
}

/// The broker's words when it refuses for want of a right; for any other reason it had been granted.
fn refusal(asked: lapin::Result<()>) -> Result<Option<String>, BrokerError> {
    match asked {
        Err(error) if fault::is_forbidden(&error) => Ok(Some(fault::words(&error))),
        Err(error) if fault::is_missing(&error) || fault::is_differing(&error) => Ok(None),
        Err(error) => Err(fault::of(&error)),
        Ok(()) => Ok(None),
    }
}
