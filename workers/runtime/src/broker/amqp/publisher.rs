//! Publishes batches over a pool of channels with confirms, one batch per channel, and retries failed passes.

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

/// Maximum number of batches in flight.
const CHANNELS: usize = 8;
/// How long a publisher waits for a broker that is away. Longer than a broker restart takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a batch was not published completely.
#[derive(Debug)]
pub(super) enum Unpublished {
    /// A bounded queue is full; every message not in `rest` is confirmed.
    Full { queue: Queue, rest: Vec<Parcel> },
    /// The queue does not exist.
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
    /// True while the bounded queue refuses: the next pass then starts with one message instead of 200.
    full: AtomicBool,
}

impl Publisher {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link, idle: Mutex::default(), permits: Semaphore::new(CHANNELS), full: AtomicBool::new(false) }
    }

    /// Publishes the parcels by one route; returns when all are confirmed. After a lost connection, publishes
    /// unconfirmed ones again.
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
                // The channel may still receive other returned messages, so it is not reused.
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
                // Of the other queues, only one without a quorum of its members nacks.
                End::Nacked(queue) => {
                    let error = BrokerError::Away(format!("the queue {queue} takes no messages"));
                    self.wait_out(error, begin, &mut pauses).await?;
                }
            }
        }
        Ok(())
    }

    /// Ends all further publishing.
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
