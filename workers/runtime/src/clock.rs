//! The one place where the time of day is read. Everything that decides takes the time as a value.

use jiff::Timestamp;

/// The time now, in whole milliseconds: what is kept and asked for again must not differ by what stores leave out.
#[expect(clippy::disallowed_methods, reason = "this is the place all others are sent to")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}
