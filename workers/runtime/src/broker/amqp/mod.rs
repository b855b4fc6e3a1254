//! The RabbitMQ broker: quorum queues, confirmed publishes, delays on rungs, and automatic reconnects.
//!
//! Only this module uses AMQP. It has two connections, so that acks pass while the broker blocks publishers.

mod ack_channel;
mod address;
mod auxiliary_queues;
mod buffer;
mod cancelled;
mod consumer;
mod delay_queue_filter;
mod difference;
mod fault;
#[doc(hidden)]
pub mod fuzz;
mod lead;
mod leader_rpc;
mod lease;
mod link;
mod migrate;
mod mover;
mod names;
mod peek;
mod presence;
mod probe;
mod publisher;
mod queue_filter;
mod rights;
mod settings;
mod subscriber;
mod survey;
mod token_transport;
mod topology;
mod version;
mod window;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lapin::Channel;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions, QueuePurgeOptions};
use messages::Queue;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

pub use self::consumer::Consumer;
pub(super) use self::delay_queue_filter::DelayQueueFilter;
pub use self::difference::Difference;
pub use self::lead::Lead;
pub use self::leader_rpc::RequestMessage;
pub(super) use self::lease::Lease;
pub use self::migrate::Migrated;
pub use self::probe::Probe;
pub(super) use self::queue_filter::RotatingFilter;
pub use self::rights::Rights;
pub use self::settings::AmqpSettings;
pub use self::survey::{QueueState, Survey, Surveyed};
pub(crate) use self::token_transport::{Incoming, TokenChannel, TokenServer};

use self::address::Address;
use self::lease::{Held, Holdings};
use self::link::{Availability, Link};
use self::names::Names;
use self::publisher::{Publisher, Unpublished};
use self::topology::Wanted;
use self::wire::Parcel;
use super::{BrokerError, Depth, Ladder, PublishError, Subscription};
use crate::lift::{Lift, Lifts};
use crate::{Message, WorkerInfo};

/// How long a request, or the first connection, waits for a broker that is away.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long requeueing held messages may take when the handle is closed.
const CLOSE_TIME: Duration = Duration::from_secs(10);

/// A handle to RabbitMQ; clones share it.
#[derive(Clone)]
pub struct Amqp {
    inner: Arc<Inner>,
}

