//! Selects the index of a document. Its own time decides if plausible: a server with wrong times must not create an
//! index for each of them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use messages::RawDocument;
use store::{DocumentKind, Split};

/// Allowed distance of a document's time from the job's date, or after the fetch.
const NEAR: SignedDuration = SignedDuration::from_hours(48);
/// Allowed time before the fetch, for a job without a date.
const LONG: SignedDuration = SignedDuration::from_hours(400 * 24);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Maximum indices of one page, besides the job's.
const INDICES: usize = 8;

/// Plausible times of a page.
#[derive(Debug)]
pub(crate) struct Period {
    first: Timestamp,
    last: Timestamp,
    /// Date of the job, or of the fetch.
    date: Date,
    /// Indices used by the page so far.
    indices: Vec<String>,
}

/// Index of a document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DocumentIndex {
    pub(crate) index: String,
    /// True if the document's own time is implausible and was not used.
    pub(crate) is_implausible: bool,
}

impl Period {
    pub(crate) fn of(raw: &RawDocument<'_>) -> Self {
        let (from, to, date) = match raw.date {
            Some(date) => {
                let midnight = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap_or(raw.fetched_at);
                (less(midnight, NEAR), more(more(midnight, DAY), NEAR), date)
            }
            None => {
                let fetched_on = TimeZone::UTC.to_datetime(raw.fetched_at).date();
                (less(raw.fetched_at, LONG), more(raw.fetched_at, NEAR), fetched_on)
            }
        };
        Self { first: from, last: to, date, indices: Vec::new() }
    }

    /// Returns the index of a document with time `own`; without a time, that of the job's date.
    pub(crate) fn place(
        &mut self,
        kind: DocumentKind,
        split: Split,
        own: Option<Timestamp>,
    ) -> DocumentIndex {
        let of_the_job = kind.index(split, self.date);
        let Some(own) = own else { return DocumentIndex { index: of_the_job, is_implausible: false } };
        let is_plausible = (self.first..=self.last).contains(&own);
        let index = if is_plausible { kind.index_at(split, own) } else { of_the_job.clone() };
        if index == of_the_job || self.indices.contains(&index) {
            return DocumentIndex { index, is_implausible: !is_plausible };
        }
        if self.indices.len() == INDICES {
            return DocumentIndex { index: of_the_job, is_implausible: true };
        }
        self.indices.push(index.clone());
        DocumentIndex { index, is_implausible: false }
    }
}

fn less(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}

fn more(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use messages::RawKind;
    use serde_json::value::RawValue;

    use super::*;

    fn period(date: Option<&str>) -> Period {
        let nothing: &RawValue = serde_json::from_str("{}").unwrap();
        let fetched_at = "2026-03-10T12:00:00Z".parse().unwrap();
        let date = date.map(|date| date.parse().unwrap());
        let kind = RawKind::ZoomMetricsMeetings;
        Period::of(&RawDocument::new(
            "j#1",
            "j".into(),
            "r".into(),
            kind,
            "GET",
            fetched_at,
            date,
            nothing,
            nothing,
        ))
    }

    #[test]
    fn a_time_near_the_date_decides_and_another_one_does_not() {
        let mut period = period(Some("2026-01-31"));
        for (time, index, is_implausible) in [
            ("2026-01-29T00:00:00Z", "meetings-2026.01", false),
            ("2026-02-03T00:00:00Z", "meetings-2026.02", false),
            ("2026-02-03T00:00:01Z", "meetings-2026.01", true),
            ("2026-01-28T23:59:59Z", "meetings-2026.01", true),
            ("0001-01-01T00:00:00Z", "meetings-2026.01", true),
            ("9999-12-30T00:00:00Z", "meetings-2026.01", true),
        ] {
            let place = period.place(DocumentKind::Meetings, Split::Month, Some(time.parse().unwrap()));
            assert_eq!(place, DocumentIndex { index: index.to_owned(), is_implausible }, "{time}");
        }
        let unknown = DocumentIndex { index: "meetings-2026.01".to_owned(), is_implausible: false };
        assert_eq!(period.place(DocumentKind::Meetings, Split::Month, None), unknown);
    }

    #[test]
    fn without_a_date_the_fetch_decides() {
        let mut period = period(None);
        for (time, index, is_implausible) in [
            ("2025-02-04T00:00:00Z", "sessions-2025", false),
            ("2025-02-03T11:59:59Z", "sessions-2026", true),
            ("2026-03-12T12:00:00Z", "sessions-2026", false),
            ("2026-03-12T12:00:01Z", "sessions-2026", true),
        ] {
            let place = period.place(DocumentKind::Sessions, Split::Year, Some(time.parse().unwrap()));
            assert_eq!(place, DocumentIndex { index: index.to_owned(), is_implausible }, "{time}");
        }
    }

    #[test]
    fn a_page_fills_few_indices_whatever_its_times() {
        let mut period = period(None);
        let first: Timestamp = "2025-06-01T00:00:00Z".parse().unwrap();
        let mut places: Vec<DocumentIndex> = (0..400)
            .map(|day| period.place(DocumentKind::Useractions, Split::Day, Some(first + DAY * day)))
            .collect();
        let plausible = places.iter().filter(|place| !place.is_implausible);
        assert_eq!(plausible.count(), INDICES + 1, "those, and that of the job");
        places.sort_by(|one, other| one.index.cmp(&other.index));
        places.dedup_by(|one, other| one.index == other.index);
        assert_eq!(places.len(), INDICES + 1);
    }
}
