//! Completeness of a day's two ends.
//!
//! Upstream's day is 00:00 to 23:59, both with the second of the request: at second `s` it counts and returns 00:00:`s`
//! to 23:59:`s`. So a day is complete when all actions counted at second 0 and all counted at second 59 arrived. Pure:
//! counts and actions are passed in.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};

use super::ServerTime;

/// Seconds of a minute.
const MINUTE: i64 = 60;

/// Counts of a day, and the actions of its first and last minute.
#[derive(Debug)]
pub(crate) struct DayEnds {
    begin: Timestamp,
    end: Timestamp,
    /// Seconds of the first minute's actions, by id.
    early: HashMap<u64, i64>,
    /// Seconds of the last minute's actions, by id.
    late: HashMap<u64, i64>,
    /// Highest counts, by the earliest possible second of the request and the number of further possible seconds.
    counted: BTreeMap<(i64, i64), u64>,
}

/// The proven part of a day: from 00:00:`first` to 23:59:`last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Proven {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl DayEnds {
    /// Creates the empty state of a day with these bounds.
    pub(crate) fn of(begin: Timestamp, end: Timestamp) -> Self {
        Self { begin, end, early: HashMap::new(), late: HashMap::new(), counted: BTreeMap::new() }
    }

    /// Records an action.
    pub(crate) fn note(&mut self, id: u64, created: Timestamp) {
        let minute = SignedDuration::from_secs(MINUTE);
        let from = |start: Timestamp| created.duration_since(start);
        let within = |since: SignedDuration| !since.is_negative() && since < minute;
        if within(from(self.begin)) {
            self.early.insert(id, from(self.begin).as_secs());
        }
        let last = self.end.saturating_sub(minute).unwrap_or(self.end);
        if within(from(last)) {
            self.late.insert(id, from(last).as_secs());
        }
    }

    /// Records the count of a request.
    pub(crate) fn counted(&mut self, server_time: Option<ServerTime>, total: u64) {
        let seconds =
            server_time.map(|server_time| (server_time.after.as_second(), server_time.before.as_second()));
        let (first, more) = match seconds {
            Some((after, before)) if before - after < MINUTE - 1 => {
                (after.rem_euclid(MINUTE), before - after)
            }
            _ => (0, MINUTE - 1),
        };
        let most = self.counted.entry((first, more)).or_default();
        *most = total.max(*most);
    }

    /// Returns the number of surely missing actions when `came` have arrived.
    pub(crate) fn missing(&self, came: u64) -> u64 {
        let lacking = |((first, more), total): (&(i64, i64), &u64)| {
            let most = seconds(*first, *more).map(|second| self.within(second, came)).max();
            total.saturating_sub(most.unwrap_or(0))
        };
        self.counted.iter().map(lacking).max().unwrap_or(0)
    }

    /// Returns the proven part when `came` actions have arrived. A count is complete only if it is at every possible
    /// second.
    pub(crate) fn proven(&self, came: u64) -> Proven {
        let mut proven = Proven { first: MINUTE, last: -1 };
        for ((first, more), total) in &self.counted {
            if seconds(*first, *more).all(|second| self.within(second, came) >= *total) {
                proven.first =
                    seconds(*first, *more).max().map_or(proven.first, |most| most.min(proven.first));
                proven.last =
                    seconds(*first, *more).min().map_or(proven.last, |least| least.max(proven.last));
            }
        }
        proven
    }

    /// Returns how many of `came` actions are in the day as requested at a second.
    pub(crate) fn within(&self, second: i64, came: u64) -> u64 {
        let before = self.early.values().filter(|early| **early < second).count();
        let after = self.late.values().filter(|late| **late > second).count();
        came.saturating_sub((before + after) as u64)
    }
}

impl Proven {
    /// True if the whole day is proven.
    pub(crate) fn is_whole(self) -> bool {
        self.first == 0 && self.last == MINUTE - 1
    }
}

fn seconds(first: i64, more: i64) -> impl Iterator<Item = i64> {
    (first..=first + more).map(|second| second % MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-19T{text}Z").parse().unwrap()
    }

    fn ends() -> DayEnds {
        DayEnds::of(at("00:00:00"), "2026-03-20T00:00:00Z".parse().unwrap())
    }

    fn server_time(after: &str, before: &str) -> Option<ServerTime> {
        Some(ServerTime { after: at(after), before: at(before) })
    }

    /// Returns ends with the actions `ids`: one every ten seconds of the first and last minute, and one at noon.
    fn with(ids: std::ops::Range<u64>) -> DayEnds {
        let mut ends = ends();
        for id in ids {
            let time = match id {
                0..6 => format!("00:00:{:02}", id * 10),
                6 => "12:00:00".to_owned(),
                _ => format!("23:59:{:02}.9", (id - 7) * 10),
            };
            ends.note(id, at(&time));
        }
        ends
    }

    #[test]
    fn one_second_proves_the_day_from_it_to_it() {
        let mut ends = with(2..10);
        // Counted at second 20: from 00:00:20 to 23:59:20.
        ends.counted(server_time("12:00:20", "12:00:20"), 8);
        assert_eq!((ends.missing(8), ends.proven(8)), (0, Proven { first: 20, last: 20 }));
        assert_eq!((ends.missing(7), ends.proven(7)), (1, Proven { first: 60, last: -1 }));
    }

    #[test]
    fn a_day_is_whole_when_all_came_that_was_counted_at_its_first_and_at_its_last_second() {
        let mut ends = with(0..13);
        ends.counted(server_time("12:00:59", "12:00:59"), 7);
        assert!(!ends.proven(13).is_whole());
        ends.counted(server_time("12:01:00", "12:01:00"), 8);
        assert_eq!(ends.proven(13), Proven { first: 0, last: 59 });
        assert!(ends.proven(13).is_whole());
        // At second 59, an action that has not arrived was counted.
        ends.counted(server_time("12:01:59", "12:01:59"), 8);
        assert_eq!((ends.missing(13), ends.proven(13)), (1, Proven { first: 0, last: 0 }));
    }

    #[test]
    fn a_request_of_an_unknown_second_proves_the_middle_alone() {
        for unknown in [None, server_time("11:00:00", "12:00:00"), server_time("12:00:00", "12:00:59")] {
            let mut ends = with(0..13);
            ends.counted(unknown, 1);
            assert_eq!(ends.proven(13), Proven { first: 59, last: 0 });
        }
        // The request was at second 59 or at second 0.
        let mut ends = with(0..13);
        ends.counted(server_time("12:00:59", "12:01:00"), 7);
        assert_eq!(ends.proven(13), Proven { first: 59, last: 0 });
        ends.counted(server_time("12:00:59", "12:01:00"), 8);
        assert_eq!(
            (ends.missing(13), ends.proven(13)),
            (0, Proven { first: 60, last: -1 }),
            "too many for one"
        );
    }

    #[test]
    fn what_was_seen_twice_counts_once() {
        let mut ends = with(0..13);
        ends.note(0, at("00:00:00"));
        ends.counted(server_time("12:00:30", "12:00:30"), 8);
        assert_eq!(ends.missing(13), 0);
        assert_eq!(ends.missing(12), 1);
    }
}
