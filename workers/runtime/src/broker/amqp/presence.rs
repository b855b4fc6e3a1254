//! Presence on RabbitMQ: each worker binds a private queue to a fanout exchange and replies to the caller. Workers
//! send nothing unrequested. Requests to lift holds use the same exchange and get no reply.
//!
//! A caller declares a private queue for the replies. Without permission to declare, it uses RabbitMQ's direct
//! reply-to, which is reached only over the default exchange. Workers without permission on that exchange are then
//! missing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::auxiliary_queues::{self, PrivateQueue};
use super::names::Destination;
use super::{Inner, fault, link, names, topology};
use crate::lift::Lift;
use crate::{BrokerError, WorkerInfo};

/// RabbitMQ's direct reply-to queue. It belongs to the consuming channel and stores nothing.
const ANSWERS: &str = "amq.rabbitmq.reply-to";
/// Pause after a refusal.
const REFUSED: Duration = Duration::from_secs(30);
/// Maximum size of a report in bytes; a usual one has some kilobytes.
const LARGEST: usize = 1 << 20;

/// Replies to requests until the handle is closed, on a new channel after each loss.
pub(super) async fn serve(inner: &Arc<Inner>, info: impl Fn() -> WorkerInfo) {
    let (mut pauses, mut told) = (link::pauses(), false);
    loop {
        let begin = Instant::now();
        let answering = session(inner, &info);
        match inner.stop.run_until_cancelled(answering).await {
            None => return,
            Some(Err(error @ BrokerError::Refused(_))) => {
                if !std::mem::replace(&mut told, true) {
                    warn!("this process is missing in `ua status` for now: {error}");
                }
                if inner.stop.run_until_cancelled(tokio::time::sleep(REFUSED)).await.is_none() {
                    return;
                }
            }
            Some(Err(error)) => debug!("cannot answer presence requests for now: {error}"),
            Some(Ok(())) => {}
        }
        if begin.elapsed() > Duration::from_secs(10) {
            pauses = link::pauses();
        }
        inner.publishing.pause(&mut pauses).await;
    }
}

async fn session(inner: &Inner, info: &impl Fn() -> WorkerInfo) -> Result<(), BrokerError> {
    let link = &inner.publishing;
    let channel = link.insist(None, || link.channel()).await?;
    let mut calls = listen(inner, &channel, &info().id).await?;
    while let Some(call) = calls.next().await {
        let call = call.map_err(|error| fault::of(&error))?;
        if let Ok(lift) = serde_json::from_slice::<Lift>(&call.data) {
            inner.lifts.heard(lift);
        }
        let Some(asker) = call.properties.reply_to() else { continue };
        let Ok(body) = serde_json::to_vec(&info()) else { continue };
        let destination = inner.names.destination(asker);
        if destination.exchange.as_str().is_empty() {
            // On a separate channel, because a refusal closes it.
            let apart = link.channel().await?;
            confirm(&apart).await?;
            let sent = auxiliary_queues::publish_to(&apart, &destination, &body, properties()).await;
            if let Err(error @ BrokerError::Refused(_)) = sent {
                debug!("cannot answer a presence request over the direct reply-to: {error}");
            }
        } else {
            // Without a confirm: a caller that left has no queue.
            let (options, Destination { exchange, key }) = (BasicPublishOptions::default(), destination);
            let sent = channel.basic_publish(exchange, key, options, &body, properties()).await;
            sent.map_err(|error| fault::of(&error))?;
        }
    }
    Ok(())
}

fn properties() -> BasicProperties {
    BasicProperties::default().with_content_type("application/json".into())
}

async fn confirm(channel: &Channel) -> Result<(), BrokerError> {
    let selected = channel.confirm_select(ConfirmSelectOptions::default()).await;
    selected.map_err(|error| fault::of(&error))
}

