//! Leader election: one of all candidates for a name leads. The leader alone writes a small state under that name and
//! replies to requests. Used for what must happen once per fleet, such as the quota and the schedule.
//!
//! Independent of the content of the state and the requests.

use std::time::Duration;

use super::{Broker, BrokerError, amqp, local};

/// The leadership of a name, held until it is released, dropped or lost.
///
/// The broker accepts writes through this value only while it leads. A deposed process that was suspended or
/// disconnected cannot overwrite the state of its successor.
#[derive(Debug)]
pub enum Lead {
    /// A file lock, lost only with the process.
    Local(local::Lead),
    /// The active consumer of a queue with a single active consumer.
    Amqp(Box<amqp::Lead>),
}

impl Lead {
    /// Returns when the leadership is lost.
    pub async fn lost(&self) {
        match self {
            Self::Local(_) => std::future::pending().await,
            Self::Amqp(lead) => lead.lost().await,
        }
    }

    /// Returns the state that the previous leader persisted. Call once, before the first [`Lead::persist`].
    ///
    /// # Errors
    /// When the broker is away or the leadership is lost.
    pub async fn state(&self) -> Result<Option<Vec<u8>>, BrokerError> {
        match self {
            Self::Local(lead) => lead.state().await,
            Self::Amqp(lead) => lead.state().await,
        }
    }

    /// Replaces the persisted state; returns when the broker has confirmed it.
    ///
    /// # Errors
    /// As [`Lead::state`]; the state may then be persisted.
    pub async fn persist(&self, state: Vec<u8>) -> Result<(), BrokerError> {
        match self {
            Self::Local(lead) => lead.persist(state).await,
            Self::Amqp(lead) => lead.persist(state).await,
        }
    }

    /// Waits for the next request. A request without a reply is redelivered to the next leader, so it may arrive
    /// twice. Cancel safe.
    ///
    /// # Errors
    /// As [`Lead::state`].
    pub async fn next_request(&self) -> Result<LeaderRequest, BrokerError> {
        match self {
            Self::Local(lead) => lead.next_request().await.map(LeaderRequest::Local),
            Self::Amqp(lead) => lead.next_request().await.map(LeaderRequest::Amqp),
        }
    }

    /// Ends the leadership; another candidate takes over at once.
    pub async fn release(self) {
        match self {
            Self::Local(lead) => drop(lead),
            Self::Amqp(lead) => lead.release().await,
        }
    }
}

/// A request to the leader.
#[derive(Debug)]
pub enum LeaderRequest {
    /// A row of the local file.
    Local(local::RequestRow),
    /// A message of RabbitMQ.
    Amqp(amqp::RequestMessage),
}

impl LeaderRequest {
    /// Returns the request's body.
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Local(request) => &request.body,
            Self::Amqp(request) => &request.body,
        }
    }

    /// Settles the request and replies to the sender, if it still waits.
    ///
    /// # Errors
    /// When the broker is away; the request is then redelivered.
    pub async fn reply(self, reply: Vec<u8>) -> Result<(), BrokerError> {
        match self {
            Self::Local(request) => request.reply(reply).await,
            Self::Amqp(request) => request.reply(reply).await,
        }
    }
}

impl Broker {
    /// Waits until this process leads `name` (letters, digits, `.`, `-`, `_`). Cancel safe.
    ///
    /// # Errors
    /// When the broker refuses or is closed. If the broker is away, the call waits.
    pub async fn lead(&self, name: &str) -> Result<Lead, BrokerError> {
        check(name)?;
        match self {
            Self::Local(local) => local.lead(name).await.map(Lead::Local),
            Self::Amqp(amqp) => amqp.lead(name).await.map(|lead| Lead::Amqp(Box::new(lead))),
        }
    }

    /// Reads the last persisted state of the leader of `name`, or `None`. After a crash it may be the previous state.
    /// Changes nothing.
    ///
    /// # Errors
    /// When the broker is away or refuses.
    pub async fn peek(&self, name: &str) -> Result<Option<Vec<u8>>, BrokerError> {
        check(name)?;
        match self {
            Self::Local(local) => local.peek(name).await,
            Self::Amqp(amqp) => amqp.peek(name).await,
        }
    }

    /// Sends a request to the current or next leader of `name`. Returns `None` without a reply within `patience`; the
    /// request then stays queued for the next leader. A request that a leader received without replying may be
    /// handled after later ones.
    ///
    /// # Errors
    /// When the broker is away or refuses.
    pub async fn request(
        &self,
        name: &str,
        request: Vec<u8>,
        patience: Duration,
    ) -> Result<Option<Vec<u8>>, BrokerError> {
        check(name)?;
        let asking = async {
            match self {
                Self::Local(local) => local.request(name, request).await,
                Self::Amqp(amqp) => amqp.request(name, request).await,
            }
        };
        tokio::time::timeout(patience, asking).await.ok().transpose()
    }
}

/// Checks a name, which becomes part of file and queue names.
fn check(name: &str) -> Result<(), BrokerError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !name.is_empty() && name.len() <= 100 && name.chars().all(fits) {
        return Ok(());
    }
    Err(BrokerError::Refused(format!(
        "{name:?} is no name to lead: up to 100 letters, digits, dots and dashes"
    )))
}
