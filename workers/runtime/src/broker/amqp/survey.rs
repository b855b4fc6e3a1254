//! A survey of the broker's queues and the user's permissions. Leaves the broker unchanged.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel};

use super::difference::Difference;
use super::rights::{self, NOWHERE, Rights};
use super::topology::Wanted;
use super::{Inner, fault, names};
use crate::BrokerError;

/// Maximum number of differences per queue; more than a queue has arguments.
const MOST_DIFFERENCES: usize = 16;
/// How long a healthy broker may take to confirm one message.
const CONFIRM_TIME: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The broker's state, compared with the wanted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The broker's version, as it reports it.
    pub version: String,
    /// True if the connection is encrypted.
    pub encrypted: bool,
    /// True if the broker runs on this machine.
    pub same_machine: bool,
    /// The virtual host.
    pub vhost: String,
    /// The pattern of names on which the user needs every permission: `configure`, `write`, `read`.
    pub pattern: String,
    /// All wanted queues, and those of leaderships that exist.
    pub queues: Vec<Surveyed>,
    /// The user's permissions to declare, publish and consume.
    pub rights: Rights,
    /// The broker's reason for blocking publishers; `None` if it accepts messages.
    pub blocked: Option<String>,
}

/// One queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    /// The queue's name at the broker.
    pub name: String,
    /// Comparison with the wanted queue.
    pub state: QueueState,
    /// Ready messages.
    pub ready: u64,
    /// Number of consumers.
    pub consumers: u64,
    /// Messages that an interrupted migration left in the shelter; `None` without a shelter.
    pub left_apart: Option<u64>,
}

/// How a queue compares with the wanted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueState {
    /// Exists with the wanted arguments.
    Right,
    /// Does not exist.
    Missing,
    /// Exists with other arguments.
    Different(Vec<Difference>),
    /// Exists; its arguments are unknown, because the user may not declare.
    Untold,
}

/// Surveys all queues and permissions.
pub(super) async fn survey(inner: &Arc<Inner>) -> Result<Survey, BrokerError> {
    let mut rights = Rights::default();
    let mut queues = Vec::new();
    for wanted in inner.wanted()? {
        queues.push(look(inner, &wanted, &mut rights).await?);
    }
    for wanted in inner.wanted_by_leaders()? {
        let surveyed = look(inner, &wanted, &mut rights).await?;
        if surveyed.state != QueueState::Missing || surveyed.left_apart.is_some() {
            queues.push(surveyed);
        }
    }
    rights::find_out(inner, &queues, &mut rights).await?;
    // Last, because a broker with an alarm stops reading from connections that published.
    let blocked = may_publish(inner, &mut rights).await?;
    if blocked.is_none() {
        rights.default_exchange = rights::publishes_everywhere(inner).await?;
    }
    let address = &inner.address;
    Ok(Survey {
        version: inner.version.clone(),
        encrypted: address.is_encrypted(),
        same_machine: address.is_this_machine(),
        vhost: address.vhost(),
        pattern: inner.names.pattern(),
        queues,
        rights,
        blocked,
    })
}

async fn look(inner: &Inner, wanted: &Wanted, rights: &mut Rights) -> Result<Surveyed, BrokerError> {
    let name = wanted.name.to_string();
    let left_apart = count(inner, &names::shelter(&wanted.name)).await?.map(|(ready, _)| ready);
    let Some((ready, consumers)) = count(inner, &wanted.name).await? else {
        return Ok(Surveyed { name, state: QueueState::Missing, ready: 0, consumers: 0, left_apart });
    };
    let state = match differences(inner, wanted).await? {
        Compared::Told(differences) if differences.is_empty() => QueueState::Right,
        Compared::Told(differences) => QueueState::Different(differences),
        Compared::Forbidden(why) => {
            rights.declare.get_or_insert(why);
            QueueState::Untold
        }
    };
    Ok(Surveyed { name, state, ready, consumers, left_apart })
}

