//! Estimates the cost of unknown dates from the account's past.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use messages::zoom::Event;

use super::float;
use crate::coverage::{Day, Known};
use crate::experience::Experience;
use crate::settled::is_final;

/// Cost of a list.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Cost {
    /// Resource-intensive calls of the list; `None` if no receipt counted them.
    pub(super) calls: Option<f64>,
    /// Number of jobs that the list published.
    pub(super) jobs: f64,
}

/// Source of an estimated cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// The mean of this number of lists of the same weekday.
    Weekday(Weekdays, u64),
    /// The mean of this number of lists of any weekday.
    AnyDay(u64),
}

/// A weekday, ordered from Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Weekdays(i8);

impl Weekdays {
    fn of(day: Weekday) -> Self {
        Self(day.to_monday_one_offset())
    }

    /// Formats the weekday with its number: `9 Mondays`.
    pub(super) fn counted(self, count: u64) -> String {
        let names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        let place = usize::try_from(self.0 - 1).unwrap_or(0);
        crate::numbers::counted(count, names.get(place).copied().unwrap_or("day"))
    }
}

/// One cost per date whose list is final (`is_final`).
#[derive(Debug)]
pub(super) struct History {
    meetings: Vec<(Weekday, Cost)>,
    webinars: Vec<(Weekday, Cost)>,
    experience: Experience,
}

impl History {
    pub(super) fn new(
        days: &BTreeMap<Date, Day<'_>>,
        experience: Option<Experience>,
        now: Timestamp,
    ) -> Self {
        let listed = |event| {
            let costs = days.iter().filter_map(|(date, day)| {
                let list = day.list(event).filter(|list| is_final(*date, list, now))?;
                Some((date.weekday(), cost(list)?))
            });
            costs.collect()
        };
        Self {
            meetings: listed(Event::Meeting),
            webinars: listed(Event::Webinar),
            experience: experience.unwrap_or_else(|| experience_of(days)),
        }
    }

    /// Returns the mean cost of the lists of this date's weekday, or else of all lists.
    pub(super) fn mean(&self, event: Event, date: Date) -> Option<(Cost, Source)> {
        let past = match event {
            Event::Meeting => &self.meetings,
            Event::Webinar => &self.webinars,
        };
        let weekday = date.weekday();
        let same: Vec<Cost> = past.iter().filter(|(day, _)| *day == weekday).map(|(_, cost)| *cost).collect();
        if let Some(mean) = mean(&same) {
            return Some((mean, Source::Weekday(Weekdays::of(weekday), same.len() as u64)));
        }
        let all: Vec<Cost> = past.iter().map(|(_, cost)| *cost).collect();
        mean(&all).map(|mean| (mean, Source::AnyDay(all.len() as u64)))
    }

    /// Returns the heavy calls per detail, 1 if unknown: nearly every meeting has one page of sessions.
    pub(super) fn calls_per_detail(&self) -> f64 {
        ratio(self.experience.heavy, self.experience.details()).unwrap_or(1.0)
    }

    /// Returns the heavy calls per job of a list. On the Reports path, such a job is a host with its meetings.
    pub(super) fn calls_per_job(&self) -> f64 {
        match self.experience.hosts {
            0 => self.calls_per_detail(),
            hosts => ratio(self.experience.heavy, hosts).unwrap_or(1.0),
        }
    }

    /// Returns the number of details per job of a list.
    pub(super) fn details_per_job(&self) -> f64 {
        ratio(self.experience.details(), self.experience.hosts).unwrap_or(1.0)
    }

    /// Returns the number of complete details in the mean of calls per detail.
    pub(super) fn details(&self) -> u64 {
        self.experience.details()
    }
}

/// Returns the cost in a list's receipt.
pub(super) fn cost(list: &Known) -> Option<Cost> {
    let calls = &list.calls;
    let counted = calls.light + calls.medium + calls.heavy + calls.resource_intensive > 0;
    let jobs = float(list.jobs.or(list.expected)?);
    Some(Cost { calls: counted.then(|| float(calls.resource_intensive)), jobs })
}

fn mean(costs: &[Cost]) -> Option<Cost> {
    let calls: Vec<f64> = costs.iter().filter_map(|cost| cost.calls).collect();
    (!costs.is_empty()).then(|| Cost {
        calls: (!calls.is_empty()).then(|| calls.iter().sum::<f64>() / float(calls.len() as u64)),
        jobs: costs.iter().map(|cost| cost.jobs).sum::<f64>() / float(costs.len() as u64),
    })
}

fn ratio(sum: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| float(sum) / float(count))
}

/// Computes the experience from the receipts in the coverage.
fn experience_of(days: &BTreeMap<Date, Day<'_>>) -> Experience {
    let mut experience = Experience::default();
    for detail in days.values().flat_map(|day| &day.details).filter(|detail| detail.calls.heavy > 0) {
        match detail.kind.as_str() {
            "host_meetings" => experience.hosts += 1,
            _ => experience.meetings += 1,
        }
        experience.heavy = experience.heavy.saturating_add(detail.calls.heavy);
    }
    experience
}
