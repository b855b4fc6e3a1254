//! Verdicts of the store -> one outcome per message, and a dead letter for every item that nobody can use. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use messages::{Cause, CauseClass, Document, Queue, RawDocument, decode, encode};
use runtime::{Failure, Message};
use serde_json::value::RawValue;
use store::{StoreError, Verdict};

use crate::load::Part;
use crate::map::only_item;

/// After this many failed attempts an overloaded store is waited for instead: its documents are innocent and
/// must not become dead letters because a store was slow for long.
const ATTEMPTS_OF_BUSY: u32 = 3;
/// How long an overloaded store is left alone.
const PAUSE: Duration = Duration::from_secs(5);

/// What becomes of a message, and what of it is dead.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) result: Result<(), Failure>,
    pub(crate) dead: Vec<Message>,
}

/// The outcome of a message whose part of the load got `verdicts`.
///
/// Dead items are named only when nothing of the message has to be tried again, so that each is named once.
pub(crate) fn outcome(message: &Message, part: &Part, verdicts: &[Verdict], now: Timestamp) -> Outcome {
    if verdicts.len() != part.items.len() {
        return Outcome { result: Err(busy(message, now)), dead: Vec::new() };
    }
    let mut dead: Vec<(Item, Cause)> = Vec::new();
    for (item, verdict) in verdicts.iter().enumerate() {
        match verdict {
            Verdict::Indexed | Verdict::Stale => {}
            Verdict::Busy => return Outcome { result: Err(busy(message, now)), dead: Vec::new() },
            Verdict::Refused { reason } => {
                dead.push((item_of(part, item), Cause::new(CauseClass::MappingRefused, reason)));
            }
            Verdict::TooLarge { reason } => {
                dead.push((item_of(part, item), Cause::new(CauseClass::TooLarge, reason)));
            }
        }
    }
    dead.extend(part.unusable.iter().map(|row| (Item::Row(row.position), row.cause.clone())));
    let letters = dead.into_iter().map(|(item, cause)| letter(message, item, cause, now)).collect();
    match letters {
        Ok(dead) => Outcome { result: Ok(()), dead },
        Err(cause) => Outcome { result: Err(Failure::reject(cause)), dead: Vec::new() },
    }
}

/// What becomes of a message when the store could not answer as a whole.
pub(crate) fn failure(message: &Message, error: &StoreError, now: Timestamp) -> Failure {
    match error {
        StoreError::Away(_) => Failure::hold(None, error.to_string()),
        StoreError::Refused(_) => Failure::Refused { cause: error.to_string() },
        StoreError::Busy => busy(message, now),
    }
}

fn busy(message: &Message, now: Timestamp) -> Failure {
    let why = "the store is overloaded and did not take every document";
    if message.headers.attempt >= ATTEMPTS_OF_BUSY {
        let until = now.checked_add(SignedDuration::from_secs(10)).ok();
        return Failure::hold(until, why.to_owned());
    }
    Failure::retry_after(PAUSE, Cause::new(CauseClass::AttemptsSpent, why))
}

/// What an item of a message is.
#[derive(Debug, Clone, Copy)]
enum Item {
    /// The raw document itself, for the archive.
    Whole,
    /// The row, or the receipt, at this position.
    Row(usize),
}

/// Items lie in the order of the page without the rows that are no documents.
fn item_of(part: &Part, item: usize) -> Item {
    let Some(mut position) = item.checked_sub(usize::from(part.archived)) else { return Item::Whole };
    for row in &part.unusable {
        if row.position <= position {
            position += 1;
        }
    }
    Item::Row(position)
}

/// The dead letter of one item: a message of its own that can be replayed as it is.
///
/// # Errors
/// When the item cannot be cut out of its message; then the whole message has to be the dead letter.
fn letter(message: &Message, item: Item, cause: Cause, now: Timestamp) -> Result<Message, Cause> {
    let (id, body) = alone(message, item).ok_or_else(|| cause.clone())?;
    let mut letter = Message::new(Queue::documents(), id, body, now).into_dead(cause);
    letter.headers.attempt = message.headers.attempt + 1;
    letter.headers.replays = message.headers.replays;
    letter.headers.first_seen = message.headers.first_seen;
    Ok(letter)
}

fn alone(message: &Message, item: Item) -> Option<(String, Vec<u8>)> {
    match (decode::<Document<'_>>(&message.body).ok()?, item) {
        (Document::Raw(raw), Item::Whole) => Some((format!("{}:raw", raw.id), message.body.to_vec())),
        (Document::Raw(raw), Item::Row(position)) => alone_in_page(&raw, position),
        (Document::Receipts(mut receipts), Item::Row(position)) if position < receipts.len() => {
            let receipt = receipts.swap_remove(position);
            let id = format!("receipt:{}", receipt.job_id);
            Some((id, encode(&Document::Receipts(vec![receipt])).ok()?))
        }
        (Document::Receipts(_), _) => None,
    }
}

/// A page with one row has an id of its own, so that its replay never overwrites the archived page; and keeps
/// it when it dies again.
fn alone_in_page(raw: &RawDocument<'_>, position: usize) -> Option<(String, Vec<u8>)> {
    let only = only_item(raw, position)?;
    let body: &RawValue = serde_json::from_str(&only.body).ok()?;
    let suffix = format!(":{}", only.key);
    let id = if raw.id.ends_with(&suffix) { raw.id.to_string() } else { format!("{}{suffix}", raw.id) };
    let page = RawDocument::new(
        id.as_str(),
        raw.job_id.clone(),
        raw.run.clone(),
        raw.kind,
        raw.endpoint.as_ref(),
        raw.fetched_at,
        raw.date,
        raw.context,
        body,
    );
    let body = encode(&Document::Raw(page)).ok()?;
    Some((id, body))
}
