//! Leadership: of all processes that stand for a name, one leads. It alone keeps a small state under that name, and
//! answers the orders that anybody sends to it. For what must be done once in a fleet: a quota, a clock.
//!
//! Must not know what the state and the orders say.

use std::time::Duration;

use super::{Broker, BrokerError, amqp, local};

/// The leadership of a name, held until it is released, dropped or lost.
///
/// What a leader does by this value reaches the broker only while it leads: a process that was deposed without
/// noticing, because it was stopped or cut off, cannot undo what its successor has done.
#[derive(Debug)]
pub enum Lead {
    /// A lock on a file: lost only with the process.
    Local(local::Lead),
    /// A consumer that the broker calls the only active one.
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

    /// The state that this leader, or the last one that kept any, has kept. Ask once, before the first `keep`.
    ///
    /// # Errors
    /// When the broker is away or the leadership is lost.
    pub async fn kept(&self) -> Result<Option<Vec<u8>>, BrokerError> {
        match self {
            Self::Local(lead) => lead.kept().await,
            Self::Amqp(lead) => lead.kept().await,
        }
    }

    /// Keeps a state in place of the last; returns when it is safe.
    ///
    /// # Errors
    /// As [`Lead::kept`]; the state may then have been kept.
    pub async fn keep(&self, state: Vec<u8>) -> Result<(), BrokerError> {
        match self {
            Self::Local(lead) => lead.keep(state).await,
            Self::Amqp(lead) => lead.keep(state).await,
        }
    }

    /// Waits for the next order. One that is not answered is given to the next leader: it may come twice.
    /// Safe to cancel.
    ///
    /// # Errors
    /// As [`Lead::kept`].
    pub async fn order(&self) -> Result<Order, BrokerError> {
        match self {
            Self::Local(lead) => lead.order().await.map(Order::Local),
            Self::Amqp(lead) => lead.order().await.map(Order::Amqp),
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

/// Something the leader is asked to do.
#[derive(Debug)]
pub enum Order {
    /// A row of the local file.
    Local(local::Order),
    /// A message of RabbitMQ.
    Amqp(amqp::Order),
}

impl Order {
    /// What was sent.
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Local(order) => &order.body,
            Self::Amqp(order) => &order.body,
        }
    }

    /// Settles the order and tells whoever sent it, if that still waits.
    ///
    /// # Errors
    /// When the broker is away; the order then comes again.
    pub async fn answer(self, answer: Vec<u8>) -> Result<(), BrokerError> {
        match self {
            Self::Local(order) => order.answer(answer).await,
            Self::Amqp(order) => order.answer(answer).await,
        }
    }
}

impl Broker {
    /// Waits until this process leads `name` (letters, digits, `.`, `-`, `_`). Safe to cancel.
    ///
    /// # Errors
    /// When the broker refuses or is closed; a broker that is away is waited for.
    pub async fn lead(&self, name: &str) -> Result<Lead, BrokerError> {
        check(name)?;
        match self {
            Self::Local(local) => local.lead(name).await.map(Lead::Local),
            Self::Amqp(amqp) => amqp.lead(name).await.map(|lead| Lead::Amqp(Box::new(lead))),
        }
    }

    /// What the leader of `name` has kept last, as far as those may know who do not lead: after a crash it may be the
    /// state before. `None` where nobody has kept any. Changes nothing.
    ///
    /// # Errors
    /// When the broker is away or refuses.
    pub async fn look(&self, name: &str) -> Result<Option<Vec<u8>>, BrokerError> {
        check(name)?;
        match self {
            Self::Local(local) => local.look(name).await,
            Self::Amqp(amqp) => amqp.look(name).await,
        }
    }

    /// Sends an order to whoever leads `name`, now or later; `None` when no answer came in time. The order stands:
    /// whoever leads next will find it. One that a leader took and did not answer may come behind later ones.
    ///
    /// # Errors
    /// When the broker is away or refuses.
    pub async fn ask(
        &self,
        name: &str,
        order: Vec<u8>,
        patience: Duration,
    ) -> Result<Option<Vec<u8>>, BrokerError> {
        check(name)?;
        let asking = async {
            match self {
                Self::Local(local) => local.ask(name, order).await,
                Self::Amqp(amqp) => amqp.ask(name, order).await,
            }
        };
        tokio::time::timeout(patience, asking).await.ok().transpose()
    }
}

/// Names become parts of the names of files and queues.
fn check(name: &str) -> Result<(), BrokerError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !name.is_empty() && name.len() <= 100 && name.chars().all(fits) {
        return Ok(());
    }
    Err(BrokerError::Refused(format!(
        "{name:?} is no name to lead: up to 100 letters, digits, dots and dashes"
    )))
}
