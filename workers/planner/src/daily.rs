//! Which dates are planned when nobody names any.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use messages::ReceiptState;

use crate::Coverage;
use crate::calendar::today;
use crate::coverage::Day;
use crate::settled::is_final;

/// How many days before yesterday are looked at again.
const LOOK_BACK: i32 = 2;

/// What a daily plan is about: yesterday, in UTC.
pub fn daily(now: Timestamp) -> Vec<Date> {
    today(now).yesterday().into_iter().collect()
}

/// The two days before yesterday, as far as something of them is missing.
///
/// A date is looked at again when one of its receipts is not complete, or when its list was read before the
/// date was over. A date without any receipt was missed if an earlier date has one: then this `ua` was at work
/// before it, and did not run on the day after. On the first day of a new installation nothing is missed, and
/// older dates are planned only when they are asked for.
pub fn look_back(now: Timestamp, coverage: &Coverage) -> Vec<Date> {
    incomplete(now, coverage, LOOK_BACK)
}

/// The same of so many days before yesterday.
pub(crate) fn incomplete(now: Timestamp, coverage: &Coverage, back: i32) -> Vec<Date> {
    let days = coverage.days();
    let missing = |date: &Date| match days.get(date) {
        Some(day) => !is_whole(*date, day, now),
        None => days.range(..*date).next().is_some(),
    };
    let candidates = (2..=1 + back).rev();
    candidates.filter_map(|back| today(now).checked_sub(back.days()).ok()).filter(missing).collect()
}

/// What is planned when nobody names a date: [`look_back`] and [`daily`], in order.
pub fn standard(now: Timestamp, coverage: &Coverage) -> Vec<Date> {
    let mut dates = look_back(now, coverage);
    dates.extend(daily(now));
    dates
}

/// True when nothing of a date is missing, as far as its receipts know.
pub(crate) fn is_whole(date: Date, day: &Day<'_>, now: Timestamp) -> bool {
    let lists = [day.meetings, day.webinars];
    let listed = day.meetings.is_some() && lists.into_iter().flatten().all(|list| is_final(date, list, now));
    listed && day.details.iter().all(|detail| detail.state == ReceiptState::Complete)
}
