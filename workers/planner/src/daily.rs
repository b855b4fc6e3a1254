//! Dates that are planned by default.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use messages::ReceiptState;

use crate::Coverage;
use crate::calendar::today;
use crate::coverage::Day;
use crate::settled::is_final;

/// Number of days before yesterday that are checked again.
const LOOK_BACK: i32 = 2;

/// Returns the date of a daily plan: yesterday, in UTC.
pub fn daily(now: Timestamp) -> Vec<Date> {
    today(now).yesterday().into_iter().collect()
}

/// Returns those of the two days before yesterday that are incomplete.
///
/// A date is incomplete if one of its receipts is not complete, or if its list was read before the date was settled. A
/// date without a receipt counts only if an earlier date has one: then `ua` was in use before it and missed it. A new
/// installation has missed nothing; its older dates are planned only on request.
pub fn look_back(now: Timestamp, coverage: &Coverage) -> Vec<Date> {
    incomplete(now, coverage, LOOK_BACK)
}

/// Like [`look_back`], for `back` days before yesterday.
pub(crate) fn incomplete(now: Timestamp, coverage: &Coverage, back: i32) -> Vec<Date> {
    let days = coverage.days();
    let missing = |date: &Date| match days.get(date) {
        Some(day) => !is_whole(*date, day, now),
        None => days.range(..*date).next().is_some(),
    };
    let candidates = (2..=1 + back).rev();
    candidates.filter_map(|back| today(now).checked_sub(back.days()).ok()).filter(missing).collect()
}

/// Returns the default dates of a plan: [`look_back`] and [`daily`], in order.
pub fn standard(now: Timestamp, coverage: &Coverage) -> Vec<Date> {
    let mut dates = look_back(now, coverage);
    dates.extend(daily(now));
    dates
}

/// True if the receipts show nothing missing from a date.
pub(crate) fn is_whole(date: Date, day: &Day<'_>, now: Timestamp) -> bool {
    let lists = [day.meetings, day.webinars];
    let listed = day.meetings.is_some() && lists.into_iter().flatten().all(|list| is_final(date, list, now));
    listed && day.details.iter().all(|detail| detail.state == ReceiptState::Complete)
}
