//! What is known of a day while it is read: which of its rows came, and what the answers prove of its being all.
//! Pure: it is told what was counted when, and which rows came.

use jiff::Timestamp;
use messages::{Cause, CauseClass};

use crate::actions::Tally;
use crate::growth::Growth;
use crate::minute::{Ends, Proven};
use crate::reading::Seen;
use crate::served::Served;

/// One end of a day, and the second at which it is whole.
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

/// A day, as far as it is known.
#[derive(Debug)]
pub(crate) struct Proof {
    seen: Seen,
    ends: Ends,
    /// Of a day that lasts: rows are added while it is read.
    growth: Growth,
    is_over: bool,
}

impl Proof {
    /// Nothing of a day yet, whose bounds these are.
    pub(crate) fn of(begin: Timestamp, end: Timestamp, now: Timestamp) -> Self {
        Self {
            seen: Seen::default(),
            ends: Ends::of(begin, end),
            growth: Growth::default(),
            is_over: now >= end,
        }
    }

    /// Notes how many rows there were for a request.
    pub(crate) fn counted(&mut self, served: Option<Served>, total: u64) {
        self.ends.counted(served, total);
        self.growth.counted(served, total);
    }

    /// Notes a row of the answer that was counted last; true when it is new, or not what it was.
    pub(crate) fn note(&mut self, id: u64, created: Option<Timestamp>, text: &str) -> bool {
        if let Some(created) = created {
            self.ends.note(id, created);
            self.growth.note(id, created);
        }
        self.seen.note(id, text)
    }

    /// How many different rows came.
    pub(crate) fn came(&self) -> u64 {
        self.seen.count()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// True when something is surely missing, and the day is over: no row that is added explains it.
    pub(crate) fn misses(&self) -> bool {
        self.is_over && self.missing() > 0
    }

    /// True when nothing that was counted is missing; of a day that lasts, nothing of what was counted once.
    pub(crate) fn is_read(&self) -> bool {
        self.missing() == 0 || !self.is_over && self.grown().is_some()
    }

    /// True when the day came from its beginning to its end or, as long as it lasts, to some moment of this reading.
    pub(crate) fn is_whole(&self) -> bool {
        match self.is_over {
            true => self.missing() == 0 && self.proven().is_whole(),
            false => self.grown() == Some(End::First.second()),
        }
    }

    /// True when nothing has to be waited for at an end.
    pub(crate) fn has(&self, end: End) -> bool {
        match end {
            // It has no end yet; but what is seen at second 59 was surely counted at second 0.
            _ if !self.is_over => self.is_whole(),
            End::First => self.proven().first == end.second(),
            End::Last => self.proven().last == end.second(),
        }
    }

    /// What came of what was counted, and what speaks against its being all. `tells_time`: whether the server does.
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

    /// The least second from which on a day that lasts is proven up to when it was asked at that second.
    fn grown(&self) -> Option<i64> {
        self.growth.first(self.came(), |second, came| self.ends.within(second, came))
    }
}
