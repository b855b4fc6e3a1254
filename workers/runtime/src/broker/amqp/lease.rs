//! Leases: which deliveries this process holds, how they are settled, and how dropped ones are requeued.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::interval;
use tracing::{debug, warn};

use super::Inner;
use super::ack_channel::AckChannel;
use super::publisher::Unpublished;
use super::wire::Parcel;
use crate::{BrokerError, Headers, Message};

/// Interval at which [`Lease::lapse`] checks the lease.
const LOOK: Duration = Duration::from_millis(100);

/// An unsettled delivery.
pub(super) struct Held {
    id: u64,
    tag: u64,
    ack_channel: Arc<AckChannel>,
    parcel: Parcel,
}

/// All unsettled deliveries of this process, in buffers or in progress.
#[derive(Default)]
pub(super) struct Holdings {
    next: AtomicU64,
    held: Mutex<HashMap<u64, Arc<Held>>>,
}

impl Holdings {
    fn add(&self, tag: u64, ack_channel: Arc<AckChannel>, parcel: Parcel) -> Arc<Held> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let held = Arc::new(Held { id, tag, ack_channel, parcel });
        self.all().insert(id, Arc::clone(&held));
        held
    }

    fn forget(&self, held: &Held) {
        self.all().remove(&held.id);
    }

    /// Returns false if closing the handle requeued the delivery, or if its channel is closed and the broker
    /// redelivers it.
    fn still_has(&self, held: &Held) -> bool {
        self.all().contains_key(&held.id) && held.ack_channel.is_open()
    }

    /// Returns all held deliveries in the order of arrival.
    pub(super) fn everything(&self) -> Vec<Arc<Held>> {
        let mut everything: Vec<_> = self.all().values().cloned().collect();
        everything.sort_by_key(|held| held.id);
        everything
    }

    /// Forgets all deliveries, as a crash would.
    pub(super) fn forget_everything(&self) {
        self.all().clear();
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Holdings({})", self.all().len())
    }
}

/// A lease on one delivery. Dropping it unsettled requeues the message.
pub(crate) struct Lease {
    inner: Arc<Inner>,
    held: Arc<Held>,
    settled: bool,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.held.tag)
    }
}

impl Lease {
    pub(super) fn new(inner: Arc<Inner>, tag: u64, ack_channel: Arc<AckChannel>, parcel: Parcel) -> Self {
        let held = inner.holdings.add(tag, ack_channel, parcel);
        Self { inner, held, settled: false }
    }

    pub(crate) async fn ack(self) -> Result<(), BrokerError> {
        self.check()?;
        self.finish().await
    }

    pub(crate) async fn park(self, headers: Headers, delay: Duration) -> Result<(), BrokerError> {
        let mut parcel = self.check()?.clone();
        parcel.message.headers = headers;
        let route = match self.inner.ladder.rungs.contains(&delay) {
            true => self.inner.names.back_after(delay),
            // The ladder has no rungs.
            false => self.inner.names.requeue_route(),
        };
        self.inner.publisher.send(&route, vec![parcel]).await.map_err(error_of)?;
        self.finish().await
    }

    pub(crate) async fn dead_letter(self, dead: Message) -> Result<(), BrokerError> {
        self.check()?;
        // A dead letter starts with no crashes, or they would dead-letter it a second time.
        let parcel = Parcel { message: dead, crashes: 0 };
        self.inner.publisher.send(&self.inner.names.publish_route(), vec![parcel]).await.map_err(error_of)?;
        self.finish().await
    }

    pub(crate) async fn requeue(self, headers: Headers) -> Result<(), BrokerError> {
        let mut parcel = self.check()?.clone();
        parcel.message.headers = headers;
        self.inner.republish(vec![parcel]).await?;
        self.finish().await
    }

    /// Returns when the lease is lost.
    pub(crate) fn lapse(&self) -> impl Future<Output = ()> + Send + use<> {
        let (inner, held) = (Arc::clone(&self.inner), Arc::clone(&self.held));
        async move {
            // lapin has no notification for a closed channel, so the state is polled.
            let mut look = interval(LOOK);
            while inner.holdings.still_has(&held) {
                look.tick().await;
            }
        }
    }

    /// Hands the delivery over, to be requeued together with others.
    pub(super) fn give_up(mut self) -> Arc<Held> {
        self.settled = true;
        Arc::clone(&self.held)
    }

    fn check(&self) -> Result<&Parcel, BrokerError> {
        if self.inner.holdings.still_has(&self.held) { Ok(&self.held.parcel) } else { Err(self.lost()) }
    }

    fn lost(&self) -> BrokerError {
        BrokerError::LeaseLost(self.held.parcel.message.headers.message_id.clone())
    }

    async fn finish(mut self) -> Result<(), BrokerError> {
        let acked = self.held.ack_channel.ack(self.held.tag).await;
        self.settled = true;
        self.inner.holdings.forget(&self.held);
        acked.map_err(|_| self.lost())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.settled {
            // After the connection closed, nothing receives this: held messages are already requeued.
            let _ = self.inner.returns.send(Arc::clone(&self.held));
        }
    }
}

fn error_of(refusal: Unpublished) -> BrokerError {
    match refusal {
        Unpublished::Broker(error) => error,
        Unpublished::Unroutable(queue) => {
            BrokerError::Refused(format!("no queue {queue} at the broker: run `ua setup`"))
        }
        Unpublished::Full { queue, .. } => BrokerError::Away(format!("the queue {queue} is full")),
    }
}

impl Inner {
    /// Publishes messages unchanged to their own queues.
    async fn republish(&self, parcels: Vec<Parcel>) -> Result<(), BrokerError> {
        self.publisher.send(&self.names.requeue_route(), parcels).await.map_err(error_of)
    }

    /// Requeues deliveries without counting an attempt. If the publish fails, returns them to the broker, which
    /// counts a crash.
    pub(super) async fn requeue(&self, held: Vec<Arc<Held>>) {
        let (held, lost): (Vec<_>, Vec<_>) = held.into_iter().partition(|held| self.holdings.still_has(held));
        lost.iter().for_each(|lost| self.holdings.forget(lost));
        if held.is_empty() {
            return;
        }
        let republished = self.republish(held.iter().map(|held| held.parcel.clone()).collect()).await;
        let settled = match &republished {
            Ok(()) => join_all(held.iter().map(|held| held.ack_channel.ack(held.tag))).await,
            Err(error) => {
                warn!(%error, "cannot hand back {}, returning: {error}", messages::counted(held.len() as u64, "message"));
                join_all(held.iter().map(|held| held.ack_channel.nack(held.tag))).await
            }
        };
        if let Some(error) = settled.into_iter().find_map(Result::err) {
            debug!(%error, "the channel was lost while handing back: {error}");
        }
        held.iter().for_each(|held| self.holdings.forget(held));
    }
}

/// Requeues leases that were dropped unsettled, until the broker's handle is dropped.
pub(super) async fn requeue_dropped(inner: Weak<Inner>, mut dropped: mpsc::UnboundedReceiver<Arc<Held>>) {
    let mut some = Vec::new();
    while dropped.recv_many(&mut some, 256).await > 0 {
        let Some(inner) = inner.upgrade() else { return };
        inner.requeue(std::mem::take(&mut some)).await;
    }
}
