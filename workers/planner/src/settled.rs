//! When a date's list can be trusted.

use jiff::SignedDuration;
use jiff::civil::Date;
use messages::ReceiptState;

use crate::calendar::start_of;
use crate::coverage::Known;

/// How long after the end of a date its list can be trusted to name every meeting.
pub const SETTLED_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// True when the list of `date` is complete and was read when nothing could be missing from it.
pub(crate) fn is_final(date: Date, list: &Known) -> bool {
    let over = date.tomorrow().ok().and_then(start_of);
    let settled = over.and_then(|over| over.checked_add(SETTLED_AFTER).ok());
    let since = settled.zip(list.started_at).is_some_and(|(settled, started)| started >= settled);
    list.state == ReceiptState::Complete && since
}
