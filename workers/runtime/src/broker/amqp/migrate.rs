//! Makes queues anew that are there with other arguments, and loses nothing in them.
//!
//! Each queue's messages go into a shelter, confirmed before they are acked; the empty queue is deleted and
//! declared as it should be; the messages come back in their order. What is published meanwhile goes to the shelter,
//! too. Interrupted at any point, everything is in the queue, in the shelter, or (the chunk on its way) in both, and
//! the next migration goes on from what it finds: a queue that differs is not empty yet, a shelter beside a queue
//! that is right, or beside none, is on its way back.

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

/// How long others may take to let go of a queue: an end of theirs that is under way.
const LETTING_GO: Duration = Duration::from_secs(5);
/// How long messages may be on their way to a queue that nothing is sent to any more.
const ARRIVING: Duration = Duration::from_millis(300);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What became of a queue that was not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// Its name at the broker.
    pub queue: String,
    /// What differed; empty when an interrupted migration had put that right already.
    pub differences: Vec<Difference>,
    /// Messages that came back into it.
    pub messages: u64,
}

/// How far a migration is: the queue, messages moved so far, messages still to be moved.
pub(super) type Told<'a> = &'a mut (dyn FnMut(&str, u64, u64) + Send);

/// Makes every queue as it should be.
pub(super) async fn migrate(inner: &Arc<Inner>, told: Told<'_>) -> Result<Vec<Migrated>, BrokerError> {
    let _lock = lock(inner).await?;
    topology::declare_exchanges(&inner.channel().await?, &inner.names, &inner.ladder).await?;
    let mut wanted = inner.wanted()?;
    // Rungs first, while every queue they lead to is bound: a rung keeps what it cannot pass on where nobody can
    // count it.
    wanted.sort_by_key(|wanted| !wanted.is_rung());
    let mut cases = Vec::new();
    for wanted in wanted {
        cases.extend(Case::of(inner, wanted).await?);
    }
    for wanted in inner.wanted_by_leaders()? {
        cases.extend(Case::of(inner, wanted).await?);
    }
    // Refused as a whole, before anything is touched.
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

/// A queue that only one connection can have: who holds it migrates.
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

/// A queue that has to be made anew, or whose messages have to come back.
struct Case {
    wanted: Wanted,
    shelter: ShortString,
    /// Empty when the queue is right, or not there.
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

    /// A fanout exchange before the shelter, so that messages keep the key they came with: a rung's messages know
    /// where they go by it.
    async fn declare_shelter(&self, channel: &Channel) -> Result<(), BrokerError> {
        let shelter = &self.shelter;
        topology::declare_exchange(channel, shelter.clone(), ExchangeKind::Fanout).await?;
        topology::declare_queue(channel, shelter.clone(), topology::shelter_arguments()).await?;
        topology::bind(channel, shelter.clone(), shelter.clone(), ShortString::default()).await
    }
}

/// Waits until nobody takes from a queue or holds messages of it, or says who has to end.
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

/// Makes sure that a queue which nothing is sent to any more is empty. Whoever holds a message of it counts as one
/// who takes from it, so that a queue without either has nothing at all.
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
