//! Completeness of a day that is not over, while rows are added to it.
//!
//! Rows are only added, never removed. So a count is complete when that many rows arrived that were surely part of it:
//! rows seen before the request, or created before it. A row created around the request may or may not be part of the
//! count, so it proves nothing; if that is always the case, nothing is proven. Pure: counts and rows are passed in.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::ServerTime;

/// Minimum age of a row at the request to be surely counted: times may lack fractions, and a row becomes visible a
/// moment after its creation.
const SURELY: SignedDuration = SignedDuration::from_secs(2);

/// A day to which rows are added.
#[derive(Debug, Default)]
pub(crate) struct GrowingDay {
    /// Counts of the requests whose second is known, in order.
    counted: Vec<Count>,
    /// Rows created since the first of these requests: creation time, and number of requests made when first seen.
    recent: HashMap<u64, (Timestamp, usize)>,
}

#[derive(Debug)]
struct Count {
    second: Timestamp,
    total: u64,
}

impl GrowingDay {
    /// Records the count of a request.
    pub(crate) fn counted(&mut self, server_time: Option<ServerTime>, total: u64) {
        if let Some(ServerTime { after, before }) = server_time
            && after == before
        {
            self.counted.push(Count { second: after, total });
        }
    }

    /// Records a row of the last counted answer.
    pub(crate) fn note(&mut self, id: u64, created: Timestamp) {
        let since = self.counted.first().map(Count::surely_before);
        if since.is_some_and(|since| created >= since) {
            self.recent.entry(id).or_insert((created, self.counted.len()));
        }
    }

    /// Returns the lowest second of a minute whose count is complete with `came` rows. `within` returns how many of the
    /// given rows are in the day as requested at a second.
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

    fn asked(growing_day: &mut GrowingDay, second: i64, total: u64) {
        growing_day.counted(Some(ServerTime { after: at(second), before: at(second) }), total);
    }

    fn first(growing_day: &GrowingDay, came: u64) -> Option<i64> {
        growing_day.first(came, |_, came| came)
    }

    #[test]
    fn a_row_that_came_later_does_not_stand_for_one_that_was_counted() {
        let mut growing_day = GrowingDay::default();
        asked(&mut growing_day, 10, 100);
        assert_eq!(first(&growing_day, 99), None);
        // The hundredth row was created after the count.
        growing_day.note(1, at(15));
        assert_eq!(first(&growing_day, 100), None);
        assert_eq!(first(&growing_day, 101), Some(10));
    }

    #[test]
    fn a_row_made_about_the_time_of_the_count_speaks_for_nothing() {
        let mut growing_day = GrowingDay::default();
        asked(&mut growing_day, 10, 100);
        for (id, second) in [(1, 8), (2, 9), (3, 10)] {
            growing_day.note(id, at(second));
        }
        assert_eq!(first(&growing_day, 102), None);
        assert_eq!(first(&growing_day, 103), Some(10));
        // An older row was counted.
        growing_day.note(4, at(7));
        assert_eq!(first(&growing_day, 103), Some(10));
    }

    #[test]
    fn what_was_seen_before_a_request_was_counted_for_it() {
        let mut growing_day = GrowingDay::default();
        asked(&mut growing_day, 59, 100);
        growing_day.note(1, at(59));
        assert_eq!(first(&growing_day, 100), None);
        asked(&mut growing_day, 60, 100);
        assert_eq!(first(&growing_day, 100), Some(0));
        // Seeing it again proves no more.
        growing_day.note(1, at(59));
        assert_eq!(first(&growing_day, 100), Some(0));
    }

    #[test]
    fn a_request_of_no_certain_second_proves_nothing() {
        let mut growing_day = GrowingDay::default();
        growing_day.counted(None, 1);
        growing_day.counted(Some(ServerTime { after: at(1), before: at(2) }), 1);
        assert_eq!(first(&growing_day, 10), None);
    }

    #[test]
    fn the_day_is_the_one_of_the_second() {
        let mut growing_day = GrowingDay::default();
        asked(&mut growing_day, 30, 90);
        assert_eq!(growing_day.first(99, |second, came| came - if second == 30 { 10 } else { 0 }), None);
        assert_eq!(growing_day.first(100, |_, came| came - 10), Some(30));
    }
}
