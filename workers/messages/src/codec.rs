//! Encodes and decodes messages.

use serde::{Deserialize, Serialize};

/// Message version that this program writes, and the only version that it reads.
pub const VERSION: u32 = 1;

/// Error for bytes that are not a readable message.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The message has a version that this program does not know.
    #[error("message version {found} is unknown here (this ua reads version {VERSION})")]
    UnknownVersion {
        /// The version in the message.
        found: u64,
    },
    /// The bytes are not JSON of the expected shape. The text names the position, never the content.
    #[error("message is not of the promised shape (line {line}, column {column})")]
    Malformed {
        /// Line of the first error, from 1.
        line: usize,
        /// Column of the first error, from 1.
        column: usize,
    },
}

impl DecodeError {
    /// Returns the cause of the dead letter that an unreadable message becomes.
    pub fn cause(&self) -> crate::Cause {
        let class = match self {
            Self::UnknownVersion { .. } => crate::CauseClass::UnknownVersion,
            Self::Malformed { .. } => crate::CauseClass::BadShape,
        };
        crate::Cause::new(class, self.to_string())
    }
}

/// Encodes a message as JSON.
///
/// # Errors
/// Returns an error if a value cannot be serialised, which does not happen for the types of this crate.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(message)
}

/// Decodes a message and borrows from `bytes` if the type allows it.
///
/// # Errors
/// Returns [`DecodeError::UnknownVersion`] if the message's version is not [`VERSION`], otherwise
/// [`DecodeError::Malformed`].
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    // Valid messages are parsed once. Only an invalid message is parsed again for its version.
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

/// A `version` field that accepts only [`VERSION`].
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
