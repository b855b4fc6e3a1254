//! Publishing: a few channels with confirms, each lent to one batch at a time, and what to do when a pass fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lapin::Channel;
use lapin::options::ConfirmSelectOptions;
use messages::Queue;
use tokio::sync::Semaphore;

use super::fault;
use super::link::{self, Link};
use super::names::Route;
use super::window::{self, End};
use super::wire::Parcel;
use crate::BrokerError;

/// Batches that are on their way at once.
const CHANNELS: usize = 8;
/// How long a publisher waits for a broker that is away. Longer than a broker takes to start again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a batch was not published as a whole.
#[derive(Debug)]
pub(super) enum Unpublished {
    /// A bounded queue is full; everything not in `rest` is confirmed.
    Full { queue: Queue, rest: Vec<Parcel> },
    /// There is no such queue.
    Unroutable(Queue),
    /// The broker is away or refuses.
    Broker(BrokerError),
}

impl From<BrokerError> for Unpublished {
    fn from(error: BrokerError) -> Self {
        Self::Broker(error)
    }
}

/// Publishes batches.
#[derive(Debug)]
pub(super) struct Publisher {
    link: Arc<Link>,
    idle: Mutex<Vec<Channel>>,
    permits: Semaphore,
    /// Set while the bounded queue refuses: then one message asks for room, instead of two hundred.
    full: AtomicBool,
}

impl Publisher {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link, idle: Mutex::default(), permits: Semaphore::new(CHANNELS), full: AtomicBool::new(false) }
    }

    /// Publishes each parcel by the same route; returns when all are confirmed.
    /// Whatever was not confirmed before a connection was lost is published again.
    pub(super) async fn send(&self, route: &Route, mut parcels: Vec<Parcel>) -> Result<(), Unpublished> {
        let _permit = self.permits.acquire().await.map_err(|_| link::closed())?;
        let (mut begin, mut pauses) = (Instant::now(), link::pauses());
        while !parcels.is_empty() {
            let patience = PATIENCE.saturating_sub(begin.elapsed());
            let channel = self.link.insist(Some(patience), || self.channel()).await?;
            let cautious = self.full.load(Ordering::Acquire);
            let sending = window::send(&channel, route, &parcels, cautious);
            let (confirmed, end) = self.link.while_open(sending).await?;
            if confirmed.contains(&true) {
                (begin, pauses) = (Instant::now(), link::pauses());
            }
            let mut confirmed = confirmed.into_iter();
            parcels.retain(|_| !confirmed.next().unwrap_or(false));
            match end {
                End::Done => self.put_back(channel, self.full.load(Ordering::Acquire) && route.requeue),
                End::Nacked(queue) if queue == Queue::documents() && !route.requeue => {
                    self.put_back(channel, true);
                    return Err(Unpublished::Full { queue, rest: parcels });
                }
                // A channel that had something returned may still have more to say; it is not used again.
                End::Unroutable(queue) => return Err(Unpublished::Unroutable(queue)),
                End::Lost(
                    error @ (BrokerError::Refused(_)
                    | BrokerError::Misconfigured(_)
                    | BrokerError::Gone(_)
                    | BrokerError::LeaseLost(_)),
                ) => {
                    return Err(error.into());
                }
                End::Lost(error) => self.wait_out(error, begin, &mut pauses).await?,
                // Only a queue without a majority of its members refuses what it has room for.
                End::Nacked(queue) => {
                    let error = BrokerError::Away(format!("the queue {queue} takes no messages"));
                    self.wait_out(error, begin, &mut pauses).await?;
                }
            }
        }
        Ok(())
    }

    /// Lets nobody publish any more.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }

    async fn wait_out(
        &self,
        error: BrokerError,
        begin: Instant,
        pauses: &mut backon::ExponentialBackoff,
    ) -> Result<(), BrokerError> {
        if begin.elapsed() >= PATIENCE {
            return Err(error);
        }
        self.link.pause(pauses).await;
        Ok(())
    }

    async fn channel(&self) -> Result<Channel, BrokerError> {
        while let Some(channel) = { self.idle().pop() } {
            if channel.status().connected() {
                return Ok(channel);
            }
        }
        let channel = self.link.channel().await?;
        let selected = channel.confirm_select(ConfirmSelectOptions::default()).await;
        selected.map_err(|error| fault::of(&error))?;
        Ok(channel)
    }

    fn put_back(&self, channel: Channel, full: bool) {
        self.full.store(full, Ordering::Release);
        self.idle().push(channel);
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
