//! A message as the broker sees it: opaque bytes for a queue, with what is known of their past.

use jiff::Timestamp;
use messages::{Calls, Cause, Queue};

use bytes::Bytes;

/// What is known of a message's past. On RabbitMQ these are the headers `ua-attempt`, `ua-origin`,
/// `ua-cause`, `ua-replays`, `ua-first-seen`, `ua-calls`, `ua-died-at` and the property `message_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// The message's id: a job's id, a raw document's id.
    pub message_id: String,
    /// Failed attempts so far; 0 when new. Hand-backs and crashes do not count.
    pub attempt: u32,
    /// The queue it was first published to, once it has left it (dead letters).
    pub origin: Option<Queue>,
    /// Why it was last retried or rejected.
    pub cause: Option<Cause>,
    /// How often an operator has replayed it.
    pub replays: u32,
    /// When it was first published.
    pub first_seen: Timestamp,
    /// API calls made for it so far, by attempts that did not finish it.
    pub calls: Calls,
    /// When it became a dead letter, if it is one and that is known.
    pub died_at: Option<Timestamp>,
}

/// A message to publish, or one that was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The queue it is for or was taken from.
    pub queue: Queue,
    /// What is known of its past.
    pub headers: Headers,
    /// The message itself, opaque to the broker.
    pub body: Bytes,
}

impl Message {
    /// A new message for `queue`.
    pub fn new(queue: Queue, message_id: impl Into<String>, body: impl Into<Bytes>, now: Timestamp) -> Self {
        let headers = Headers {
            message_id: message_id.into(),
            attempt: 0,
            origin: None,
            cause: None,
            replays: 0,
            first_seen: now,
            calls: Calls::default(),
            died_at: None,
        };
        Self { queue, headers, body: body.into() }
    }

    /// This message as a dead letter of `cause`, from now on: bound for `ua.dead`, its queue kept as origin.
    #[must_use]
    pub fn into_dead(mut self, cause: Cause) -> Self {
        // To the millisecond, as brokers keep it.
        let now = crate::clock::now();
        self.headers.died_at = Timestamp::from_millisecond(now.as_millisecond()).ok();
        self.headers.origin.get_or_insert(self.queue);
        self.headers.cause = Some(cause);
        self.queue = Queue::dead();
        self
    }
}
