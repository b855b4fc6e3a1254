//! Maps one raw document: reads its rows and adds documents to the batch.

use jiff::Timestamp;
use messages::zoom::{Event, MeetingContext};
use messages::{Cause, CauseClass, JobId, RawDocument, RawKind};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use store::{Batch, DocumentKind};

use super::document::{Meeting, Session};
use super::opencast::{EpisodeDocument, UserAction};
use super::period::{DocumentIndex, Period};
use super::rows::{self, Spare};
use super::scalar::MappedRow;
use super::single_row::list_name;
use super::{Dropped, Encoded, Fault, Target, Unusable};

/// A raw document being mapped.
pub(crate) struct Page<'p, 'a> {
    raw: &'p RawDocument<'a>,
    target: &'p Target<'p>,
    batch: &'p mut Batch,
    first: usize,
    unusable: Vec<Unusable>,
    period: Period,
    dropped: Dropped,
    /// The repaired answer, once a row needs it.
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

    /// Passes every row of the page to `map`, and records the rows without a document.
    pub(crate) fn each<T: MappedRow<'a>>(
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

    /// Maps the row at `position`, and records it if it gives no document.
    pub(crate) fn row(&mut self, position: usize, map: impl FnOnce(&mut Self) -> Result<(), Fault>) {
        if let Err(fault) = map(self) {
            let cause = fault.into_cause(self.raw, position);
            self.unusable.push(Unusable { position, cause });
        }
    }

    /// Counts an omitted value of `field`.
    pub(crate) fn dropped(&mut self, field: &'static str) {
        self.dropped.add(field);
    }

    /// Returns the raw document.
    pub(crate) fn raw(&self) -> &'p RawDocument<'a> {
        self.raw
    }

    /// Adds a meeting to the index of its start date. Without a start it uses the job's date, which is the same UTC
    /// day.
    pub(crate) fn meeting(&mut self, document: &Meeting<'_>) -> Result<(), Fault> {
        let id = document.meeting_uuid.to_owned();
        self.push_by_time(DocumentKind::Meetings, document.start_time, id, document)
    }

    /// Adds a session to the index of its **meeting's** start date. The session's own times may be missing in one
    /// answer and present in the next, and must not put it into two indices.
    pub(crate) fn session(&mut self, meeting: &MeetingContext, document: &Session<'_>) -> Result<(), Fault> {
        let own = meeting.start_time.or(document.join_time.filter(|_| self.raw.date.is_none()));
        let id = [document.meeting_uuid, "/", document.user_id].concat();
        self.push_by_time(DocumentKind::Sessions, own, id, document)
    }

    /// Adds a user action to the index of its UTC date, or of the job's date if its time is implausible.
    pub(crate) fn action(&mut self, document: &UserAction<'_>) -> Result<(), Fault> {
        let id = document.action_id.to_string();
        self.push_by_time(DocumentKind::Useractions, document.timestamp, id, document)
    }

    /// Adds an episode.
    pub(crate) fn episode(&mut self, document: &EpisodeDocument<'_>) -> Result<(), Fault> {
        let index = DocumentKind::Episodes.name().to_owned();
        self.push(DocumentKind::Episodes, index, document.mpid.to_owned(), document)
    }

    /// Returns the result of the page.
    pub(crate) fn encoded(self) -> Encoded {
        Encoded { items: self.first..self.batch.len(), unusable: self.unusable, dropped: self.dropped }
    }

    /// Adds a document to the index of its own time, if plausible.
    fn push_by_time<T: Serialize>(
        &mut self,
        kind: DocumentKind,
        own: Option<Timestamp>,
        id: String,
        document: &T,
    ) -> Result<(), Fault> {
        let DocumentIndex { index, is_implausible } = self.period.place(kind, self.target.split, own);
        match is_implausible {
            false => self.push(kind, index, id, document),
            true => self.push(kind, index, id, &Flagged { document, time_implausible: true }),
        }
    }

    fn push<T: Serialize>(
        &mut self,
        kind: DocumentKind,
        index: String,
        id: String,
        document: &T,
    ) -> Result<(), Fault> {
        let version = self.raw.fetched_at.as_millisecond();
        let pushed = self.batch.push(self.target.prefix, kind, index, id, version, document);
        pushed.map_err(|_| Fault("its document cannot be written as JSON".to_owned()))
    }
}

/// A document that is not in the index of its own time.
#[derive(Serialize)]
struct Flagged<'a, T> {
    #[serde(flatten)]
    document: &'a T,
    time_implausible: bool,
}

/// Provenance of a page's documents, encoded once per page.
#[derive(Serialize)]
struct Harvest<'a> {
    job_id: &'a JobId,
    fetched_at: Timestamp,
    endpoint: &'a str,
    ua_version: &'a str,
}

/// Returns the provenance of a page's documents.
pub(crate) fn harvest(raw: &RawDocument<'_>, target: &Target<'_>) -> Result<Box<RawValue>, Cause> {
    let (job_id, fetched_at, ua_version) = (&raw.job_id, raw.fetched_at, target.ua_version);
    to_raw_value(&Harvest { job_id, fetched_at, endpoint: &raw.endpoint, ua_version }).map_err(|_| {
        Cause::new(CauseClass::BadShape, "provenance of the raw document cannot be written as JSON")
    })
}

/// Returns meeting or webinar. Both have the same kind of header, for which the endpoint decides.
pub(crate) fn event(raw: &RawDocument<'_>) -> Event {
    match raw.kind {
        RawKind::ZoomMetricsWebinars
        | RawKind::ZoomMetricsWebinarParticipants
        | RawKind::ZoomReportWebinarParticipants => Event::Webinar,
        _ if raw.endpoint.contains("/webinars") => Event::Webinar,
        _ => Event::Meeting,
    }
}

/// Parses the context that the fetching worker added to the answer.
pub(crate) fn context<'a, T: Deserialize<'a>>(raw: &RawDocument<'a>) -> Result<T, Cause> {
    serde_json::from_str(raw.context.get()).map_err(|error| {
        let text = format!("context of {} is of another shape (column {})", raw.endpoint, error.column());
        Cause::new(CauseClass::BadShape, text)
    })
}
