//! Errors of both broker back ends.

use messages::Queue;

use super::MAX_MESSAGE_BYTES;
use crate::Message;

/// Why a publish failed. Unconfirmed messages must be published again.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A bounded queue is full. Every message not in `rest` is confirmed.
    #[error("the queue {queue} is full")]
    Full {
        /// The full queue.
        queue: Queue,
        /// The messages that were refused, in order.
        rest: Vec<Message>,
    },
    /// The queue does not exist: the topology is not declared, or the queue was deleted.
    #[error("no queue {queue} at the broker: run `ua setup`")]
    Unroutable {
        /// The missing queue.
        queue: Queue,
    },
    /// A message is larger than [`MAX_MESSAGE_BYTES`].
    #[error("a message for {queue} has {bytes} bytes; the broker takes {MAX_MESSAGE_BYTES}")]
    TooLarge {
        /// The destination queue.
        queue: Queue,
        /// The size of the body.
        bytes: usize,
    },
    /// The broker is away or failed.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Why a broker operation failed.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The broker is unreachable, refuses publishes for now, or the connection was lost. Reconnects happen
    /// automatically.
    #[error("the broker is not available: {0}")]
    Away(String),
    /// The broker refuses: credentials, permissions, or different queue arguments. A later attempt may succeed.
    #[error("the broker refuses: {0}")]
    Refused(String),
    /// The configuration or environment is wrong: an unreadable address, a read-only folder, a file of a newer
    /// version.
    #[error("{0}")]
    Misconfigured(String),
    /// The local file was deleted or replaced while open. The process must exit.
    #[error("{0}")]
    Gone(String),
    /// The lease was lost: the broker delivers the message to another worker.
    #[error("the lease of message {0} was lost; somebody else has it now")]
    LeaseLost(String),
}
