//! Messages to bytes and back, and what to say when bytes are not a message.

use serde::{Deserialize, Serialize};

/// The version this program writes into every message and the only one it reads.
pub const VERSION: u32 = 1;

/// Why bytes could not be read as a message.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The message says that it is of a version this program does not know.
    #[error("message version {found} is unknown here (this ua reads version {VERSION})")]
    UnknownVersion {
        /// The version the message carries.
        found: u64,
    },
    /// The bytes are not JSON of the promised shape. The text names the place, never the content.
    #[error("message is not of the promised shape (line {line}, column {column})")]
    Malformed {
        /// Line of the first trouble, from 1.
        line: usize,
        /// Column of the first trouble, from 1.
        column: usize,
    },
}

impl DecodeError {
    /// The cause with which a message that cannot be read becomes a dead letter.
    pub fn cause(&self) -> crate::Cause {
        let class = match self {
            Self::UnknownVersion { .. } => crate::CauseClass::UnknownVersion,
            Self::Malformed { .. } => crate::CauseClass::BadShape,
        };
        crate::Cause::new(class, self.to_string())
    }
}

/// Writes a message as JSON.
///
/// # Errors
/// Only when a value inside refuses to be serialised, which the types of this crate never do.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(message)
}

/// Reads a message, borrowing from `bytes` where the type allows it.
///
/// # Errors
/// [`DecodeError::UnknownVersion`] when the message names another version than [`VERSION`], else
/// [`DecodeError::Malformed`].
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    // The good path parses once. Only a message that failed is searched for its version.
    serde_json::from_slice(bytes).map_err(|error| match version_of(bytes) {
        Some(found) if found != u64::from(VERSION) => DecodeError::UnknownVersion { found },
        _ => DecodeError::Malformed { line: error.line(), column: error.column() },
    })
}

fn version_of(bytes: &[u8]) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let inner =
        value.as_object().filter(|object| object.len() == 1).and_then(|object| object.values().next());
    value.get("version").or_else(|| inner?.get("version"))?.as_u64()
}

/// A `version` field that reads only [`VERSION`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Version;

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(VERSION)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = u32::deserialize(deserializer)?;
        if found == VERSION { Ok(Self) } else { Err(serde::de::Error::custom("unknown version")) }
    }
}
