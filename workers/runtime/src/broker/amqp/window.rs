//! One pass over a batch on one channel: publishes in order with a bounded number of confirms in flight, and reports
//! which messages were confirmed.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::Poll;

use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation};
use messages::Queue;

use super::fault;
use super::names::Route;
use super::wire::{self, Parcel};
use crate::BrokerError;

/// Maximum number of unconfirmed messages.
const MESSAGES: usize = 200;
/// Maximum number of unconfirmed bytes; a single message may be larger.
const BYTES: usize = 1 << 20;

/// How a pass ended.
#[derive(Debug)]
pub(super) enum End {
    /// All messages are confirmed.
    Done,
    /// The broker refused a message: its queue is full or without a quorum.
    Nacked(Queue),
    /// The queue does not exist.
    Unroutable(Queue),
    /// The channel is lost.
    Lost(BrokerError),
}

type Flight<'a> = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send + 'a>>;

struct Window<'a> {
    flying: VecDeque<(usize, Flight<'a>)>,
    bytes: usize,
    messages_limit: usize,
    confirmed: Vec<bool>,
    end: End,
    parcels: &'a [Parcel],
}

/// Publishes until an error, waits for everything in flight, and returns which messages were confirmed.
///
/// The channel must have no other user meanwhile, because lapin attaches a returned message to the next confirm. With
/// `cautious`, each message waits for the confirm of the one before until the first is confirmed.
pub(super) async fn send(
    channel: &Channel,
    route: &Route,
    parcels: &[Parcel],
    cautious: bool,
) -> (Vec<bool>, End) {
    let messages_limit = if cautious { 1 } else { MESSAGES };
    let confirmed = vec![false; parcels.len()];
    let mut window =
        Window { flying: VecDeque::new(), bytes: 0, messages_limit, confirmed, end: End::Done, parcels };
    for (index, parcel) in parcels.iter().enumerate() {
        while window.is_full() {
            window.land().await;
        }
        if !matches!(window.end, End::Done) {
            break;
        }
        let Some(key) = route.key(&parcel.message.queue) else {
            window.end = End::Unroutable(parcel.message.queue.clone());
            break;
        };
        window.launch(index, publish(channel, route.exchange.clone(), key, parcel)).await;
    }
    while !window.flying.is_empty() {
        window.land().await;
    }
    (window.confirmed, window.end)
}

async fn publish(
    channel: &Channel,
    exchange: ShortString,
    key: ShortString,
    parcel: &Parcel,
) -> lapin::Result<Confirmation> {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let body = &parcel.message.body;
    channel.basic_publish(exchange, key, options, body, wire::properties(parcel)).await?.await
}

impl<'a> Window<'a> {
    fn is_full(&self) -> bool {
        self.flying.len() >= self.messages_limit || (self.bytes >= BYTES && !self.flying.is_empty())
    }

    async fn launch(
        &mut self,
        index: usize,
        flight: impl Future<Output = lapin::Result<Confirmation>> + Send + 'a,
    ) {
        let mut flight: Flight<'a> = Box::pin(flight);
        // The first poll queues the frames, so polling in order sends in order.
        if let Poll::Ready(early) = futures_util::poll!(&mut flight) {
            flight = Box::pin(std::future::ready(early));
        }
        self.bytes += self.parcels[index].message.body.len();
        self.flying.push_back((index, flight));
    }

    async fn land(&mut self) {
        let Some((index, flight)) = self.flying.pop_front() else { return };
        let outcome = flight.await;
        let message = &self.parcels[index].message;
        self.bytes -= message.body.len();
        let end = match outcome {
            Ok(Confirmation::Ack(None)) => {
                self.confirmed[index] = true;
                self.messages_limit = MESSAGES;
                return;
            }
            Ok(Confirmation::Ack(Some(returned))) => {
                End::Unroutable(Queue::named(returned.routing_key.to_string()))
            }
            Ok(Confirmation::Nack(_)) => End::Nacked(message.queue.clone()),
            Ok(Confirmation::NotRequested) => {
                End::Lost(BrokerError::Away("the channel confirms nothing".to_owned()))
            }
            Err(error) if fault::is_missing(&error) => End::Unroutable(message.queue.clone()),
            Err(error) => End::Lost(fault::of(&error)),
        };
        // The first error is the cause of the others. But a channel error with several messages in flight reports
        // only a closed channel to some of them.
        match (&self.end, &end) {
            (End::Done, _) | (End::Lost(BrokerError::Away(_)), End::Unroutable(_) | End::Lost(_)) => {
                self.end = end;
            }
            _ => {}
        }
    }
}