/// Returns the ready messages and consumers of a queue; `None` if it does not exist.
pub(super) async fn count(inner: &Inner, name: &ShortString) -> Result<Option<(u64, u64)>, BrokerError> {
    let channel = inner.channel().await?;
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    match channel.queue_declare(name.clone(), passive, FieldTable::default()).await {
        Ok(found) => Ok(Some((found.message_count().into(), found.consumer_count().into()))),
        Err(error) if fault::is_missing(&error) => Ok(None),
        Err(error) => Err(fault::of(&error)),
    }
}

pub(super) enum Compared {
    Told(Vec<Difference>),
    Forbidden(String),
}

/// Finds how an existing queue differs. A repeated declaration changes nothing: the broker names the first different
/// argument. With that argument adopted, the next declaration names the next one.
pub(super) async fn differences(inner: &Inner, wanted: &Wanted) -> Result<Compared, BrokerError> {
    let (mut found, mut arguments) = (Vec::<Difference>::new(), wanted.arguments.clone());
    let mut options = QueueDeclareOptions::durable();
    for _ in 0..MOST_DIFFERENCES {
        let channel = inner.channel().await?;
        let declared = channel.queue_declare(wanted.name.clone(), options, arguments.clone()).await;
        let Err(error) = declared else { break };
        if fault::is_forbidden(&error) {
            return Ok(Compared::Forbidden(fault::words(&error)));
        }
        let told = fault::of(&error);
        let difference = Difference::read(&told.to_string()).filter(|_| fault::is_differing(&error));
        let Some(difference) = difference else { return Err(told) };
        let known = found.iter().any(|known| known.argument == difference.argument);
        let adopted = match difference.argument.as_str() {
            "durable" => std::mem::replace(&mut options.durable, false),
            "auto_delete" => !std::mem::replace(&mut options.auto_delete, true),
            _ => difference.adopt(&mut arguments),
        };
        if !known {
            found.push(difference);
        }
        if known || !adopted {
            break;
        }
    }
    Ok(Compared::Told(found))
}

/// Returns the alarm for which the broker refuses publishes, if one is active. During an alarm, the broker may stop
/// reading from this connection.
pub(super) async fn takes_none(inner: &Inner) -> Option<String> {
    // A connection that is blocked already gives no channel.
    may_publish(inner, &mut Rights::default()).await.unwrap_or_else(|_| inner.publishing.blocked())
}

/// Publishes two unroutable messages, which the broker drops. Returns the reason if the broker blocks publishers.
async fn may_publish(inner: &Inner, rights: &mut Rights) -> Result<Option<String>, BrokerError> {
    let channel = inner.channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(|error| fault::of(&error))?;
    let publishing = async {
        // During an alarm, the broker blocks the connection at the first publish and does not read the second.
        publish(inner, &channel).await?;
        publish(inner, &channel).await
    };
    let published = tokio::select! {
        published = tokio::time::timeout(CONFIRM_TIME, publishing) => published,
        why = blocked(inner) => return Ok(Some(why)),
    };
    match published {
        Ok(Ok(())) => Ok(None),
        Ok(Err(error)) if fault::is_forbidden(&error) => {
            rights.publish.get_or_insert(fault::words(&error));
            Ok(None)
        }
        // The exchange is missing; the queues' states report that better.
        Ok(Err(error)) if fault::is_missing(&error) => Ok(None),
        Ok(Err(error)) => Err(fault::of(&error)),
        Err(_) => Ok(Some("it confirms nothing, and does not say why".to_owned())),
    }
}

/// Returns the reason once the broker blocks publishers.
async fn blocked(inner: &Inner) -> String {
    loop {
        if let Some(why) = inner.publishing.blocked() {
            return why;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn publish(inner: &Inner, channel: &Channel) -> lapin::Result<()> {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let (exchange, properties) = (inner.names.exchange(), BasicProperties::default());
    channel.basic_publish(exchange, NOWHERE.into(), options, b"", properties).await?.await.map(|_| ())
}
