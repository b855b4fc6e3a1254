//! The task behind a consumer: moves deliveries from the broker to the buffer, on one channel until it is lost, then
//! on the next.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, SelectAll, Stream, StreamExt as _};
use lapin::Channel;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use messages::Queue;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::ack_channel::AckChannel;
use super::buffer::{DeliveryBuffer, Ended};
use super::lease::Lease;
use super::{Inner, fault, link, names, wire};
use crate::broker::{Lease as AnyLease, Subscription};
use crate::{BrokerError, Delivery, clock};

/// How long the broker may take to confirm a cancel.
const CANCEL_TIME: Duration = Duration::from_secs(5);
/// Age of a channel after which the reconnect backoff restarts.
const LONG_ENOUGH: Duration = Duration::from_secs(10);

type Arrivals =
    SelectAll<Pin<Box<dyn Stream<Item = (usize, Option<lapin::Result<lapin::message::Delivery>>)> + Send>>>;

/// Moves deliveries from the broker to the buffer.
pub(super) struct Subscriber {
    pub(super) inner: Arc<Inner>,
    pub(super) lanes: Arc<[Subscription]>,
    pub(super) buffer: Arc<DeliveryBuffer>,
    pub(super) stop: CancellationToken,
}

/// The life of one channel.
struct Session {
    ack_channel: Arc<AckChannel>,
    tags: Vec<ShortString>,
    arrivals: Arrivals,
}

enum Over {
    /// Stopped, or a delivery waited in the buffer for too long.
    Paused,
    Lost(String),
}

impl Subscriber {
    /// Runs until stopped, idle or refused; requeues deliveries that no worker took.
    pub(super) async fn run(self) {
        let mut pauses = link::pauses();
        let ended = loop {
            let begin = Instant::now();
            match self.session().await {
                Ok(Over::Paused) if self.inner.stop.is_cancelled() => break Ended::Failed(link::closed()),
                Ok(Over::Paused) => break Ended::Paused,
                Ok(Over::Lost(why)) => self.inner.availability.begins(&why),
                Err(error) => break Ended::Failed(error),
            }
            // A broker that accepts and then closes connections must not be retried without pauses.
            if begin.elapsed() > LONG_ENOUGH {
                pauses = link::pauses();
            }
            self.inner.consuming.pause(&mut pauses).await;
        };
        self.buffer.end(ended);
    }

    async fn session(&self) -> Result<Over, BrokerError> {
        let opening = self.inner.consuming.insist(None, || self.open());
        let Some(opened) = self.stop.run_until_cancelled(opening).await else { return Ok(Over::Paused) };
        let mut session = opened?;
        self.buffer.open();
        let over = self.fill(&mut session).await;
        self.wind_down(session).await;
        Ok(over)
    }

    async fn open(&self) -> Result<Session, BrokerError> {
        let channel = self.inner.consuming.channel().await?;
        let (mut arrivals, mut tags) = (SelectAll::new(), Vec::new());
        for (lane, Subscription { queue, prefetch }) in self.lanes.iter().enumerate() {
            // A prefetch of 0 would mean unlimited.
            let mut sources = vec![(queue.clone(), (*prefetch).max(1))];
            // Requeued documents are few and share the lane of new ones.
            sources.extend(names::returned(queue).map(|returned| (returned, (*prefetch / 4).max(1))));
            for (source, prefetch) in sources {
                let consumer = self.subscribe(&channel, &source, prefetch).await?;
                tags.push(consumer.tag());
                let arriving = consumer.map(move |arrival| (lane, Some(arrival)));
                let arriving: Pin<Box<dyn Stream<Item = _> + Send>> =
                    Box::pin(arriving.chain(stream::once(std::future::ready((lane, None)))));
                arrivals.push(arriving);
            }
        }
        let ack_channel = Arc::new(AckChannel::new(channel, self.inner.tasks.clone()));
        Ok(Session { ack_channel, tags, arrivals })
    }

    async fn subscribe(
        &self,
        channel: &Channel,
        queue: &Queue,
        prefetch: u16,
    ) -> Result<lapin::Consumer, BrokerError> {
        let unknown = || BrokerError::Refused(format!("no queue {queue} at the broker: run `ua setup`"));
        let name = self.inner.names.physical(queue).ok_or_else(unknown)?;
        let limited = channel.basic_qos(prefetch, BasicQosOptions::default()).await;
        limited.map_err(|error| fault::of(&error))?;
        let options = BasicConsumeOptions::default();
        let consumer =
            channel.basic_consume(name, ShortString::default(), options, FieldTable::default()).await;
        consumer.map_err(|error| if fault::is_missing(&error) { unknown() } else { fault::of(&error) })
    }

    async fn fill(&self, session: &mut Session) -> Over {
        let limit = self.inner.buffer_life;
        let mut look = tokio::time::interval(limit / 10);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Over::Paused,
                _ = look.tick() => {
                    if self.buffer.longest_wait() >= limit {
                        return Over::Paused;
                    }
                }
                arrival = session.arrivals.next() => match arrival {
                    Some((lane, Some(Ok(delivery)))) => self.put(&session.ack_channel, lane, delivery),
                    Some((_, Some(Err(error)))) => return Over::Lost(fault::why(&error)),
                    Some((lane, None)) => {
                        return Over::Lost(format!("it sends no more of {}", self.lanes[lane].queue));
                    }
                    None => return Over::Lost("it sends no more".to_owned()),
                }
            }
        }
    }

    fn put(&self, ack_channel: &Arc<AckChannel>, lane: usize, delivery: lapin::message::Delivery) {
        self.buffer.put(lane, self.delivery(ack_channel, lane, delivery));
    }

    fn delivery(
        &self,
        ack_channel: &Arc<AckChannel>,
        lane: usize,
        delivery: lapin::message::Delivery,
    ) -> Delivery {
        let queue = &self.lanes[lane].queue;
        let tag = delivery.delivery_tag;
        let parcel = wire::read(&delivery.properties, delivery.data, queue, &self.inner.names, clock::now());
        let (message, crashes) = (parcel.message.clone(), parcel.crashes);
        let lease = Lease::new(Arc::clone(&self.inner), tag, Arc::clone(ack_channel), parcel);
        Delivery::new(message, crashes, AnyLease::Amqp(lease), self.inner.ladder.clone())
    }

    /// Cancels the consumers and requeues deliveries in the buffer and in flight. The channel stays open while a
    /// lease of it exists. lapin drops a delivery that crosses the cancel-ok; the broker redelivers it when the
    /// channel closes, and counts a crash.
    async fn wind_down(&self, mut session: Session) {
        if session.ack_channel.is_open() {
            for tag in &session.tags {
                // A lost channel has nothing to cancel.
                let _ = session
                    .ack_channel
                    .channel()
                    .basic_cancel(tag.clone(), BasicCancelOptions::default())
                    .await;
            }
            let late = async {
                while let Some((lane, arrival)) = session.arrivals.next().await {
                    if let Some(Ok(delivery)) = arrival {
                        self.put(&session.ack_channel, lane, delivery);
                    }
                }
            };
            if tokio::time::timeout(CANCEL_TIME, late).await.is_err() {
                debug!("the broker did not confirm the end of a consumer");
            }
        }
        let waiting = self.buffer.clear().into_iter().filter_map(|delivery| match delivery.lease {
            AnyLease::Amqp(lease) => Some(lease.give_up()),
            AnyLease::Local(_) => None,
        });
        self.inner.requeue(waiting.collect()).await;
    }
}
