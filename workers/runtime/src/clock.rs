//! The one place where the time of day is read. Everything that decides takes the time as a value.

use jiff::Timestamp;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "this is the place all others are sent to")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
