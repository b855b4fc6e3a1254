//! When a date's list can be trusted.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use messages::ReceiptState;

use crate::calendar::start_of;
use crate::coverage::Known;

/// How long after the end of a date its list can be trusted to name every meeting.
pub const SETTLED_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// True when the list of `date` is complete and was read when nothing could be missing from it. A time in the future was
/// set by a clock that was wrong: who knows when it was read.
pub(crate) fn is_final(date: Date, list: &Known, now: Timestamp) -> bool {
    let over = date.tomorrow().ok().and_then(start_of);
    let settled = over.and_then(|over| over.checked_add(SETTLED_AFTER).ok());
    let since = settled.zip(list.mark(now)).is_some_and(|(settled, started)| started >= settled);
    list.state == ReceiptState::Complete && since
}
