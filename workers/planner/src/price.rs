//! What a plan will cost: calls per class, share of the day's quota, time. An estimate that says what it rests on.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use messages::zoom::{Event, Task};
use serde::Serialize;

use crate::coverage::{Day, Known};
use crate::daily::today;

/// Rows of a page of a list.
const PAGE: u64 = 300;
/// Seconds of a day.
const DAY: u64 = 86_400;

/// What may be called: the account's quota, the configured share of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// Heavy calls a second.
    pub heavy_per_second: f64,
    /// Resource-intensive calls a second.
    pub resource_intensive_per_second: f64,
    /// Heavy and Resource-intensive calls together a day, until 00:00 UTC.
    pub per_day: u64,
}

/// The price of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Price {
    /// Resource-intensive calls: the lists.
    pub resource_intensive: u64,
    /// Heavy calls: the details. `None`: unknown until the lists are read.
    pub heavy: Option<u64>,
    /// Part of one day's quota; 1.0 is all of it.
    pub share_of_day: Option<f64>,
    /// Days whose quota it needs; 1 when it fits into what one day allows.
    pub quota_days: Option<u64>,
    /// Seconds it takes at the very least.
    pub seconds: Option<u64>,
    /// Dates of which nothing is known and that no other date helps to estimate.
    pub unknown_dates: u64,
    /// What the figures rest on, in words.
    pub basis: String,
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, ", counted(self.resource_intensive, "resource-intensive call"))?;
        match (self.heavy, self.share_of_day, self.quota_days, self.seconds) {
            (Some(heavy), Some(share), Some(days), Some(seconds)) => {
                let time = duration(seconds);
                write!(f, "{}: {:.1} % of a day's quota, ", counted(heavy, "heavy call"), share * 100.0)?;
                if days > 1 {
                    write!(f, "{days} quota days, ")?;
                }
                write!(f, "at least {time}")?;
            }
            _ => f.write_str("heavy calls unknown until listed")?,
        }
        write!(f, " ({})", self.basis)
    }
}

/// The price of publishing `tasks`.
pub(crate) fn of(now: Timestamp, tasks: &[Task], days: &BTreeMap<Date, Day<'_>>, quota: &Quota) -> Price {
    let known = Experience::from(days);
    let mut sum = Sum::default();
    for task in tasks {
        match task {
            Task::Meetings { date } => sum.list(Event::Meeting, days.get(date), &known),
            Task::Webinars { date } => sum.list(Event::Webinar, days.get(date), &known),
            // Two lists of one host, a page each.
            Task::HostMeetings { .. } => sum.heavy += 2.0,
            Task::Participants { header, .. } => {
                sum.heavy += known.calls_per_detail + f64::from(u8::from(*header));
            }
        }
    }
    let lists = whole(sum.lists);
    let heavy = (sum.unknown == 0).then(|| whole(sum.heavy));
    let calls = heavy.map(|heavy| heavy + lists);
    let quota_days = calls.map(|calls| calls.div_ceil(quota.per_day.max(1)).max(1));
    Price {
        resource_intensive: lists,
        heavy,
        share_of_day: calls.map(|calls| float(calls) / float(quota.per_day.max(1))),
        quota_days,
        seconds: heavy.zip(quota_days).map(|(heavy, days)| seconds(now, lists, heavy, days, quota)),
        unknown_dates: sum.unknown,
        basis: sum.basis(&known),
    }
}

/// The least time: at the rates, and not before the quota days needed have begun.
fn seconds(now: Timestamp, lists: u64, heavy: u64, days: u64, quota: &Quota) -> u64 {
    let at = |calls: u64, rate: f64| if rate > 0.0 { whole(float(calls) / rate) } else { 0 };
    let by_rate = at(lists, quota.resource_intensive_per_second).max(at(heavy, quota.heavy_per_second));
    if days <= 1 {
        return by_rate;
    }
    let last_day = (lists + heavy).saturating_sub((days - 1) * quota.per_day);
    by_rate.max(until_midnight(now) + (days - 2) * DAY + at(last_day, quota.heavy_per_second))
}

fn until_midnight(now: Timestamp) -> u64 {
    let midnight = today(now).tomorrow().ok().and_then(start_of);
    midnight.map_or(DAY, |midnight| u64::try_from(midnight.as_second() - now.as_second()).unwrap_or(0))
}

