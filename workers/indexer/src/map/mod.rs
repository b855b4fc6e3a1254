//! Converts raw documents into index documents in a batch. Pure. Independent of queues and the store's answers.

mod device;
mod document;
mod dropped;
mod leave;
mod location;
mod meeting;
mod opencast;
mod page;
mod period;
mod report;
mod rows;
mod scalar;
mod session;
mod single_row;
mod time;

use std::ops::Range;

use messages::zoom::{HostIds, MeetingContext};
use messages::{Cause, CauseClass, RawDocument, RawKind};
use store::{Batch, Split};

use crate::enrich::Enricher;
pub use dropped::Dropped;
use page::Page;
use scalar::{Field, Text};
pub(crate) use single_row::{fnv, single_row};

/// Naming and provenance of documents.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Index prefix of the store.
    pub prefix: &'a str,
    /// Period of the indices.
    pub split: Split,
    /// Version of this program, stored in every document.
    pub ua_version: &'a str,
    /// Looks up places and programs.
    pub enricher: &'a Enricher,
}

/// Result of a page.
#[derive(Debug, Default)]
pub struct Encoded {
    /// Positions of the page's documents in the batch, in the order of its rows.
    pub items: Range<usize>,
    /// Rows without a document, in the order of the page.
    pub unusable: Vec<Unusable>,
    /// Values omitted from the documents.
    pub dropped: Dropped,
}

/// A row without a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Index of the row in the page, from 0.
    pub position: usize,
    /// Cause, which names the field.
    pub cause: Cause,
}

/// Maps every row of a page and adds its documents to `batch`. A bad row affects no other row.
///
/// # Errors
/// If context or body of the page lack the format of its kind.
pub fn encode_page(raw: &RawDocument<'_>, target: &Target<'_>, batch: &mut Batch) -> Result<Encoded, Cause> {
    use RawKind as K;
    let harvest = page::harvest(raw, target)?;
    let event = page::event(raw);
    let view = target.enricher.view();
    // Repaired text lives as long as the page, because rows borrow from it.
    let spare = rows::Spare::new();
    let mut page = Page::new(raw, target, batch, &spare);
    match raw.kind {
        K::ZoomMetricsMeetings | K::ZoomMetricsWebinars | K::ZoomMetricsMeeting => {
            let hosts: HostIds = page::context(raw)?;
            page.each(|page, row: &meeting::Row<'_>| page.meeting(&row.document(&hosts, event, &harvest)?))?;
        }
        K::ZoomReportMeetings | K::ZoomReportMeeting => {
            let hosts: HostIds = page::context(raw)?;
            page.each(|page, row: &report::MeetingRow<'_>| page.meeting(&row.document(&hosts, &harvest)?))?;
        }
        K::ZoomMetricsParticipants | K::ZoomMetricsWebinarParticipants => {
            let of: MeetingContext = page::context(raw)?;
            page.each(|page, row: &session::Row<'_>| {
                page.session(&of, &row.document(&of, event, &harvest, &view)?)
            })?;
        }
        K::ZoomReportParticipants | K::ZoomReportWebinarParticipants => {
            let of: MeetingContext = page::context(raw)?;
            page.each(|page, row: &report::SessionRow<'_>| {
                page.session(&of, &row.document(&of, event, &harvest)?)
            })?;
        }
        K::OpencastActions => opencast::actions(&mut page, &page::context(raw)?, &harvest, &view)?,
        K::OpencastEpisode => opencast::episode(&mut page, &page::context(raw)?, &harvest),
    }
    Ok(page.encoded())
}

/// Error text of a row without a document.
#[derive(Debug)]
pub(crate) struct Fault(String);

impl Fault {
    /// Returns the text of a field required for the document's id.
    fn unless_named<'t>(field: &str, text: &'t Field<Text<'_>>) -> Result<&'t str, Self> {
        text.get().ok_or_else(|| match text.dropped() {
            0 => Self(format!("field `{field}` is missing or empty")),
            _ => Self(format!("field `{field}` is of another type")),
        })
    }

    fn into_cause(self, raw: &RawDocument<'_>, position: usize) -> Cause {
        let text = format!("row {position} of {}: {}; it alone is left out", raw.endpoint, self.0);
        Cause::new(CauseClass::BadShape, text)
    }
}

#[cfg(test)]
mod tests;
