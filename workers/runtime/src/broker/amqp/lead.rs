//! Leadership over RabbitMQ: candidates consume from one queue of which the broker lets a single consumer be active.
//! Whoever gets its message leads, and is told at once when the leader's connection ends.
//!
//! A leader has a connection of its own with a short heartbeat, and does everything it does as leader over it: one
//! that was stopped for long finds its connection closed, and nothing of it comes through.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection};
use tokio::runtime::Handle;
use tokio::sync::Mutex as AsyncMutex;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::debug;

use super::link::{self, Link};
use super::names::Way;
use super::own::{self, put};
use super::post::{Order, Post};
use super::{Amqp, Inner, fault};
use crate::BrokerError;

/// Seconds between two signs of life: a leader that gives none for about twice that long is deposed.
const HEARTBEAT_SECONDS: u16 = 5;
/// The message that makes a leader is unsettled as long as it leads. It is taken anew well before the broker would
/// close the channel for that (half an hour).
const RENEWAL: Duration = Duration::from_secs(600);
/// The order of the states that were kept: after a crash between two steps there may be two of them.
const SERIAL: &str = "ua-serial";

/// The leadership of a name.
pub struct Lead {
    inner: Arc<Inner>,
    name: String,
    connection: Own,
    /// For what is kept: with confirms.
    keeping: Channel,
    taken: AsyncMutex<Taken>,
    orders: Post,
    lost: CancellationToken,
    /// Dropped, it ends the watch, and that ends the connection.
    _ending: DropGuard,
}

/// The states that were found, not yet replaced by a fresh copy.
#[derive(Debug, Default)]
struct Taken {
    tags: Vec<u64>,
    serial: i64,
}

impl std::fmt::Debug for Lead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lead").field("name", &self.name).field("lost", &self.lost).finish_non_exhaustive()
    }
}

impl Amqp {
    pub(in crate::broker) async fn lead(&self, name: &str) -> Result<Lead, BrokerError> {
        let mut pauses = link::pauses();
        loop {
            let stood = self.inner.stop.run_until_cancelled(self.stand(name)).await;
            match stood.ok_or_else(link::closed)? {
                Err(BrokerError::Away(why)) => debug!("cannot stand for {name} yet: {why}"),
                decided => return decided,
            }
            self.inner.consuming.pause(&mut pauses).await;
        }
    }

    /// Stands once; returns when elected.
    async fn stand(&self, name: &str) -> Result<Lead, BrokerError> {
        let inner = Arc::clone(&self.inner);
        let link = Link::new(
            Arc::new(inner.address.with_heartbeat(HEARTBEAT_SECONDS)),
            format!("{} (leading {name})", inner.connection_name),
            Arc::clone(&inner.outage),
        );
        let connection = Own(Some(link.connect().await?));
        let channel = open(&connection).await?;
        let queue = own::seat(&inner.names, name)?;
        queue.declare(&channel).await?;
        let options = BasicConsumeOptions::default();
        let seat = queue.way();
        let consumer =
            channel.basic_consume(queue.name, ShortString::default(), options, FieldTable::default()).await;
        let mut consumer = consumer.map_err(|error| fault::of(&error))?;
        put(&channel, &seat, b"", BasicProperties::default()).await?;
        let Some(Ok(seated)) = consumer.next().await else {
            return Err(BrokerError::Away("the connection of a candidate was lost".to_owned()));
        };
        let keeping = open(&connection).await?;
        own::kept(&inner.names, name)?.declare(&keeping).await?;
        own::shown(&inner.names, name)?.declare(&keeping).await?;
        let orders = Post::open(open(&connection).await?, &inner.names, name).await?;
        let lost = CancellationToken::new();
        let stop = inner.stop.child_token();
        let watch = Watch { channel, seat, consumer, seated, lost: lost.clone() };
        tokio::spawn(watch.run(stop.clone()));
        debug!("this process leads {name}");
        let (name, taken) = (name.to_owned(), AsyncMutex::default());
        Ok(Lead { inner, name, connection, keeping, taken, orders, lost, _ending: stop.drop_guard() })
    }
}

/// A connection that ends with this value, whoever holds a channel of it yet.
struct Own(Option<Connection>);