async fn listen(inner: &Inner, channel: &Channel, id: &str) -> Result<lapin::Consumer, BrokerError> {
    // A new name each time, since the queue of a lost connection may still exist.
    let unique = format!("{}.{id}.{}", inner.names.presence_exchange(), crate::clock::now().as_millisecond());
    let queue = names::short(&unique).map_or_else(|| inner.names.unique("roll"), Ok)?;
    auxiliary_queues::declare(channel, &queue).await.map_err(|error| fault::of(&error))?;
    let bound =
        topology::try_bind(channel, queue.clone(), inner.names.presence_exchange(), ShortString::default())
            .await;
    bound.map_err(|error| undeclared_or(&error))?;
    let options = BasicConsumeOptions { no_ack: true, exclusive: true, ..Default::default() };
    let consumer = channel.basic_consume(queue, ShortString::default(), options, FieldTable::default()).await;
    consumer.map_err(|error| fault::of(&error))
}

/// Lists the workers that reply within `patience`. Returns at once if no worker is bound.
pub(super) async fn list(inner: &Inner, patience: Duration) -> Result<Vec<WorkerInfo>, BrokerError> {
    let (channel, PrivateQueue { name, mut arriving }) = answers(inner).await?;
    confirm(&channel).await?;
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let properties = BasicProperties::default().with_reply_to(name.clone());
    let (exchange, key) = (inner.names.presence_exchange(), ShortString::default());
    let published = channel.basic_publish(exchange, key, options, b"", properties).await;
    let confirmed = published.map_err(|error| undeclared_or(&error))?.await;
    if let Confirmation::Ack(Some(_)) = confirmed.map_err(|error| undeclared_or(&error))? {
        return Ok(Vec::new());
    }
    let (mut workers, deadline) = (Vec::new(), Instant::now() + patience);
    while let Ok(Some(answer)) = tokio::time::timeout_at(deadline, arriving.next()).await {
        let answer = answer.map_err(|error| fault::of(&error))?;
        if answer.data.len() > LARGEST {
            continue;
        }
        match serde_json::from_slice(&answer.data) {
            Ok(info) => workers.push(info),
            Err(error) => debug!("a worker of another version answered: {error}"),
        }
    }
    if workers.is_empty() && name.as_str() == ANSWERS {
        warn!(
            "workers are there and do not answer: to one who may not declare queues they can only when their user \
             may write to amq.default"
        );
    }
    Ok(workers)
}

/// Sends a lift request to every running worker.
pub(super) async fn lift(inner: &Inner, lift: &Lift) -> Result<(), BrokerError> {
    let body = serde_json::to_vec(lift).map_err(|error| BrokerError::Misconfigured(error.to_string()))?;
    let channel = inner.channel().await?;
    confirm(&channel).await?;
    let (exchange, key) = (inner.names.presence_exchange(), ShortString::default());
    let options = BasicPublishOptions::default();
    let published = channel.basic_publish(exchange, key, options, &body, properties()).await;
    published.map_err(|error| undeclared_or(&error))?.await.map_err(|error| undeclared_or(&error))?;
    Ok(())
}

/// Opens a queue for replies.
async fn answers(inner: &Inner) -> Result<(Channel, PrivateQueue), BrokerError> {
    let channel = inner.channel().await?;
    match PrivateQueue::open(&channel, &inner.names, "answers").await {
        Ok(own) => Ok((channel, own)),
        // The refusal closed the channel.
        Err(BrokerError::Refused(_)) => {
            let (channel, name) = (inner.channel().await?, ShortString::from(ANSWERS));
            let arriving = auxiliary_queues::consume(&channel, name.clone()).await?;
            Ok((channel, PrivateQueue { name, arriving }))
        }
        Err(error) => Err(error),
    }
}

fn undeclared_or(error: &lapin::Error) -> BrokerError {
    match fault::is_missing(error) {
        true => BrokerError::Refused("no presence exchange at the broker: run `ua setup`".to_owned()),
        false => fault::of(error),
    }
}
