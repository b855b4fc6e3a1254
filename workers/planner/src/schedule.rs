//! When the clock plans, and what: pure, the time comes as a value.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use messages::{MeetingUuid, ReceiptState};

use crate::Coverage;
use crate::calendar::today;
use crate::cron::{Cron, CronError};
use crate::daily::incomplete;
use crate::opencast::{recent_dates, today as date_in};

/// Days before yesterday that are looked at while something of them is missing.
const LATE_DAYS: i32 = 3;
/// After so many days a date is looked at once more.
const SECOND_LOOK: i32 = 7;
/// No list of Zoom's reaches further back: about six months. What is older of Opencast is planned by hand.
const LISTED_DAYS: i32 = 180;
/// Every expression that fires at all fires within eight years: on a 29th of February at the latest.
const LONGEST: i32 = 366 * 8 + 1;

/// A cron expression in a time zone.
///
/// A time that the change to summer time leaves out fires as much later as the clock is put forward; one that occurs
/// twice fires the first time.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

impl Schedule {
    /// Reads an expression of five fields: minute, hour, day, month, weekday.
    ///
    /// # Errors
    /// When it is none; the error names the field.
    pub fn parse(expression: &str, zone: TimeZone) -> Result<Self, CronError> {
        Ok(Self { cron: Cron::parse(expression)?, zone })
    }

    /// The first firing after `time`; `None` only at the end of the calendar.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        // A zone may be hours ahead of the date before.
        let first = self.zone.to_datetime(time).date().yesterday().unwrap_or(Date::MIN);
        let mut days = first.series(1.day()).take(usize::try_from(LONGEST).unwrap_or(0));
        days.find_map(|date| self.on(date).filter(|firing| *firing > time).min())
    }

    /// The last firing that has come since `last` was done, however many there were: a missed firing is made up
    /// once. `None` when there was none.
    pub fn due(&self, now: Timestamp, last: Timestamp) -> Option<Timestamp> {
        // From near to far: a schedule of every minute is not to be followed over months.
        let spans = [1, 24, 24 * 32, 24 * 366].map(SignedDuration::from_hours);
        let starts =
            spans.iter().filter_map(|span| now.checked_sub(*span).ok()).filter(|start| *start > last);
        let mut found = None;
        for start in starts.chain([last]) {
            let mut next = self.next_after(start);
            while let Some(firing) = next.filter(|firing| *firing <= now) {
                found = Some(firing);
                next = self.next_after(firing);
            }
            if found.is_some() {
                break;
            }
        }
        found
    }

    fn on(&self, date: Date) -> impl Iterator<Item = Timestamp> + '_ {
        let times = self.cron.is_on(date).then(|| self.cron.times()).into_iter().flatten();
        times.filter_map(move |(hour, minute)| {
            let time = Time::new(hour, minute, 0, 0).ok()?;
            self.zone.to_ambiguous_timestamp(date.to_datetime(time)).compatible().ok()
        })
    }
}

/// The dates that a firing plans, in order: yesterday; the three days before it and the date of a week ago, as far as
/// something of them is missing; and every date whose turn has gone by since `last`, the last firing that was done.
/// The plan publishes only what they need.
pub fn scheduled(now: Timestamp, last: Option<Timestamp>, coverage: &Coverage) -> Vec<Date> {
    let today = today(now);
    let mut dates: Vec<Date> = missed(now, last);
    dates.extend(incomplete(now, coverage, LATE_DAYS));
    let known = coverage.days();
    let is_missing =
        |date: &Date| known.get(date).is_some_and(|day| !crate::daily::is_whole(*date, day, now));
    dates.extend(second_looks(now, last).into_iter().filter(is_missing));
    dates.extend(today.yesterday());
    dates.sort_unstable();
    dates.dedup();
    dates
}

/// The dates of the server's zone that a firing plans of Opencast, in order: those that are planned when nobody names
/// any, as they are now and as they were at `last`, the last firing that was done, and all between; and every date since
/// [`oldest_lectures`] whose receipt is not complete, or says that it was read at a time that is still to come. The plan
/// publishes only what they need.
pub fn scheduled_lectures(
    now: Timestamp,
    last: Option<Timestamp>,
    zone: &TimeZone,
    coverage: &Coverage,
) -> Vec<Date> {
    let oldest = oldest_lectures(now, zone);
    let first = |now| recent_dates(now, zone).first().copied();
    // What was recent at the last firing may have been read before it was over, and not since.
    let begin = last.and_then(first).into_iter().chain(first(now)).min().unwrap_or(oldest);
    let mut dates = span(begin.max(oldest), date_in(now, zone));
    dates.extend(coverage.unfinished_actions(now).filter(|date| *date >= oldest));
    dates.sort_unstable();
    dates.dedup();
    dates
}

/// The oldest date of Opencast's that a firing looks at.
pub fn oldest_lectures(now: Timestamp, zone: &TimeZone) -> Date {
    date_in(now, zone).saturating_sub(LISTED_DAYS.days())
}

/// Of dates that a scheduled plan of Opencast is about: the older ones, and those that are daily work.
pub fn lectures_by_age(now: Timestamp, zone: &TimeZone, dates: &[Date]) -> (Vec<Date>, Vec<Date>) {
    let since = recent_dates(now, zone).first().copied().unwrap_or(Date::MIN);
    dates.iter().partition(|date| **date < since)
}

/// Of dates that a scheduled plan is about: the older ones, and those that are daily work.
pub fn by_age(now: Timestamp, dates: &[Date]) -> (Vec<Date>, Vec<Date>) {
    let since = crate::plan::daily_since(now);
    dates.iter().partition(|date| **date < since)
}

/// Dates whose second look has come since `last`: a week is over.
pub fn second_looks(now: Timestamp, last: Option<Timestamp>) -> Vec<Date> {
    let end = today(now).saturating_sub(SECOND_LOOK.days());
    let begin = match last {
        Some(last) => today(last).saturating_sub(SECOND_LOOK.days()).tomorrow().unwrap_or(end),
        None => end,
    };
    span(begin.max(today(now).saturating_sub(LISTED_DAYS.days())), end)
}

/// Dates that became yesterday since `last`.
fn missed(now: Timestamp, last: Option<Timestamp>) -> Vec<Date> {
    let Some(last) = last else { return Vec::new() };
    let Ok(yesterday) = today(now).yesterday() else { return Vec::new() };
    span(today(last).max(today(now).saturating_sub(LISTED_DAYS.days())), yesterday)
}

fn span(begin: Date, end: Date) -> Vec<Date> {
    crate::days(begin, end).unwrap_or_default()
}

/// Meetings whose list counts more participants than sessions came, although the job was content: `counts` are the
/// lists', by meeting. They are to be fetched once more.
pub fn short<'a>(
    counts: impl IntoIterator<Item = (&'a MeetingUuid, u64)>,
    coverage: &Coverage,
) -> Vec<MeetingUuid> {
    let is_short = |uuid: &MeetingUuid, counted: u64| {
        let known = coverage
            .of(&crate::plan::picked(uuid).job_id())
            .filter(|known| known.state == ReceiptState::Complete);
        known.and_then(|known| known.got).is_some_and(|got| got < counted)
    };
    counts
        .into_iter()
        .filter(|(uuid, counted)| is_short(uuid, *counted))
        .map(|(uuid, _)| uuid.clone())
        .collect()
}
