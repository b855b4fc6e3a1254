//! A message as the broker sees it: opaque bytes for a queue, with headers.

use jiff::Timestamp;
use messages::{Calls, Cause, Queue};

use bytes::Bytes;

/// Metadata of a message. On RabbitMQ: the headers `ua-attempt`, `ua-origin`, `ua-cause`, `ua-replays`,
/// `ua-first-seen`, `ua-calls`, `ua-died-at` and the property `message_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// Id of the job or of the raw document.
    pub message_id: String,
    /// Failed attempts so far; 0 when new. Requeues and crashes do not count.
    pub attempt: u32,
    /// Queue of the first publish; set once the message has left it (dead letters).
    pub origin: Option<Queue>,
    /// Cause of the last retry or rejection.
    pub cause: Option<Cause>,
    /// Number of replays by operators.
    pub replays: u32,
    /// Time of the first publish.
    pub first_seen: Timestamp,
    /// API calls made for it by attempts that did not finish it.
    pub calls: Calls,
    /// Time at which it became a dead letter, if known.
    pub died_at: Option<Timestamp>,
}

/// A message to publish, or a delivered one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Destination, or the queue of the delivery.
    pub queue: Queue,
    /// Metadata.
    pub headers: Headers,
    /// Payload, opaque to the broker.
    pub body: Bytes,
}

impl Message {
    /// Creates a message for `queue`.
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

    /// Converts this message to a dead letter of `cause`, from now on: bound for `ua.dead`, with its queue as origin.
    #[must_use]
    pub fn into_dead(mut self, cause: Cause) -> Self {
        // Brokers store milliseconds.
        let now = crate::clock::now();
        self.headers.died_at = Timestamp::from_millisecond(now.as_millisecond()).ok();
        self.headers.origin.get_or_insert(self.queue);
        self.headers.cause = Some(cause);
        self.queue = Queue::dead();
        self
    }
}