impl Own {
    async fn close(mut self) {
        if let Some(connection) = self.0.take() {
            close(connection).await;
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let (Some(connection), Ok(handle)) = (self.0.take(), Handle::try_current()) {
            handle.spawn(close(connection));
        }
    }
}

/// A channel with confirms, and one delivery at a time.
async fn open(connection: &Own) -> Result<Channel, BrokerError> {
    let connection = connection.0.as_ref().ok_or_else(link::closed)?;
    let opening = async {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        channel.basic_qos(1, BasicQosOptions::default()).await?;
        Ok(channel)
    };
    opening.await.map_err(|error: lapin::Error| fault::of(&error))
}

/// Sees to it that the leadership lasts, and tells when it does not.
struct Watch {
    channel: Channel,
    seat: Way,
    consumer: lapin::Consumer,
    seated: Delivery,
    lost: CancellationToken,
}

impl Watch {
    async fn run(mut self, stop: CancellationToken) {
        let _told = self.lost.clone().drop_guard();
        let mut renewal = tokio::time::interval_at(tokio::time::Instant::now() + RENEWAL, RENEWAL);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = renewal.tick() => {
                    // The new one first: a crash in between must not leave the queue empty for those who wait.
                    if put(&self.channel, &self.seat, b"", BasicProperties::default()).await.is_err()
                        || self.seated.acker.ack(BasicAckOptions::default()).await.is_err()
                    {
                        return;
                    }
                }
                arrived = self.consumer.next() => match arrived {
                    Some(Ok(seated)) => self.seated = seated,
                    Some(Err(_)) | None => return,
                },
            }
        }
    }
}

impl Lead {
    pub(in crate::broker) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// A channel of the leader's own connection, with confirms.
    pub(super) async fn channel(&self) -> Result<Channel, BrokerError> {
        self.while_leading(open(&self.connection)).await
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    pub(in crate::broker) async fn kept(&self) -> Result<Option<Vec<u8>>, BrokerError> {
        let queue = self.inner.names.kept(&self.name)?;
        let mut taken = self.taken.lock().await;
        let mut newest = None;
        loop {
            let getting = self.keeping.basic_get(queue.clone(), BasicGetOptions::default());
            let got = self.while_leading(async { getting.await.map_err(|error| fault::of(&error)) }).await?;
            let Some(message) = got else { return Ok(newest) };
            taken.tags.push(message.delivery_tag);
            let serial = serial(&message.properties);
            if newest.is_none() || serial >= taken.serial {
                (taken.serial, newest) = (serial, Some(message.data.clone()));
            }
        }
    }

    pub(in crate::broker) async fn keep(&self, state: Vec<u8>) -> Result<(), BrokerError> {
        let way = self.inner.names.way_to(&self.inner.names.kept(&self.name)?);
        let mut taken = self.taken.lock().await;
        taken.serial += 1;
        let mut headers = FieldTable::default();
        headers.insert(SERIAL.into(), AMQPValue::LongLongInt(taken.serial));
        let properties = BasicProperties::default().with_headers(headers);
        // The queue holds one message: a newer one takes the place of the last.
        self.while_leading(put(&self.keeping, &way, &state, properties)).await?;
        for tag in std::mem::take(&mut taken.tags) {
            let acked = self.keeping.basic_ack(tag, BasicAckOptions::default()).await;
            acked.map_err(|error| fault::of(&error))?;
        }
        let shown = self.inner.names.way_to(&self.inner.names.shown(&self.name)?);
        self.while_leading(put(&self.keeping, &shown, &state, BasicProperties::default())).await
    }

    pub(in crate::broker) async fn order(&self) -> Result<Order, BrokerError> {
        self.while_leading(self.orders.next()).await
    }

    pub(in crate::broker) async fn release(self) {
        self.connection.close().await;
    }

    async fn while_leading<T>(
        &self,
        work: impl Future<Output = Result<T, BrokerError>>,
    ) -> Result<T, BrokerError> {
        let done = self.lost.run_until_cancelled(work).await;
        done.unwrap_or_else(|| Err(BrokerError::Away(format!("the leadership of {} was lost", self.name))))
    }
}

async fn close(connection: Connection) {
    // One that is gone need not know, and one that does not answer finds out by the missing heartbeat.
    let closing = connection.close(lapin::protocol::constants::REPLY_SUCCESS, "done".into());
    let _ = tokio::time::timeout(Duration::from_secs(2), closing).await;
}

fn serial(properties: &BasicProperties) -> i64 {
    let found = properties.headers().as_ref().and_then(|headers| headers.inner().get(SERIAL));
    match found {
        Some(AMQPValue::LongLongInt(serial)) => *serial,
        _ => 0,
    }
}
