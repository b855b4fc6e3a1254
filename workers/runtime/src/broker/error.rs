//! What goes wrong at a broker, in the words of both back ends.

use messages::Queue;

use super::MAX_MESSAGE_BYTES;
use crate::Message;

/// Why messages were not published. What was not confirmed must be published again.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A bounded queue is full. Every message not in `rest` is confirmed.
    #[error("the queue {queue} is full")]
    Full {
        /// The full queue.
        queue: Queue,
        /// What was not taken, in order.
        rest: Vec<Message>,
    },
    /// There is no such queue: the topology is not declared, or the message names a queue that is gone.
    #[error("no queue {queue} at the broker: run `ua setup`")]
    Unroutable {
        /// The queue that is not there.
        queue: Queue,
    },
    /// A message is larger than [`MAX_MESSAGE_BYTES`].
    #[error("a message for {queue} has {bytes} bytes; the broker takes {MAX_MESSAGE_BYTES}")]
    TooLarge {
        /// Where it was bound.
        queue: Queue,
        /// Its size.
        bytes: usize,
    },
    /// The broker is away or failed.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Why the broker could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The broker cannot be reached, takes nothing for now, or the connection was lost; tried again by itself.
    #[error("the broker is not available: {0}")]
    Away(String),
    /// The broker refuses: credentials, rights, differing queue arguments. It may be another time.
    #[error("the broker refuses: {0}")]
    Refused(String),
    /// Our own side is wrong: an address that cannot be read, a folder that cannot be written, a file of a newer version.
    #[error("{0}")]
    Misconfigured(String),
    /// The local file was deleted or replaced during work: the process has to end.
    #[error("{0}")]
    Gone(String),
    /// The lease was lost: somebody else has the message now.
    #[error("the lease of message {0} was lost; somebody else has it now")]
    LeaseLost(String),
}
