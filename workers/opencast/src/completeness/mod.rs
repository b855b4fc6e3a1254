//! Rows of a day seen so far, and proof of its completeness. Pure: counts and rows are passed in.
mod day_ends;
mod growing_day;
mod server_time;

use jiff::Timestamp;
use messages::{Cause, CauseClass};

use crate::actions::Tally;
use crate::reading::Seen;

pub use self::server_time::Clock;
pub(crate) use self::server_time::{Dates, ServerTime};

use self::day_ends::{DayEnds, Proven};
use self::growing_day::GrowingDay;

/// One end of a day, with the second at which it can be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    First,
    Last,
}

impl End {
    pub(crate) fn second(self) -> i64 {
        if self == Self::First { 0 } else { 59 }
    }
}

/// Completeness state of a day.
#[derive(Debug)]
pub(crate) struct Completeness {
    seen: Seen,
    ends: DayEnds,
    /// For a day that is not over, to which rows are added.
    growing_day: GrowingDay,
    is_over: bool,
}

impl Completeness {
    /// Creates the empty state of a day with these bounds.
    pub(crate) fn of(begin: Timestamp, end: Timestamp, now: Timestamp) -> Self {
        Self {
            seen: Seen::default(),
            ends: DayEnds::of(begin, end),
            growing_day: GrowingDay::default(),
            is_over: now >= end,
        }
    }

    /// Records the count of a request.
    pub(crate) fn counted(&mut self, server_time: Option<ServerTime>, total: u64) {
        self.ends.counted(server_time, total);
        self.growing_day.counted(server_time, total);
    }

    /// Records a row of the last counted answer; returns true if it is new or has changed.
    pub(crate) fn note(&mut self, id: u64, created: Option<Timestamp>, text: &str) -> bool {
        if let Some(created) = created {
            self.ends.note(id, created);
            self.growing_day.note(id, created);
        }
        self.seen.note(id, text)
    }

    /// Returns the number of different rows.
    pub(crate) fn came(&self) -> u64 {
        self.seen.count()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// True if rows are surely missing and the day is over, so that added rows do not explain it.
    pub(crate) fn misses(&self) -> bool {
        self.is_over && self.missing() > 0
    }

    /// True if all counted rows arrived; for a day that is not over, if one count is complete.
    pub(crate) fn is_read(&self) -> bool {
        self.missing() == 0 || !self.is_over && self.grown().is_some()
    }

    /// True if the day is complete or, while it is not over, complete up to some moment of this reading.
    pub(crate) fn is_whole(&self) -> bool {
        match self.is_over {
            true => self.missing() == 0 && self.proven().is_whole(),
            false => self.grown() == Some(End::First.second()),
        }
    }

    /// True if an end needs no further requests.
    pub(crate) fn has(&self, end: End) -> bool {
        match end {
            // The day has no end yet; but rows seen at second 59 were surely counted at second 0.
            _ if !self.is_over => self.is_whole(),
            End::First => self.proven().first == end.second(),
            End::Last => self.proven().last == end.second(),
        }
    }

    /// Returns the tally, with the reason if it is incomplete. `tells_time`: whether the server sends its time.
    pub(crate) fn tally(&self, tells_time: bool) -> Tally {
        let got = self.came();
        if self.is_whole() {
            return Tally::all(got);
        }
        if self.missing() > 0 {
            return Tally { promised: Some(got + self.missing()), got, doubt: None };
        }
        let Proven { first, last } = self.proven();
        let text = match (tells_time, self.is_over) {
            (false, _) => "a day begins and ends with the second it is asked at, and the server does not tell its own time (no header Date): up to a minute may be missing at either end".to_owned(),
            (true, true) => format!(
                "a day begins and ends with the second it is asked at: it is proven from 00:00:{first:02} to 23:59:{:02} only",
                last.max(0)
            ),
            (true, false) => "a day begins with the second it is asked at, and at none of second 0 it was proven that all came that was counted: rows were added all the time".to_owned(),
        };
        Tally { promised: None, got, doubt: Some(Cause::new(CauseClass::NotReadyExpired, text)) }
    }

    fn missing(&self) -> u64 {
        self.ends.missing(self.came())
    }

    fn proven(&self) -> Proven {
        self.ends.proven(self.came())
    }

    /// Returns the lowest second whose count is complete, for a day that is not over.
    fn grown(&self) -> Option<i64> {
        self.growing_day.first(self.came(), |second, came| self.ends.within(second, came))
    }
}
