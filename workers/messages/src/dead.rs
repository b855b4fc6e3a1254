//! A dead letter: a message nobody can use as it is, with its cause, until somebody replays or drops it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Cause, Queue};

/// What has become of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeadState {
    /// Waits for an operator.
    Dead,
    /// Was published again to its origin; kept as history.
    Replayed,
    /// Was given up by an operator; kept as history.
    Dropped,
}

/// A row of the store's index `deadletters`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    /// The message's id, which is also the row's id.
    pub id: String,
    /// What has become of it.
    pub state: DeadState,
    /// Why it died.
    pub cause: Cause,
    /// The queue in which it died and to whose replay lane it goes back.
    pub origin: Queue,
    /// How often it was tried, all in all.
    pub attempts: u32,
    /// How often it was replayed before.
    pub replays: u32,
    /// When the message was first published.
    pub first_seen: Timestamp,
    /// When it died.
    pub died_at: Timestamp,
    /// When its state last changed.
    pub changed_at: Timestamp,
    /// The message, byte for byte, as base64: opaque, so that no mapping can refuse it.
    pub body: String,
}

impl DeadLetter {
    /// The message as it was.
    ///
    /// # Errors
    /// When the row was altered by hand and is no longer base64.
    pub fn body_bytes(&self) -> Result<Vec<u8>, base64::DecodeError> {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(&self.body)
    }

    /// The form in which a message's bytes are kept in [`DeadLetter::body`].
    pub fn opaque(body: &[u8]) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(body)
    }
}
