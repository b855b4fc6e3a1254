//! A load: the documents of several messages in one batch, and which item is whose. Pure.

use std::ops::Range;

use messages::{Cause, CauseClass, DecodeError, Document, Receipt, decode};
use runtime::Message;
use store::{Batch, Kind};

use crate::Settings;
use crate::archive;
use crate::enrich::Enricher;
use crate::map::{Dropped, Target, Unusable, encode_page};

/// What is being gathered for one bulk. The items of a message are never divided among two loads.
#[derive(Debug, Default)]
pub(crate) struct Load {
    pub(crate) batch: Batch,
    pub(crate) parts: Vec<Part>,
}

/// The part of one message in a load.
#[derive(Debug)]
pub(crate) struct Part {
    /// The message's place among those delivered.
    pub(crate) message: usize,
    /// Its items.
    pub(crate) items: Range<usize>,
    /// True when the first of the items is the raw document itself.
    pub(crate) archived: bool,
    /// Rows that are no documents.
    pub(crate) unusable: Vec<Unusable>,
    /// Values that its documents go without.
    pub(crate) dropped: Dropped,
}

impl Load {
    /// Adds the documents of a message.
    ///
    /// # Errors
    /// When the message, or its answer as a whole, cannot be used as it is.
    pub(crate) fn add(
        &mut self,
        place: usize,
        message: &Message,
        prefix: &str,
        settings: &Settings,
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
                let Settings { split, ua_version, .. } = *settings;
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

    /// The part that an item belongs to.
    pub(crate) fn part_of(&self, item: usize) -> Option<&Part> {
        self.parts.iter().find(|part| part.items.contains(&item))
    }

    /// Removes the message that was added last.
    pub(crate) fn take_back(&mut self) {
        if let Some(part) = self.parts.pop() {
            self.batch.truncate(part.items.start);
        }
    }

    /// True when the load is to be sent before more is added.
    pub(crate) fn is_full(&self, settings: &Settings) -> bool {
        self.batch.len() >= settings.max_documents || self.batch.bytes() >= settings.max_bytes
    }

    /// Empties the load and keeps its buffer.
    pub(crate) fn clear(&mut self) {
        self.batch.clear();
        self.parts.clear();
    }
}

/// Why a message that is none is a dead letter.
pub(crate) fn undecodable(error: &DecodeError) -> Cause {
    let class = match error {
        DecodeError::UnknownVersion { .. } => CauseClass::UnknownVersion,
        DecodeError::Malformed { .. } => CauseClass::BadShape,
    };
    Cause::new(class, error.to_string())
}

fn file(receipt: &Receipt, prefix: &str, settings: &Settings, batch: &mut Batch) -> Result<(), Cause> {
    let date = receipt.date.unwrap_or_default();
    let index = Kind::Harvests.index(settings.split, date);
    let id = receipt.job_id.as_str().to_owned();
    batch
        .push(prefix, Kind::Harvests, index, id, receipt.version(), receipt)
        .map_err(|_| unwritable("receipt"))
}

fn unwritable(what: &str) -> Cause {
    Cause::new(CauseClass::BadShape, format!("{what} cannot be written as JSON"))
}
