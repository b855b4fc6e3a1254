//! Names of indices: a kind of document, and the period its own time falls into.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A kind of document. Each has an index template, and in the local file a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Meeting instances.
    Meetings,
    /// Participant sessions.
    Sessions,
    /// Opencast player events.
    Useractions,
    /// Opencast episodes.
    Episodes,
    /// Dead letters.
    Deadletters,
    /// Receipts.
    Harvests,
    /// Answers as received.
    Raw,
    /// Runs: what was planned, and its price.
    Runs,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Meetings,
        Self::Sessions,
        Self::Useractions,
        Self::Episodes,
        Self::Deadletters,
        Self::Harvests,
        Self::Raw,
        Self::Runs,
    ];

    /// The first part of the index name, and the name of template and view.
    pub fn name(self) -> &'static str {
        match self {
            Self::Meetings => "meetings",
            Self::Sessions => "sessions",
            Self::Useractions => "useractions",
            Self::Episodes => "episodes",
            Self::Deadletters => "deadletters",
            Self::Harvests => "harvests",
            Self::Raw => "raw",
            Self::Runs => "runs",
        }
    }

    /// True when the kind has an index per period; false when it has one index in all.
    pub fn is_split(self) -> bool {
        matches!(self, Self::Meetings | Self::Sessions | Self::Useractions | Self::Raw)
    }

    /// The index of a document of this kind whose own time is on `date`, for example `meetings-2026.01`.
    pub fn index(self, split: Split, date: Date) -> String {
        let (name, year, month, day) = (self.name(), date.year(), date.month(), date.day());
        match split {
            _ if !self.is_split() => name.to_owned(),
            Split::Day => format!("{name}-{year:04}.{month:02}.{day:02}"),
            Split::Month => format!("{name}-{year:04}.{month:02}"),
            Split::Year => format!("{name}-{year:04}"),
        }
    }

    /// True when the index (without prefix) is one of this kind's and its whole period lies before `date`.
    pub(crate) fn is_before(self, index: &str, date: Date) -> bool {
        self.period(index).is_some_and(|(_, behind)| behind <= date)
    }

    /// True when [`Kind::index`] gives this name (without prefix).
    pub(crate) fn is_name(self, index: &str) -> bool {
        if self.is_split() { self.period(index).is_some() } else { index == self.name() }
    }

    /// The field with a document's own time, by which its index is chosen.
    pub(crate) fn time_field(self) -> Option<&'static str> {
        match self {
            Self::Meetings => Some("start_time"),
            Self::Sessions => Some("join_time"),
            Self::Useractions => Some("@timestamp"),
            Self::Raw => Some("date"),
            _ => None,
        }
    }

    /// The first date of an index's period and the first behind it; `None` for a name that [`Kind::index`] does not
    /// give.
    pub(crate) fn period(self, index: &str) -> Option<(Date, Date)> {
        let period = index.strip_prefix(self.name())?.strip_prefix('-')?;
        let digits: Option<Vec<i16>> = period.split('.').map(|part| part.parse().ok()).collect();
        let (split, first, length) = match digits?[..] {
            [year] => (Split::Year, Date::new(year, 1, 1).ok()?, 1_i32.years()),
            [year, month] => (Split::Month, Date::new(year, month.try_into().ok()?, 1).ok()?, 1_i32.months()),
            [year, month, day] => {
                let date = Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
                (Split::Day, date, 1_i32.days())
            }
            _ => return None,
        };
        // A name that only resembles one of ours belongs to somebody else.
        if self.is_split() && self.index(split, first) == index {
            Some((first, first.checked_add(length).ok()?))
        } else {
            None
        }
    }

    /// As [`Kind::index`], for a document whose own time is a point in time; indices are cut in UTC.
    pub fn index_at(self, split: Split, time: Timestamp) -> String {
        self.index(split, TimeZone::UTC.to_datetime(time).date())
    }
}

/// How finely indices are split. Monthly by default: daily indices of small data waste shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Split {
    /// One index per day.
    Day,
    /// One index per month.
    #[default]
    Month,
    /// One index per year.
    Year,
}

impl std::str::FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "day" => Ok(Self::Day),
            "month" => Ok(Self::Month),
            "year" => Ok(Self::Year),
            _ => Err(format!("{text:?} is not an index split; use day, month or year")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_lands_in_the_index_of_its_own_date() {
        let date: Date = "2026-01-02".parse().unwrap();
        assert_eq!(Kind::Meetings.index(Split::Day, date), "meetings-2026.01.02");
        assert_eq!(Kind::Sessions.index(Split::Month, date), "sessions-2026.01");
        assert_eq!(Kind::Raw.index(Split::Year, date), "raw-2026");
        assert_eq!(Kind::Harvests.index(Split::Day, date), "harvests");
        for (index, last, next) in [
            ("raw-2026", "2026-12-31", "2027-01-01"),
            ("raw-2026.02", "2026-02-28", "2026-03-01"),
            ("raw-2026.12", "2026-12-31", "2027-01-01"),
            ("raw-2026.01.31", "2026-01-31", "2026-02-01"),
        ] {
            assert!(!Kind::Raw.is_before(index, last.parse().unwrap()), "{index}");
            assert!(Kind::Raw.is_before(index, next.parse().unwrap()), "{index}");
        }
        for strange in [
            "raw-",
            "raw",
            "raw-2026.1",
            "raw-2026.13",
            "raw-2026.02.30",
            "raw-2026.01.01.01",
            "raw-x",
            "raw-+2026",
            "raw-2026.01-old",
            "meetings-2020.01",
            "t-raw-2020.01",
            "harvests-2020",
        ] {
            assert!(!Kind::Raw.is_before(strange, Date::MAX), "{strange}");
            assert!(!Kind::Harvests.is_before(strange, Date::MAX), "{strange}");
        }
        let late: Timestamp = "2026-01-31T23:59:59.999Z".parse().unwrap();
        assert_eq!(Kind::Sessions.index_at(Split::Month, late), "sessions-2026.01");
    }
}
