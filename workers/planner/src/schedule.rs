//! When the scheduler plans, and which dates. Pure: time is passed in.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use messages::{MeetingUuid, ReceiptState};

use crate::Coverage;
use crate::calendar::today;
use crate::cron::{Cron, CronError};
use crate::daily::incomplete;
use crate::opencast::{recent_dates, today as date_in};

/// Days before yesterday that are planned while they are incomplete.
const LATE_DAYS: i32 = 3;
/// Age in days at which a date is checked once more.
const SECOND_LOOK: i32 = 7;
/// Maximum age of a scheduled date: Zoom lists about six months. Older Opencast dates are planned by hand.
const LISTED_DAYS: i32 = 180;
/// Longest time between two firings in days: a 29th of February can be eight years away.
const LONGEST: i32 = 366 * 8 + 1;

/// A cron expression in a time zone.
///
/// A time that a change to daylight saving time skips fires later by the length of the change. A time that occurs twice
/// fires the first time.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

impl Schedule {
    /// Parses an expression of five fields: minute, hour, day, month, weekday.
    ///
    /// # Errors
    /// Returns an error that names the invalid field.
    pub fn parse(expression: &str, zone: TimeZone) -> Result<Self, CronError> {
        Ok(Self { cron: Cron::parse(expression)?, zone })
    }

    /// Returns the first firing after `time`; `None` only at the end of the calendar.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        // A clock change can shift a firing of the day before past midnight.
        let first = self.zone.to_datetime(time).date().yesterday().unwrap_or(Date::MIN);
        let mut days = first.series(1.day()).take(usize::try_from(LONGEST).unwrap_or(0));
        days.find_map(|date| self.on(date).filter(|firing| *firing > time).min())
    }

    /// Returns the latest firing after `last`, the last firing that was done; `None` if there is none. Several missed
    /// firings are made up once.
    pub fn due(&self, now: Timestamp, last: Timestamp) -> Option<Timestamp> {
        // Search recent spans first, so that a schedule of every minute is not followed over months.
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

/// Returns the dates that a firing plans, in order: yesterday; the three days before it and the date of a week ago, if
/// they are incomplete; and every date that became due since `last`, the last firing that was done. The plan publishes
/// only missing jobs.
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

/// Returns the Opencast dates that a firing plans, in order, in the server's zone: the default dates now and at `last`,
/// the last firing that was done, and all between; and every date since [`oldest_lectures`] whose receipt is not
/// complete or has a start in the future. The plan publishes only missing jobs.
pub fn scheduled_lectures(
    now: Timestamp,
    last: Option<Timestamp>,
    zone: &TimeZone,
    coverage: &Coverage,
) -> Vec<Date> {
    let oldest = oldest_lectures(now, zone);
    let first = |now| recent_dates(now, zone).first().copied();
    // A date that was recent at the last firing may have been read only before its end.
    let begin = last.and_then(first).into_iter().chain(first(now)).min().unwrap_or(oldest);
    let mut dates = span(begin.max(oldest), date_in(now, zone));
    dates.extend(coverage.unfinished_actions(now).filter(|date| *date >= oldest));
    dates.sort_unstable();
    dates.dedup();
    dates
}

/// Returns the oldest Opencast date that a firing plans.
pub fn oldest_lectures(now: Timestamp, zone: &TimeZone) -> Date {
    date_in(now, zone).saturating_sub(LISTED_DAYS.days())
}

/// Splits the dates of a scheduled Opencast plan into older dates and daily work.
pub fn lectures_by_age(now: Timestamp, zone: &TimeZone, dates: &[Date]) -> (Vec<Date>, Vec<Date>) {
    let since = recent_dates(now, zone).first().copied().unwrap_or(Date::MIN);
    dates.iter().partition(|date| **date < since)
}

/// Splits the dates of a scheduled plan into older dates and daily work.
pub fn by_age(now: Timestamp, dates: &[Date]) -> (Vec<Date>, Vec<Date>) {
    let since = crate::plan::daily_since(now);
    dates.iter().partition(|date| **date < since)
}

/// Returns the dates that became a week old since `last`.
pub fn second_looks(now: Timestamp, last: Option<Timestamp>) -> Vec<Date> {
    let end = today(now).saturating_sub(SECOND_LOOK.days());
    let begin = match last {
        Some(last) => today(last).saturating_sub(SECOND_LOOK.days()).tomorrow().unwrap_or(end),
        None => end,
    };
    span(begin.max(today(now).saturating_sub(LISTED_DAYS.days())), end)
}

/// Returns the dates that became yesterday since `last`.
fn missed(now: Timestamp, last: Option<Timestamp>) -> Vec<Date> {
    let Some(last) = last else { return Vec::new() };
    let Ok(yesterday) = today(now).yesterday() else { return Vec::new() };
    span(today(last).max(today(now).saturating_sub(LISTED_DAYS.days())), yesterday)
}

fn span(begin: Date, end: Date) -> Vec<Date> {
    crate::days(begin, end).unwrap_or_default()
}

/// Returns the meetings whose complete detail has fewer sessions than its list counts participants, to fetch them
/// again. `counts` are the counts of the lists, by meeting.
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
