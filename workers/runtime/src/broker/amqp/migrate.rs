//! Recreates queues that exist with other arguments, without losing their messages.
//!
//! The messages of a queue move to a shelter queue, confirmed before they are acked. The empty queue is deleted and
//! declared again, and the messages move back in order. Messages published meanwhile go to the shelter. After an
//! interruption, each message is in the queue, in the shelter or, for the chunk in flight, in both. The next
//! migration continues from what it finds: a queue that differs is not empty yet; a shelter next to a correct or
//! missing queue is moving back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use super::difference::Difference;
use super::mover::{Aim, Mover};
use super::survey::{self, Compared};
use super::topology::{self, Wanted};
use super::{Inner, fault, names};
use crate::BrokerError;

/// How long to wait for other consumers of a queue that are shutting down.
const LETTING_GO: Duration = Duration::from_secs(5);
/// How long messages may be in flight to a queue after its last publisher is unbound.
const ARRIVING: Duration = Duration::from_millis(300);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The result of migrating one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The queue's name at the broker.
    pub queue: String,
    /// The differences found; empty if an interrupted migration had already corrected them.
    pub differences: Vec<Difference>,
    /// Number of messages that moved back.
    pub messages: u64,
}

/// Progress callback: the queue, messages moved so far, messages left.
pub(super) type Told<'a> = &'a mut (dyn FnMut(&str, u64, u64) + Send);

/// Migrates every queue that differs or has a shelter.
pub(super) async fn migrate(inner: &Arc<Inner>, told: Told<'_>) -> Result<Vec<Migrated>, BrokerError> {
    let _lock = lock(inner).await?;
    topology::declare_exchanges(&inner.channel().await?, &inner.names, &inner.ladder).await?;
    let mut wanted = inner.wanted()?;
    // Rungs first, while the queues they lead to are bound: a rung keeps messages that it cannot pass on, and does
    // not count them as ready.
    wanted.sort_by_key(|wanted| !wanted.is_rung());
    let mut cases = Vec::new();
    for wanted in wanted {
        cases.extend(Case::of(inner, wanted).await?);
    }
    for wanted in inner.wanted_by_leaders()? {
        cases.extend(Case::of(inner, wanted).await?);
    }
    // Check all queues before changing any.
    for case in cases.iter().filter(|case| !case.differences.is_empty()) {
        alone(inner, &case.wanted.name).await?;
    }
    let mut migrated = Vec::new();
    for case in cases {
        let queue = case.wanted.name.to_string();
        let messages = case.put_right(inner, told).await?;
        migrated.push(Migrated { queue, differences: case.differences, messages });
    }
    Ok(migrated)
}

/// Declares an exclusive queue as a lock: only the connection that holds it migrates.
async fn lock(inner: &Inner) -> Result<Channel, BrokerError> {
    let channel = inner.channel().await?;
    let options = QueueDeclareOptions { exclusive: true, ..Default::default() };
    let declared = channel.queue_declare(inner.names.migration(), options, FieldTable::default()).await;
    declared.map(|_| ()).map_err(|error| match fault::is_locked(&error) {
        true => BrokerError::Refused("another migration is under way: wait for its end".to_owned()),
        false => fault::of(&error),
    })?;
    Ok(channel)
}

/// A queue to recreate, or whose messages must move back.
struct Case {
    wanted: Wanted,
    shelter: ShortString,
    /// Empty if the queue is correct or missing.
    differences: Vec<Difference>,
}

impl Case {
    async fn of(inner: &Inner, wanted: Wanted) -> Result<Option<Self>, BrokerError> {
        let shelter = names::shelter(&wanted.name);
        let sheltered = survey::count(inner, &shelter).await?.is_some();
        let differences = match survey::count(inner, &wanted.name).await? {
            None => Vec::new(),
            Some(_) => match survey::differences(inner, &wanted).await? {
                Compared::Told(differences) => differences,
                Compared::Forbidden(why) => {
                    let text = format!("{why}; look at the rights of the user in AMQP_URL");
                    return Err(BrokerError::Refused(text));
                }
            },
        };
        let right = differences.is_empty() && !sheltered;
        Ok((!right).then_some(Self { wanted, shelter, differences }))
    }