struct Inner {
    address: Arc<Address>,
    version: String,
    names: Names,
    connection_name: String,
    ladder: Ladder,
    documents_limit: usize,
    leads: Vec<String>,
    lifts: Lifts,
    buffer_life: Duration,
    availability: Arc<Availability>,
    publishing: Arc<Link>,
    consuming: Link,
    publisher: Publisher,
    /// Channel for queries about cancelled runs.
    asking: AsyncMutex<Option<Channel>>,
    holdings: Holdings,
    returns: mpsc::UnboundedSender<Arc<Held>>,
    stop: CancellationToken,
    tasks: TaskTracker,
    closed: AtomicBool,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Amqp")
            .field("address", &self.address)
            .field("version", &self.version)
            .field("names", &self.names)
            .field("holdings", &self.holdings)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Amqp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Amqp {
    /// Connects, checks the broker's version, and declares the topology.
    ///
    /// # Errors
    /// When the broker is away, too old, or refuses the user or the topology.
    pub async fn connect(settings: AmqpSettings) -> Result<Self, BrokerError> {
        let amqp = Self::open(settings).await?;
        amqp.declare().await?;
        Ok(amqp)
    }

    /// Connects and checks the broker's version. Declares nothing, so it also works for a user without that
    /// permission.
    ///
    /// # Errors
    /// When the broker is away, too old, or refuses the user.
    pub async fn open(settings: AmqpSettings) -> Result<Self, BrokerError> {
        let address = Arc::new(Address::parse(&settings.url, settings.ca_cert.as_deref())?);
        let availability = Arc::<Availability>::default();
        let link = |role: &str| {
            let name = format!("{} ({role})", settings.connection_name);
            Link::new(Arc::clone(&address), name, Arc::clone(&availability))
        };
        let publishing = Arc::new(link("publishing"));
        let consuming = link("consuming");
        let version = publishing.insist(Some(PATIENCE), || version::ask(&address)).await?;
        let (returns, dropped) = mpsc::unbounded_channel();
        let inner = Arc::new(Inner {
            address,
            version,
            names: Names::new(&settings.prefix),
            connection_name: settings.connection_name.clone(),
            ladder: settings.ladder,
            documents_limit: settings.documents_limit,
            leads: settings.leads,
            lifts: Lifts::default(),
            buffer_life: settings.buffer_life,
            availability,
            publisher: Publisher::new(Arc::clone(&publishing)),
            publishing,
            asking: AsyncMutex::default(),
            consuming,
            holdings: Holdings::default(),
            returns,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            closed: AtomicBool::new(false),
        });
        tokio::spawn(lease::requeue_dropped(Arc::downgrade(&inner), dropped));
        Ok(Self { inner })
    }

    /// Declares exchanges and queues. Idempotent.
    ///
    /// # Errors
    /// When the broker is away, or a queue or exchange exists with other arguments.
    pub async fn declare(&self) -> Result<(), BrokerError> {
        let inner = &self.inner;
        let channel = self.inner.channel().await?;
        topology::declare(&channel, &inner.names, &inner.ladder, inner.documents_limit).await
    }

    /// Compares the broker's queues with the wanted ones, and finds the user's permissions. Changes nothing. Needs no
    /// permissions, but finds less without them. Skips missing queues of a leadership, since the first leader
    /// declares them.
    ///
    /// # Errors
    /// When the broker is away.
    pub async fn survey(&self) -> Result<Survey, BrokerError> {
        survey::survey(&self.inner).await
    }

    /// Returns the alarm (memory or disk) for which the broker refuses publishes, if one is active. Call it last:
    /// during an alarm the broker may stop reading from this connection.
    pub async fn takes_none(&self) -> Option<String> {
        survey::takes_none(&self.inner).await
    }

    /// Recreates queues that exist with other arguments; their messages keep order and headers. Also completes an
    /// interrupted migration. `told` receives the queue, the number of moved messages, and the number left.
    ///
    /// May be dropped at any point and called again. Up to 50 messages may then be duplicated, which at-least-once
    /// delivery permits.
    ///
    /// # Errors
    /// When such a queue has consumers (nothing was changed), or the user may not declare. When the broker is away,
    /// all messages stay in the queue or its shelter.
    pub async fn migrate(
        &self,
        mut told: impl FnMut(&str, u64, u64) + Send,
    ) -> Result<Vec<Migrated>, BrokerError> {
        migrate::migrate(&self.inner, &mut told).await
    }

    /// Deletes exchanges and queues with all messages. For tests.
    #[doc(hidden)]
    pub async fn remove(&self) -> Result<(), BrokerError> {
        let channel = self.inner.channel().await?;
        topology::remove(&channel, &self.inner.names, &self.inner.ladder).await
    }

    /// Deletes the queues of a leadership with their messages. For tests.
    #[doc(hidden)]
    pub async fn remove_lead(&self, name: &str) -> Result<(), BrokerError> {
        let (channel, names) = (self.inner.channel().await?, &self.inner.names);
        let wants = names.auxiliary("wants", name)?;
        for queue in
            [names.lead(name)?, names.state(name)?, names.state_copy(name)?, names.commands(name)?, wants]
        {
            let deleted = channel.queue_delete(queue, QueueDeleteOptions::default()).await;
            deleted.map_err(|error| fault::of(&error))?;
        }
        let news = names.auxiliary("news", name)?;
        let deleted = channel.exchange_delete(news, ExchangeDeleteOptions::default()).await;
        deleted.map_err(|error| fault::of(&error))
    }

    /// The broker's version, as it reports it.
    pub fn version(&self) -> &str {
        &self.inner.version
    }

    pub(super) fn ladder(&self) -> &Ladder {
        &self.inner.ladder
    }

    pub(super) fn documents_limit(&self) -> usize {
        self.inner.documents_limit
    }

    pub(super) async fn publish(&self, batch: Vec<Message>) -> Result<(), PublishError> {
        let parcels = batch.into_iter().map(|message| Parcel { message, crashes: 0 }).collect();
        let published = self.inner.publisher.send(&self.inner.names.publish_route(), parcels).await;
        published.map_err(|refusal| match refusal {
            Unpublished::Full { queue, rest } => {
                PublishError::Full { queue, rest: rest.into_iter().map(|parcel| parcel.message).collect() }
            }
            Unpublished::Unroutable(queue) => PublishError::Unroutable { queue },
            Unpublished::Broker(error) => PublishError::Broker(error),
        })
    }

    pub(super) fn consume(&self, subscriptions: Vec<Subscription>) -> Consumer {
        Consumer::new(Arc::clone(&self.inner), subscriptions)
    }

    pub(super) async fn depth(&self, queue: &Queue) -> Result<Depth, BrokerError> {
        let found = self.inner.look(queue).await?;
        let mut ready = found.message_count().into();
        if let Some(returned) = names::returned(queue) {
            ready += u64::from(self.inner.look(&returned).await?.message_count());
        }
        Ok(Depth { ready, leased: None, delayed: None, consumers: found.consumer_count().into() })
    }

    pub(super) async fn parked(&self) -> Result<u64, BrokerError> {
        let mut parked = 0;
        for rung in &self.inner.ladder.rungs {
            let rung = self.inner.names.logical(self.inner.names.rung(*rung).as_str());
            parked += u64::from(self.inner.look(&rung).await?.message_count());
        }
        Ok(parked)
    }

    pub(super) async fn serve_presence(&self, info: impl Fn() -> WorkerInfo) {
        presence::serve(&self.inner, info).await;
    }

    pub(super) async fn list_workers(&self, patience: Duration) -> Result<Vec<WorkerInfo>, BrokerError> {
        presence::list(&self.inner, patience).await
    }

    pub(super) async fn lift(&self, lift: &Lift) -> Result<(), BrokerError> {
        presence::lift(&self.inner, lift).await
    }

    pub(super) fn lifts(&self) -> &Lifts {
        &self.inner.lifts
    }

    pub(super) async fn purge(&self, queue: &Queue) -> Result<(), BrokerError> {
        let channel = self.inner.channel().await?;
        for queue in [Some(queue.clone()), names::returned(queue)].into_iter().flatten() {
            let name = self.inner.names.physical(&queue).ok_or_else(|| unknown(&queue))?;
            let purged = channel.queue_purge(name, QueuePurgeOptions::default()).await;
            purged.map_err(|error| missing_or(&queue, &error))?;
        }
        Ok(())
    }

    pub(super) async fn crash(&self) {
        self.inner.closed.store(true, Ordering::Release);
        self.inner.holdings.forget_everything();
        self.inner.cut().await;
        self.inner.stop.cancel();
    }

    pub(super) async fn close(&self) {
        if self.inner.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.inner.stop.cancel();
        self.inner.tasks.close();
        let handing_back = async {
            self.inner.tasks.wait().await;
            self.inner.requeue(self.inner.holdings.everything()).await;
        };
        if tokio::time::timeout(CLOSE_TIME, handing_back).await.is_err() {
            warn!(
                "not everything held could be handed back; the broker gives it to others, counted as a crash"
            );
        }
        self.inner.cut().await;
    }
}

impl Inner {
    /// Opens a channel for one request, since an error closes its channel.
    async fn channel(&self) -> Result<Channel, BrokerError> {
        self.publishing.insist(Some(PATIENCE), || self.publishing.channel()).await
    }

    /// The wanted work queues.
    fn wanted(&self) -> Result<Vec<Wanted>, BrokerError> {
        topology::wanted(&self.names, &self.ladder, self.documents_limit)
    }

    /// The wanted queues of each leadership.
    fn wanted_by_leaders(&self) -> Result<Vec<Wanted>, BrokerError> {
        let of_each: Result<Vec<_>, _> =
            self.leads.iter().map(|name| auxiliary_queues::of_leadership(&self.names, name)).collect();
        Ok(of_each?.into_iter().flatten().collect())
    }

    async fn look(&self, queue: &Queue) -> Result<lapin::Queue, BrokerError> {
        self.peek_queue(queue).await?.ok_or_else(|| unknown(queue))
    }

    async fn cut(&self) {
        self.publisher.close();
        tokio::join!(self.consuming.close(), self.publishing.close());
    }
}

fn missing_or(queue: &Queue, error: &lapin::Error) -> BrokerError {
    if fault::is_missing(error) { unknown(queue) } else { fault::of(error) }
}

fn unknown(queue: &Queue) -> BrokerError {
    BrokerError::Refused(format!("no queue {queue} at the broker: run `ua setup`"))
}
