//! A bulk being built: the documents of several messages in one batch, with the message of each. Pure.

use std::ops::Range;

use messages::{Cause, CauseClass, DecodeError, Document, Receipt, decode};
use runtime::Message;
use store::{Batch, DocumentKind};

use crate::IndexerSettings;
use crate::archive;
use crate::enrich::Enricher;
use crate::map::{Dropped, Target, Unusable, encode_page};

/// A bulk being built. It contains all items of a message or none.
#[derive(Debug, Default)]
pub(crate) struct BulkBuilder {
    pub(crate) batch: Batch,
    pub(crate) parts: Vec<Part>,
}

/// The items of one message in a bulk.
#[derive(Debug)]
pub(crate) struct Part {
    /// Position of the message in the delivered batch.
    pub(crate) message: usize,
    pub(crate) items: Range<usize>,
    /// True if the first item is the raw document itself.
    pub(crate) archived: bool,
    /// Rows that produced no document.
    pub(crate) unusable: Vec<Unusable>,
    /// Values omitted from its documents.
    pub(crate) dropped: Dropped,
}

impl BulkBuilder {
    /// Adds the documents of a message.
    ///
    /// # Errors
    /// If the message, or its whole answer, is unusable.
    pub(crate) fn add(
        &mut self,
        place: usize,
        message: &Message,
        prefix: &str,
        settings: &IndexerSettings,
        enricher: &Enricher,
    ) -> Result<(), Cause> {
        let first = self.batch.len();
        let mut part = Part {
            message: place,
            items: first..first,
            archived: false,
            unusable: Vec::new(),
            dropped: Dropped::default(),
        };
        match decode::<Document<'_>>(&message.body).map_err(|error| undecodable(&error))? {
            Document::Raw(raw) => {
                if settings.raw_days > 0 {
                    archive::push(&raw, prefix, settings.split, &mut self.batch)?;
                    part.archived = true;
                }
                let IndexerSettings { split, ua_version, .. } = *settings;
                let target = Target { prefix, split, ua_version, enricher };
                let encoded = encode_page(&raw, &target, &mut self.batch)?;
                (part.unusable, part.dropped) = (encoded.unusable, encoded.dropped);
            }
            Document::Receipts(receipts) => {
                for receipt in &receipts {
                    file(receipt, prefix, settings, &mut self.batch)?;
                }
            }
        }
        part.items.end = self.batch.len();
        self.parts.push(part);
        Ok(())
    }

    /// Returns the part that contains an item.
    pub(crate) fn part_of(&self, item: usize) -> Option<&Part> {
        self.parts.iter().find(|part| part.items.contains(&item))
    }

    /// Removes the last added message.
    pub(crate) fn undo(&mut self) {
        if let Some(part) = self.parts.pop() {
            self.batch.truncate(part.items.start);
        }
    }

    /// True if the bulk must be sent before more is added.
    pub(crate) fn is_full(&self, settings: &IndexerSettings) -> bool {
        self.batch.len() >= settings.max_documents || self.batch.bytes() >= settings.max_bytes
    }

    /// Empties the bulk and keeps its buffer.
    pub(crate) fn clear(&mut self) {
        self.batch.clear();
        self.parts.clear();
    }
}

/// Returns the cause of an undecodable message.
pub(crate) fn undecodable(error: &DecodeError) -> Cause {
    let class = match error {
        DecodeError::UnknownVersion { .. } => CauseClass::UnknownVersion,
        DecodeError::Malformed { .. } => CauseClass::BadShape,
    };
    Cause::new(class, error.to_string())
}

fn file(receipt: &Receipt, prefix: &str, settings: &IndexerSettings, batch: &mut Batch) -> Result<(), Cause> {
    let date = receipt.date.unwrap_or_default();
    let index = DocumentKind::Harvests.index(settings.split, date);
    let id = receipt.job_id.as_str().to_owned();
    batch
        .push(prefix, DocumentKind::Harvests, index, id, receipt.version(), receipt)
        .map_err(|_| unwritable("receipt"))
}

fn unwritable(what: &str) -> Cause {
    Cause::new(CauseClass::BadShape, format!("{what} cannot be written as JSON"))
}
