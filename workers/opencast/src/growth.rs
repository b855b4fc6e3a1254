//! What the answers about a day that lasts prove, though rows are added while it is read.
//!
//! Rows are only ever added. So all that was counted for a request came as soon as as many came as were counted, and each
//! of them was surely counted: it was seen by then already, or the server made it before the request. What was made about
//! the time of the request may have been counted or not, so it speaks for nothing; on a day on which that is always the
//! case nothing is proven. Pure: it is told what was counted when, and which rows came.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::served::Served;

/// So much earlier than the request a row must have been made to have been counted: times may lack their fractions, and
/// a row is made a moment before it can be read.
const SURELY: SignedDuration = SignedDuration::from_secs(2);

/// A day of which rows are added.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    /// What was counted for the requests whose second is known, in their order.
    counted: Vec<Count>,
    /// Rows made since the first of these requests: when, and how many of the requests had been made when it was seen.
    recent: HashMap<u64, (Timestamp, usize)>,
}

#[derive(Debug)]
struct Count {
    second: Timestamp,
    total: u64,
}

impl Growth {
    /// Notes how many rows there were for a request.
    pub(crate) fn counted(&mut self, served: Option<Served>, total: u64) {
        if let Some(Served { after, before }) = served
            && after == before
        {
            self.counted.push(Count { second: after, total });
        }
    }

    /// Notes a row of the answer that was counted last.
    pub(crate) fn note(&mut self, id: u64, created: Timestamp) {
        let since = self.counted.first().map(Count::surely_before);
        if since.is_some_and(|since| created >= since) {
            self.recent.entry(id).or_insert((created, self.counted.len()));
        }
    }

    /// The least second of a minute for whose request all that was counted came, when `came` rows did. `within` tells how
    /// many of so many rows lie in the day as it is at a second.
    pub(crate) fn first(&self, came: u64, within: impl Fn(i64, u64) -> u64) -> Option<i64> {
        let proven = self.counted.iter().enumerate().filter_map(|(place, count)| {
            let second = count.second.as_second().rem_euclid(60);
            let is_unsure =
                |&&(created, seen): &&(Timestamp, usize)| seen > place && created >= count.surely_before();
            let unsure = self.recent.values().filter(is_unsure).count() as u64;
            (within(second, came.saturating_sub(unsure)) >= count.total).then_some(second)
        });
        proven.min()
    }
}

impl Count {
    fn surely_before(&self) -> Timestamp {
        self.second.saturating_sub(SURELY).unwrap_or(self.second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        "2026-03-20T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(second)
    }

    fn asked(growth: &mut Growth, second: i64, total: u64) {
        growth.counted(Some(Served { after: at(second), before: at(second) }), total);
    }

    fn first(growth: &Growth, came: u64) -> Option<i64> {
        growth.first(came, |_, came| came)
    }

    #[test]
    fn a_row_that_came_later_does_not_stand_for_one_that_was_counted() {
        let mut growth = Growth::default();
        asked(&mut growth, 10, 100);
        assert_eq!(first(&growth, 99), None);
        // The hundredth that comes was made after the count.
        growth.note(1, at(15));
        assert_eq!(first(&growth, 100), None);
        assert_eq!(first(&growth, 101), Some(10));
    }

    #[test]
    fn a_row_made_about_the_time_of_the_count_speaks_for_nothing() {
        let mut growth = Growth::default();
        asked(&mut growth, 10, 100);
        for (id, second) in [(1, 8), (2, 9), (3, 10)] {
            growth.note(id, at(second));
        }
        assert_eq!(first(&growth, 102), None);
        assert_eq!(first(&growth, 103), Some(10));
        // One that is old enough was counted.
        growth.note(4, at(7));
        assert_eq!(first(&growth, 103), Some(10));
    }

    #[test]
    fn what_was_seen_before_a_request_was_counted_for_it() {
        let mut growth = Growth::default();
        asked(&mut growth, 59, 100);
        growth.note(1, at(59));
        assert_eq!(first(&growth, 100), None);
        asked(&mut growth, 60, 100);
        assert_eq!(first(&growth, 100), Some(0));
        // Whoever saw it again knows no more.
        growth.note(1, at(59));
        assert_eq!(first(&growth, 100), Some(0));
    }

    #[test]
    fn a_request_of_no_certain_second_proves_nothing() {
        let mut growth = Growth::default();
        growth.counted(None, 1);
        growth.counted(Some(Served { after: at(1), before: at(2) }), 1);
        assert_eq!(first(&growth, 10), None);
    }

    #[test]
    fn the_day_is_the_one_of_the_second() {
        let mut growth = Growth::default();
        asked(&mut growth, 30, 90);
        assert_eq!(growth.first(99, |second, came| came - if second == 30 { 10 } else { 0 }), None);
        assert_eq!(growth.first(100, |_, came| came - 10), Some(30));
    }
}