    async fn put_right(&self, inner: &Arc<Inner>, told: Told<'_>) -> Result<u64, BrokerError> {
        let Wanted { name, exchange, key, overflow, .. } = &self.wanted;
        let channel = inner.channel().await?;
        self.declare_shelter(&channel).await?;
        if !self.differences.is_empty() {
            unbind(&channel, name, exchange, key).await?;
            topology::bind(&channel, self.shelter.clone(), exchange.clone(), key.clone()).await?;
            let aim = Aim { exchange: self.shelter.clone(), key: None, overflow: None };
            Mover::new(inner, name.clone(), aim).move_all(told).await?;
            nothing_is_left(inner, name).await?;
            delete(&channel, name).await?;
        }
        unbind(&channel, &self.shelter, exchange, key).await?;
        self.wanted.declare(&channel).await?;
        let key = (!self.wanted.is_rung()).then(|| key.clone());
        let aim = Aim { exchange: exchange.clone(), key, overflow: overflow.clone() };
        let moved = Mover::new(inner, self.shelter.clone(), aim).move_all(told).await?;
        nothing_is_left(inner, &self.shelter).await?;
        let deleted = channel.exchange_delete(self.shelter.clone(), ExchangeDeleteOptions::default()).await;
        deleted.map_err(|error| fault::of(&error))?;
        delete(&channel, &self.shelter).await?;
        Ok(moved)
    }

    /// Declares the shelter behind a fanout exchange, so that messages keep their routing key. A rung's messages need
    /// it to reach their queue.
    async fn declare_shelter(&self, channel: &Channel) -> Result<(), BrokerError> {
        let shelter = &self.shelter;
        topology::declare_exchange(channel, shelter.clone(), ExchangeKind::Fanout).await?;
        topology::declare_queue(channel, shelter.clone(), topology::shelter_arguments()).await?;
        topology::bind(channel, shelter.clone(), shelter.clone(), ShortString::default()).await
    }
}

/// Waits until a queue has no consumers, or returns an error that asks to stop them.
async fn alone(inner: &Inner, queue: &ShortString) -> Result<(), BrokerError> {
    let begin = Instant::now();
    loop {
        match survey::count(inner, queue).await? {
            None | Some((_, 0)) => return Ok(()),
            Some((_, consumers)) if begin.elapsed() > LETTING_GO => {
                let who = if consumers == 1 { "somebody takes" } else { "several workers take" };
                return Err(BrokerError::Refused(format!(
                    "{who} from {queue}: stop the workers, then run `ua setup --migrate` again"
                )));
            }
            Some(_) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

/// Checks that a queue without publishers is empty. It also has no consumers, so it has no unacked messages either.
async fn nothing_is_left(inner: &Inner, queue: &ShortString) -> Result<(), BrokerError> {
    tokio::time::sleep(ARRIVING).await;
    alone(inner, queue).await?;
    match survey::count(inner, queue).await? {
        None | Some((0, 0)) => Ok(()),
        Some(_) => Err(BrokerError::Refused(format!(
            "{queue} does not stay empty: stop whoever publishes to it, then run `ua setup --migrate` again"
        ))),
    }
}

async fn unbind(
    channel: &Channel,
    queue: &ShortString,
    exchange: &ShortString,
    key: &ShortString,
) -> Result<(), BrokerError> {
    let unbound =
        channel.queue_unbind(queue.clone(), exchange.clone(), key.clone(), FieldTable::default()).await;
    unbound.map_err(|error| fault::of(&error))
}

async fn delete(channel: &Channel, queue: &ShortString) -> Result<(), BrokerError> {
    let deleted = channel.queue_delete(queue.clone(), QueueDeleteOptions::default()).await;
    deleted.map(|_| ()).map_err(|error| fault::of(&error))
}
