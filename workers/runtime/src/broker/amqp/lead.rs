//! Leadership on RabbitMQ. Candidates consume from one queue with a single active consumer. The candidate that
//! receives its message leads. When the leader's connection ends, the broker delivers the message to the next
//! candidate.
//!
//! A leader has its own connection with a short heartbeat and does all leader work over it. A leader that was
//! suspended for long finds this connection closed, so its late writes never reach the broker.

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

use super::auxiliary_queues::{self, publish_to};
use super::leader_rpc::{RequestMessage, RpcServer};
use super::link::{self, Link};
use super::names::Destination;
use super::{Amqp, Inner, fault};
use crate::BrokerError;

/// Heartbeat interval in seconds. A leader without a heartbeat for about twice this time is deposed.
const HEARTBEAT_SECONDS: u16 = 5;
/// Interval at which the leader replaces its unacked election message. RabbitMQ closes a channel whose message stays
/// unacked for half an hour.
const RENEWAL: Duration = Duration::from_secs(600);
/// Serial number of a persisted state. After a crash between publish and ack, the queue may hold two states.
const SERIAL: &str = "ua-serial";

/// The leadership of a name.
pub struct Lead {
    inner: Arc<Inner>,
    name: String,
    connection: OwnedConnection,
    /// Channel of the state queue, with confirms.
    state_channel: Channel,
    found: AsyncMutex<StateMessages>,
    rpc: RpcServer,
    lost: CancellationToken,
    /// Dropping it ends the watch, and with it the connection.
    _ending: DropGuard,
}

/// The state messages that were read and not yet replaced.
#[derive(Debug, Default)]
struct StateMessages {
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
            let stood = self.inner.stop.run_until_cancelled(self.campaign(name)).await;
            match stood.ok_or_else(link::closed)? {
                Err(BrokerError::Away(why)) => debug!("cannot stand for {name} yet: {why}"),
                decided => return decided,
            }
            self.inner.consuming.pause(&mut pauses).await;
        }
    }

    /// Makes one candidacy; returns when elected.
    async fn campaign(&self, name: &str) -> Result<Lead, BrokerError> {
        let inner = Arc::clone(&self.inner);
        let link = Link::new(
            Arc::new(inner.address.with_heartbeat(HEARTBEAT_SECONDS)),
            format!("{} (leading {name})", inner.connection_name),
            Arc::clone(&inner.availability),
        );
        let connection = OwnedConnection(Some(link.connect().await?));
        let channel = open(&connection).await?;
        let queue = auxiliary_queues::election_queue(&inner.names, name)?;
        queue.declare(&channel).await?;
        let options = BasicConsumeOptions::default();
        let election_queue = queue.destination();
        let consumer =
            channel.basic_consume(queue.name, ShortString::default(), options, FieldTable::default()).await;
        let mut consumer = consumer.map_err(|error| fault::of(&error))?;
        publish_to(&channel, &election_queue, b"", BasicProperties::default()).await?;
        let Some(Ok(election_message)) = consumer.next().await else {
            return Err(BrokerError::Away("the connection of a candidate was lost".to_owned()));
        };
        let state_channel = open(&connection).await?;
        auxiliary_queues::state(&inner.names, name)?.declare(&state_channel).await?;
        auxiliary_queues::state_copy(&inner.names, name)?.declare(&state_channel).await?;
        let rpc = RpcServer::open(open(&connection).await?, &inner.names, name).await?;
        let lost = CancellationToken::new();
        let stop = inner.stop.child_token();
        let watch = Watch { channel, election_queue, consumer, election_message, lost: lost.clone() };
        tokio::spawn(watch.run(stop.clone()));
        debug!("this process leads {name}");
        let (name, found) = (name.to_owned(), AsyncMutex::default());
        Ok(Lead { inner, name, connection, state_channel, found, rpc, lost, _ending: stop.drop_guard() })
    }
}

/// A connection that closes with this value, even while its channels exist.
struct OwnedConnection(Option<Connection>);

impl OwnedConnection {
    async fn close(mut self) {
        if let Some(connection) = self.0.take() {
            close(connection).await;
        }
    }
}

impl Drop for OwnedConnection {
    fn drop(&mut self) {
        if let (Some(connection), Ok(handle)) = (self.0.take(), Handle::try_current()) {
            handle.spawn(close(connection));
        }
    }
}

/// Opens a channel with confirms and a prefetch of 1.
async fn open(connection: &OwnedConnection) -> Result<Channel, BrokerError> {
    let connection = connection.0.as_ref().ok_or_else(link::closed)?;
    let opening = async {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        channel.basic_qos(1, BasicQosOptions::default()).await?;
        Ok(channel)
    };
    opening.await.map_err(|error: lapin::Error| fault::of(&error))
}

/// Keeps the leadership alive, and signals its loss.
struct Watch {
    channel: Channel,
    election_queue: Destination,
    consumer: lapin::Consumer,
    election_message: Delivery,
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
                    // Publish before ack: a crash in between must not leave the queue empty for the candidates.
                    if publish_to(&self.channel, &self.election_queue, b"", BasicProperties::default()).await.is_err()
                        || self.election_message.acker.ack(BasicAckOptions::default()).await.is_err()
                    {
                        return;
                    }
                }
                arrived = self.consumer.next() => match arrived {
                    Some(Ok(election_message)) => self.election_message = election_message,
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

    /// Opens a channel of the leader's connection, with confirms.
    pub(super) async fn channel(&self) -> Result<Channel, BrokerError> {
        self.while_leading(open(&self.connection)).await
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    pub(in crate::broker) async fn state(&self) -> Result<Option<Vec<u8>>, BrokerError> {
        let queue = self.inner.names.state(&self.name)?;
        let mut found = self.found.lock().await;
        let mut newest = None;
        loop {
            let getting = self.state_channel.basic_get(queue.clone(), BasicGetOptions::default());
            let got = self.while_leading(async { getting.await.map_err(|error| fault::of(&error)) }).await?;
            let Some(message) = got else { return Ok(newest) };
            found.tags.push(message.delivery_tag);
            let serial = serial(&message.properties);
            if newest.is_none() || serial >= found.serial {
                (found.serial, newest) = (serial, Some(message.data.clone()));
            }
        }
    }

    pub(in crate::broker) async fn persist(&self, state: Vec<u8>) -> Result<(), BrokerError> {
        let destination = self.inner.names.destination(&self.inner.names.state(&self.name)?);
        let mut found = self.found.lock().await;
        found.serial += 1;
        let mut headers = FieldTable::default();
        headers.insert(SERIAL.into(), AMQPValue::LongLongInt(found.serial));
        let properties = BasicProperties::default().with_headers(headers);
        // The queue holds one message: the new one replaces the last.
        self.while_leading(publish_to(&self.state_channel, &destination, &state, properties)).await?;
        for tag in std::mem::take(&mut found.tags) {
            let acked = self.state_channel.basic_ack(tag, BasicAckOptions::default()).await;
            acked.map_err(|error| fault::of(&error))?;
        }
        let copy = self.inner.names.destination(&self.inner.names.state_copy(&self.name)?);
        self.while_leading(publish_to(&self.state_channel, &copy, &state, BasicProperties::default())).await
    }

    pub(in crate::broker) async fn next_request(&self) -> Result<RequestMessage, BrokerError> {
        self.while_leading(self.rpc.next()).await
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
    // Best effort: a broker that does not answer notices the missing heartbeat.
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
