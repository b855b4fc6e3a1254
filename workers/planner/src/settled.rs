//! When a date's list is final.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use messages::ReceiptState;

use crate::calendar::start_of;
use crate::coverage::Known;

/// Time after the end of a date until its list contains every meeting.
pub const SETTLED_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// True if the list of `date` is complete and was read after the date was settled. A start in the future does not
/// count, because it comes from a wrong clock.
pub(crate) fn is_final(date: Date, list: &Known, now: Timestamp) -> bool {
    let over = date.tomorrow().ok().and_then(start_of);
    let settled = over.and_then(|over| over.checked_add(SETTLED_AFTER).ok());
    let since = settled.zip(list.mark(now)).is_some_and(|(settled, started)| started >= settled);
    list.state == ReceiptState::Complete && since
}
