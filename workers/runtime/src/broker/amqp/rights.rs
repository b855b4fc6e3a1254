//! Finds the user's permissions with operations that change nothing. RabbitMQ checks permissions before it finds that
//! there is nothing to do.
//!
//! Checks every exchange and queue by name, and a sample name for each kind that is created on demand, because a
//! permission pattern may leave out any of them.

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

/// A routing key without bindings.
pub(super) const NOWHERE: &str = "ua.check.nowhere";
/// Kinds of queues that are created on demand; each is checked with a unique name.
const MADE_AT_WORK: [&str; 7] = ["lead", "kept", "orders", "wants", "tokens", "answers", "roll"];

/// The user's permissions, with the broker's message for the first refusal of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Declaring (`configure`): `None` if permitted.
    pub declare: Option<String>,
    /// Publishing and binding (`write`): `None` if permitted.
    pub publish: Option<String>,
    /// Consuming, and binding to exchanges (`read`): `None` if permitted.
    pub take: Option<String>,
    /// Publishing to the default exchange: `None` if permitted. Only replies to presence requests need it, when the
    /// caller may not declare.
    pub default_exchange: Option<String>,
}

/// Checks every permission on everything that is needed.
pub(super) async fn find_out(
    inner: &Inner,
    queues: &[Surveyed],
    rights: &mut Rights,
) -> Result<(), BrokerError> {
    let main = inner.names.exchange();
    for (exchange, kind) in exchanges(inner)? {
        note(&mut rights.declare, declares(inner, &exchange, kind).await?);
        // The main exchange is published to, not bound to itself.
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

/// All exchanges that are needed.
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

/// Checks whether the user may declare an exchange, by declaring an existing one again.
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
        // A missing or different exchange is reported by `ua setup`.
        Err(error) => refusal(Err(error)),
    }
}

/// Checks whether the user may declare a queue, by deleting one that never exists.
async fn deletes(inner: &Inner, queue: &ShortString) -> Result<Option<String>, BrokerError> {
    let channel = inner.channel().await?;
    refusal(channel.queue_delete(queue.clone(), QueueDeleteOptions::default()).await.map(|_| ()))
}

/// Checks whether the user may consume from an existing queue. An invalid argument makes the broker refuse after the
/// permission check, so that nothing is delivered.
async fn takes(inner: &Inner, queue: &ShortString) -> Result<Option<String>, BrokerError> {
    let channel = inner.channel().await?;
    let mut impossible = FieldTable::default();
    impossible.insert("x-priority".into(), AMQPValue::LongString("none".into()));
    let (tag, options) = (ShortString::default(), BasicConsumeOptions::default());
    refusal(channel.basic_consume(queue.clone(), tag, options, impossible).await.map(|_| ()))
}

/// Checks whether the user may consume from a queue that never exists.
async fn gets(inner: &Inner, queue: &ShortString) -> Result<Option<String>, BrokerError> {
    let channel = inner.channel().await?;
    refusal(channel.basic_get(queue.clone(), BasicGetOptions::default()).await.map(|_| ()))
}

/// What is bound to an exchange.
enum Bound<'a> {
    Exchange(&'a ShortString),
    Queue(&'a ShortString),
}

/// Checks whether the user may write to the bound object and read the exchange, by removing a binding that never
/// exists.
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
    // The broker names the object of the missing permission, which tells `write` from `read`.
    let right = if why.contains(&refused) { &mut rights.publish } else { &mut rights.take };
    note(right, Some(why));
    Ok(())
}

/// Checks whether the user may publish to the default exchange, with a message to a queue that never exists. Call
/// last, and not during an alarm.
pub(super) async fn publishes_everywhere(inner: &Inner) -> Result<Option<String>, BrokerError> {
    let channel = inner.channel().await?;
    let selected = channel.confirm_select(ConfirmSelectOptions::default()).await;
    selected.map_err(|error| fault::of(&error))?;
    let destination = Destination { exchange: ShortString::default(), key: inner.names.nothing() };
    match auxiliary_queues::publish_to(&channel, &destination, b"", lapin::BasicProperties::default()).await {
        Err(BrokerError::Refused(why)) => Ok(Some(why)),
        // Returned, or nacked for now: the permission exists in both cases.
        _ => Ok(None),
    }
}

/// Returns the broker's message if a permission is missing. Other refusals mean that it was granted.
fn refusal(asked: lapin::Result<()>) -> Result<Option<String>, BrokerError> {
    match asked {
        Err(error) if fault::is_forbidden(&error) => Ok(Some(fault::words(&error))),
        Err(error) if fault::is_missing(&error) || fault::is_differing(&error) => Ok(None),
        Err(error) => Err(fault::of(&error)),
        Ok(()) => Ok(None),
    }
}
