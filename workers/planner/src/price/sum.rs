//! Adds up the cost of tasks and records the basis of each part.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use messages::zoom::Event;

use super::history::{self, Cost, History, Source};
use super::{float, whole};
use crate::coverage::Day;
use crate::numbers::{counted, grouped};
use crate::settled::is_final;

/// Rows per page of a list.
const PAGE: u64 = 300;
/// Assumed meetings per date if no list of the account was read yet: one page.
const GUESSED_MEETINGS: u64 = PAGE;
/// Assumed webinars per date in the same case: most accounts have few.
const GUESSED_WEBINARS: u64 = 10;

/// Total cost of the tasks.
#[derive(Debug, Default)]
pub(super) struct Sum {
    pub(super) lists: f64,
    pub(super) heavy: f64,
    pub(super) details: f64,
    pub(super) known: u64,
    pub(super) guessed: u64,
    named: u64,
    sources: BTreeMap<Source, u64>,
}

impl Sum {
    /// Adds a detail whose job is already known.
    pub(super) fn detail(&mut self, heavy: f64) {
        self.named += 1;
        self.details += 1.0;
        self.heavy += heavy;
    }

    /// Adds a list and the details it will publish.
    pub(super) fn list(
        &mut self,
        event: Event,
        date: Date,
        day: Option<&Day<'_>>,
        history: &History,
        now: Timestamp,
    ) {
        let list = day.and_then(|day| day.list(event));
        let seen = list.and_then(history::cost);
        let whole_list = list.is_some_and(|list| is_final(date, list, now));
        let cost = match (seen, history.mean(event, date)) {
            (Some(seen), _) if whole_list => {
                self.known += 1;
                seen
            }
            (seen, Some((mean, source))) => {
                *self.sources.entry(source).or_default() += 1;
                // A list that was read too early can only miss meetings.
                Cost { jobs: seen.map_or(mean.jobs, |seen| seen.jobs.max(mean.jobs)), ..mean }
            }
            (Some(seen), None) => {
                self.known += 1;
                seen
            }
            (None, None) => {
                self.guessed += 1;
                Cost { calls: None, jobs: float(guess(event)) }
            }
        };
        self.lists += cost.calls.unwrap_or_else(|| float(pages(event, cost.jobs)));
        self.heavy += cost.jobs * history.calls_per_job();
        self.details += cost.jobs * history.details_per_job();
    }

    pub(super) fn estimated(&self) -> u64 {
        self.sources.values().sum()
    }

    /// Returns the basis of the total, part by part.
    pub(super) fn basis(&self, history: &History) -> Vec<String> {
        let mut parts = Vec::new();
        if self.known > 0 {
            parts.push(format!("{} known from receipts", counted(self.known, "list")));
        }
        parts.extend(self.estimates());
        if self.guessed > 0 {
            parts.push(format!(
                "{} guessed at {GUESSED_MEETINGS} meetings or {GUESSED_WEBINARS} webinars a date: no list of this account was read yet",
                counted(self.guessed, "list")
            ));
        }
        if self.named > 0 {
            parts.push(format!("{} named by a list or by hand", counted(self.named, "detail")));
        }
        if self.heavy > 0.0 {
            parts.push(match history.details() {
                0 => "one heavy call a detail: none is complete yet".to_owned(),
                details => format!(
                    "{:.2} heavy calls a detail, the mean of {} complete ones",
                    history.calls_per_detail(),
                    grouped(details)
                ),
            });
        }
        parts
    }

    fn estimates(&self) -> impl Iterator<Item = String> {
        let (mut by_weekday, mut weekdays, mut any) = (0, Vec::new(), Vec::new());
        for (source, lists) in &self.sources {
            match source {
                Source::Weekday(weekday, count) => {
                    by_weekday += lists;
                    weekdays.push(weekday.counted(*count));
                }
                Source::AnyDay(count) => any.push(format!(
                    "{} estimated from the mean of {}, none of the same weekday",
                    counted(*lists, "list"),
                    counted(*count, "date")
                )),
            }
        }
        weekdays.dedup();
        let weekdays = (by_weekday > 0).then(|| {
            format!("{} estimated by weekday from {}", counted(by_weekday, "list"), weekdays.join(", "))
        });
        weekdays.into_iter().chain(any)
    }
}

fn guess(event: Event) -> u64 {
    match event {
        Event::Meeting => GUESSED_MEETINGS,
        Event::Webinar => GUESSED_WEBINARS,
    }
}

/// Returns the number of pages of a list with this many jobs. Meetings have two lists.
fn pages(event: Event, jobs: f64) -> u64 {
    let lists = if event == Event::Meeting { 2 } else { 1 };
    whole(jobs).div_ceil(PAGE).max(1) * lists
}