/// 00:00 UTC of a date.
pub(crate) fn start_of(date: Date) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())).ok()
}

/// What the receipts teach of dates that have none.
struct Experience {
    dates: [usize; 2],
    meetings_per_date: [Option<f64>; 2],
    calls_per_detail: f64,
}

impl From<&BTreeMap<Date, Day<'_>>> for Experience {
    fn from(days: &BTreeMap<Date, Day<'_>>) -> Self {
        let listed = [Event::Meeting, Event::Webinar]
            .map(|event| days.values().filter_map(|day| meetings(event, day)).collect::<Vec<u64>>());
        let details: Vec<u64> = days
            .values()
            .flat_map(|day| &day.details)
            .map(|detail| detail.calls.heavy)
            .filter(|calls| *calls > 0)
            .collect();
        Self {
            dates: [listed[0].len(), listed[1].len()],
            meetings_per_date: [mean(&listed[0]), mean(&listed[1])],
            // Hardly any meeting has more than a page of sessions: one call each where nothing is known.
            calls_per_detail: mean(&details).unwrap_or(1.0),
        }
    }
}

/// How many meetings (or webinars) a date has, if anything says so.
fn meetings(event: Event, day: &Day<'_>) -> Option<u64> {
    let list: &Known = day.list(event)?;
    let details = (event == Event::Meeting && !day.details.is_empty()).then_some(day.details.len() as u64);
    list.jobs.or(list.expected).or(details)
}

#[derive(Default)]
struct Sum {
    lists: f64,
    heavy: f64,
    known: u64,
    estimated: u64,
    unknown: u64,
}

impl Sum {
    fn list(&mut self, event: Event, day: Option<&Day<'_>>, experience: &Experience) {
        let types = if event == Event::Meeting { 2 } else { 1 };
        let known = day.and_then(|day| meetings(event, day));
        let mean = experience.meetings_per_date[usize::from(event == Event::Webinar)];
        let meetings = match (known, mean) {
            (Some(meetings), _) => {
                self.known += 1;
                float(meetings)
            }
            (None, Some(mean)) => {
                self.estimated += 1;
                mean
            }
            (None, None) => {
                self.unknown += 1;
                0.0
            }
        };
        let called = day.and_then(|day| day.list(event)).map_or(0, |list| list.calls.resource_intensive);
        let pages = whole(meetings).div_ceil(PAGE).max(1) * types;
        self.lists += float(if called > 0 { called } else { pages });
        self.heavy += meetings * experience.calls_per_detail;
    }

    fn basis(&self, experience: &Experience) -> String {
        let mut parts = Vec::new();
        if self.known > 0 {
            parts.push(format!("{} known from receipts", counted(self.known, "list")));
        }
        if self.estimated > 0 {
            let dates = experience.dates[0].max(experience.dates[1]);
            let (lists, dates) = (counted(self.estimated, "list"), counted(dates as u64, "date"));
            parts.push(format!("{lists} estimated from the average of {dates}"));
        }
        if self.unknown > 0 {
            parts.push(format!(
                "{} of which nothing is known: two calls each are counted, one for webinars",
                counted(self.unknown, "list")
            ));
        }
        if self.heavy > 0.0 {
            parts.push(format!("{:.2} heavy calls per meeting", experience.calls_per_detail));
        }
        if parts.is_empty() { "nothing to fetch".to_owned() } else { parts.join(", ") }
    }
}

fn mean(values: &[u64]) -> Option<f64> {
    (!values.is_empty()).then(|| float(values.iter().sum::<u64>()) / float(values.len() as u64))
}

#[expect(clippy::cast_precision_loss, reason = "calls are far below 2^52")]
fn float(value: u64) -> f64 {
    value as f64
}

/// Rounded up; half a call is a call.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative, saturates")]
fn whole(value: f64) -> u64 {
    (value - 1e-9).ceil().max(0.0) as u64
}

/// `1 list`, `2 lists`.
fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds.div_ceil(60)),
        3_600..DAY => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} {} h", counted(seconds / DAY, "day"), seconds % DAY / 3_600),
    }
}
