//! Index names: a kind of document and a period of time.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A kind of document. Each has an index template, and a view in the local file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentKind {
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
    /// Receipts of jobs.
    Harvests,
    /// API answers as received.
    Raw,
    /// Published plans and their price.
    Runs,
}

impl DocumentKind {
    /// All kinds.
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

    /// First part of the index name, and name of the template and the view.
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

    /// Returns true when the kind has one index per period, false when it has a single index.
    pub fn is_split(self) -> bool {
        matches!(self, Self::Meetings | Self::Sessions | Self::Useractions | Self::Raw)
    }

    /// Name of the index for a document of this kind dated `date`, for example `meetings-2026.01`.
    pub fn index(self, split: Split, date: Date) -> String {
        let (name, year, month, day) = (self.name(), date.year(), date.month(), date.day());
        match split {
            _ if !self.is_split() => name.to_owned(),
            Split::Day => format!("{name}-{year:04}.{month:02}.{day:02}"),
            Split::Month => format!("{name}-{year:04}.{month:02}"),
            Split::Year => format!("{name}-{year:04}"),
        }
    }

    /// Returns true when `index` (without prefix) belongs to this kind and its whole period lies before `date`.
    pub(crate) fn is_before(self, index: &str, date: Date) -> bool {
        self.period(index).is_some_and(|(_, behind)| behind <= date)
    }

    /// Returns true when `index` (without prefix) is a name that [`DocumentKind::index`] makes.
    pub(crate) fn is_name(self, index: &str) -> bool {
        if self.is_split() { self.period(index).is_some() } else { index == self.name() }
    }

    /// The document's own time, which selects its index.
    pub(crate) fn time_field(self) -> Option<&'static str> {
        match self {
            Self::Meetings => Some("start_time"),
            Self::Sessions => Some("join_time"),
            Self::Useractions => Some("@timestamp"),
            Self::Raw => Some("date"),
            _ => None,
        }
    }

    /// First date of an index's period and the first date after it. `None` for a name that [`DocumentKind::index`] does
    /// not make.
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
        // Ignore foreign indices with a similar name.
        if self.is_split() && self.index(split, first) == index {
            Some((first, first.checked_add(length).ok()?))
        } else {
            None
        }
    }

    /// Like [`DocumentKind::index`], for a point in time. Periods are in UTC.
    pub fn index_at(self, split: Split, time: Timestamp) -> String {
        self.index(split, TimeZone::UTC.to_datetime(time).date())
    }
}

/// Period of one index. The default is a month: daily indices of few documents waste shards.
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
        assert_eq!(DocumentKind::Meetings.index(Split::Day, date), "meetings-2026.01.02");
        assert_eq!(DocumentKind::Sessions.index(Split::Month, date), "sessions-2026.01");
        assert_eq!(DocumentKind::Raw.index(Split::Year, date), "raw-2026");
        assert_eq!(DocumentKind::Harvests.index(Split::Day, date), "harvests");
        for (index, last, next) in [
            ("raw-2026", "2026-12-31", "2027-01-01"),
            ("raw-2026.02", "2026-02-28", "2026-03-01"),
            ("raw-2026.12", "2026-12-31", "2027-01-01"),
            ("raw-2026.01.31", "2026-01-31", "2026-02-01"),
        ] {
            assert!(!DocumentKind::Raw.is_before(index, last.parse().unwrap()), "{index}");
            assert!(DocumentKind::Raw.is_before(index, next.parse().unwrap()), "{index}");
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
            assert!(!DocumentKind::Raw.is_before(strange, Date::MAX), "{strange}");
            assert!(!DocumentKind::Harvests.is_before(strange, Date::MAX), "{strange}");
        }
        let late: Timestamp = "2026-01-31T23:59:59.999Z".parse().unwrap();
        assert_eq!(DocumentKind::Sessions.index_at(Split::Month, late), "sessions-2026.01");
    }
}
