//! One raw document being mapped: its rows on one side, the batch on the other.

use jiff::Timestamp;
use messages::zoom::{Event, MeetingContext};
use messages::{Cause, CauseClass, JobId, RawDocument, RawKind};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use store::{Batch, Kind};

use super::document::{Meeting, Session};
use super::only::list_name;
use super::opencast::{EpisodeDocument, UserAction};
use super::period::{Period, Place};
use super::rows::{self, Spare};
use super::scalar::Row;
use super::{Dropped, Encoded, Fault, Target, Unusable};

/// A page on its way into a batch.
pub(crate) struct Page<'p, 'a> {
    raw: &'p RawDocument<'a>,
    target: &'p Target<'p>,
    batch: &'p mut Batch,
    first: usize,
    unusable: Vec<Unusable>,
    period: Period,
    dropped: Dropped,
    /// The answer as repaired, once a row of it has to be.
    spare: &'a Spare,
}

impl<'p, 'a> Page<'p, 'a> {
    pub(crate) fn new(
        raw: &'p RawDocument<'a>,
        target: &'p Target<'p>,
        batch: &'p mut Batch,
        spare: &'a Spare,
    ) -> Self {
        let first = batch.len();
        Self {
            raw,
            target,
            batch,
            first,
            unusable: Vec::new(),
            period: Period::of(raw),
            dropped: Dropped::default(),
            spare,
        }
    }

    /// Hands every row of the page to `map` and notes those of which nothing came.
    pub(crate) fn each<T: Row<'a>>(
        &mut self,
        mut map: impl FnMut(&mut Self, &T) -> Result<(), Fault>,
    ) -> Result<(), Cause> {
        let (raw, spare) = (self.raw, self.spare);
        let mut take = |position, row: Result<T, String>| {
            self.row(position, |page| {
                let row = row.map_err(Fault)?;
                map(page, &row)?;
                row.dropped(&mut |field, values| (0..values).for_each(|_| page.dropped(field)));
                Ok(())
            });
        };
        let Some(list) = list_name(raw.kind) else {
            take(0, rows::single(raw.body, spare));
            return Ok(());
        };
        rows::each(raw.body, list, spare, take).map_err(|error| {
            let text =
                format!("answer of {}: no list `{list}` in it (column {})", raw.endpoint, error.column());
            Cause::new(CauseClass::BadShape, text)
        })
    }

    /// Maps the row at `position` and notes it when nothing came of it.
    pub(crate) fn row(&mut self, position: usize, map: impl FnOnce(&mut Self) -> Result<(), Fault>) {
        if let Err(fault) = map(self) {
            let cause = fault.into_cause(self.raw, position);
            self.unusable.push(Unusable { position, cause });
        }
    }

    /// Counts a value of `field` that a document of the page goes without.
    pub(crate) fn dropped(&mut self, field: &'static str) {
        self.dropped.add(field);
    }

    /// The raw document being mapped.
    pub(crate) fn raw(&self) -> &'p RawDocument<'a> {
        self.raw
    }

    /// Adds a meeting, in the index of the day on which it began. Without a start it goes where the date of
    /// the job says, which is the same UTC day.
    pub(crate) fn meeting(&mut self, document: &Meeting<'_>) -> Result<(), Fault> {
        let id = document.meeting_uuid.to_owned();
        self.push_by_time(Kind::Meetings, document.start_time, id, document)
    }

    /// Adds a session, in the index of the day on which its **meeting** began: a session's own times may be
    /// blank in one answer and known in the next, and it must not then lie in two indices.
    pub(crate) fn session(&mut self, meeting: &MeetingContext, document: &Session<'_>) -> Result<(), Fault> {
        let own = meeting.start_time.or(document.join_time.filter(|_| self.raw.date.is_none()));
        let id = [document.meeting_uuid, "/", document.user_id].concat();
        self.push_by_time(Kind::Sessions, own, id, document)
    }

    /// Adds a user action, in the index of the UTC day on which it happened, or of the job's date where its time cannot be.
    pub(crate) fn action(&mut self, document: &UserAction<'_>) -> Result<(), Fault> {
        let id = document.action_id.to_string();
        self.push_by_time(Kind::Useractions, document.timestamp, id, document)
    }

    /// Adds an episode.
    pub(crate) fn episode(&mut self, document: &EpisodeDocument<'_>) -> Result<(), Fault> {
        let index = Kind::Episodes.name().to_owned();
        self.push(Kind::Episodes, index, document.mpid.to_owned(), document)
    }

    /// What came of the page.
    pub(crate) fn encoded(self) -> Encoded {
        Encoded { items: self.first..self.batch.len(), unusable: self.unusable, dropped: self.dropped }
    }

    /// Adds a document, in the index of its own time where that is plausible.
    fn push_by_time<T: Serialize>(
        &mut self,
        kind: Kind,
        own: Option<Timestamp>,
        id: String,
        document: &T,
    ) -> Result<(), Fault> {
        let Place { index, is_implausible } = self.period.place(kind, self.target.split, own);
        match is_implausible {
            false => self.push(kind, index, id, document),
            true => self.push(kind, index, id, &Flagged { document, time_implausible: true }),
        }
    }

    fn push<T: Serialize>(
        &mut self,
        kind: Kind,
        index: String,
        id: String,
        document: &T,
    ) -> Result<(), Fault> {
        let version = self.raw.fetched_at.as_millisecond();
        let pushed = self.batch.push(self.target.prefix, kind, index, id, version, document);
        pushed.map_err(|_| Fault("its document cannot be written as JSON".to_owned()))
    }
}

/// A document that does not lie in the index of its own time.
#[derive(Serialize)]
struct Flagged<'a, T> {
    #[serde(flatten)]
    document: &'a T,
    time_implausible: bool,
}

/// Where a document comes from; the same for all of a page, so it is encoded once.
#[derive(Serialize)]
struct Harvest<'a> {
    job_id: &'a JobId,
    fetched_at: Timestamp,
    endpoint: &'a str,
    ua_version: &'a str,
}

/// The provenance of every document of a page.
pub(crate) fn harvest(raw: &RawDocument<'_>, target: &Target<'_>) -> Result<Box<RawValue>, Cause> {
    let (job_id, fetched_at, ua_version) = (&raw.job_id, raw.fetched_at, target.ua_version);
    to_raw_value(&Harvest { job_id, fetched_at, endpoint: &raw.endpoint, ua_version }).map_err(|_| {
        Cause::new(CauseClass::BadShape, "provenance of the raw document cannot be written as JSON")
    })
}

/// Meeting or webinar. Their headers are of one kind, so there the endpoint decides.
pub(crate) fn event(raw: &RawDocument<'_>) -> Event {
    match raw.kind {
        RawKind::ZoomMetricsWebinars
        | RawKind::ZoomMetricsWebinarParticipants
        | RawKind::ZoomReportWebinarParticipants => Event::Webinar,
        _ if raw.endpoint.contains("/webinars") => Event::Webinar,
        _ => Event::Meeting,
    }
}

/// What the fetch side said beside the answer.
pub(crate) fn context<'a, T: Deserialize<'a>>(raw: &RawDocument<'a>) -> Result<T, Cause> {
    serde_json::from_str(raw.context.get()).map_err(|error| {
        let text = format!("context of {} is of another shape (column {})", raw.endpoint, error.column());
        Cause::new(CauseClass::BadShape, text)
    })
}
