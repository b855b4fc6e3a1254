//! Converts the store's verdicts into one outcome per message, and a dead letter per unusable item. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use messages::{Cause, CauseClass, Document, Queue, RawDocument, decode, encode};
use runtime::{Failure, Message};
use serde_json::value::RawValue;
use store::{DocumentKind, StoreError, Verdict};

use crate::bulk_builder::Part;
use crate::map::single_row;

/// Failed attempts after which a message with busy items waits uncounted, because its documents are not the cause.
const ATTEMPTS_OF_BUSY: u32 = 3;
/// Failed attempts after which a failed item is sent alone.
pub(crate) const ATTEMPTS_TOGETHER: u32 = 2;
/// Delay before an item is sent again.
const PAUSE: Duration = Duration::from_secs(5);

/// Outcome of a message, and its dead letters.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) result: Result<(), Failure>,
    pub(crate) dead: Vec<Message>,
}

/// State of a bulk as a whole.
#[derive(Debug)]
pub(crate) struct StoreState {
    /// Kinds of which the store refuses every document, each with the reason.
    pub(crate) wrong: BTreeMap<DocumentKind, String>,
    /// True if the store accepted an item of the bulk.
    pub(crate) takes: bool,
}

/// Reason for a message to wait, by ascending severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble<'a> {
    Failed(&'a str),
    Busy(&'a str),
    Wrong(&'a str),
    Denied(&'a str),
}

/// Returns the outcome of a message from the `verdicts` for its items of these `kinds`.
///
/// Creates dead letters only if no item needs a retry, so that each is sent once.
pub(crate) fn outcome(
    message: &Message,
    part: &Part,
    kinds: &[DocumentKind],
    verdicts: &[Verdict],
    standing: &StoreState,
    now: Timestamp,
) -> Outcome {
    if verdicts.len() != part.items.len() || kinds.len() != verdicts.len() {
        let why = "the store gave fewer verdicts than it was asked for";
        return Outcome { result: Err(busy(message, why, standing.takes, now)), dead: Vec::new() };
    }
    let troubles =
        kinds.iter().zip(verdicts).filter_map(|(kind, verdict)| trouble(message, *kind, verdict, standing));
    if let Some(trouble) = troubles.max() {
        return Outcome { result: Err(wait(message, trouble, standing, now)), dead: Vec::new() };
    }
    let dead = verdicts
        .iter()
        .enumerate()
        .filter_map(|(item, verdict)| Some((item_of(part, item), cause(verdict)?)));
    let unusable = part.unusable.iter().map(|row| (Item::Row(row.position), row.cause.clone()));
    let letters = dead.chain(unusable).map(|(item, cause)| letter(message, item, cause, now)).collect();
    match letters {
        Ok(dead) => Outcome { result: Ok(()), dead },
        Err(cause) => Outcome { result: Err(Failure::reject(cause)), dead: Vec::new() },
    }
}

fn trouble<'a>(
    message: &Message,
    kind: DocumentKind,
    verdict: &'a Verdict,
    standing: &'a StoreState,
) -> Option<Trouble<'a>> {
    let wrong = standing.wrong.get(&kind);
    match (verdict, wrong) {
        (Verdict::Refused { .. } | Verdict::Failed { .. }, Some(why)) => Some(Trouble::Wrong(why)),
        (Verdict::Busy { reason }, _) => Some(Trouble::Busy(reason)),
        (Verdict::Denied { reason }, _) => Some(Trouble::Denied(reason)),
        (Verdict::Failed { reason }, None) if message.headers.attempt < ATTEMPTS_TOGETHER => {
            Some(Trouble::Failed(reason))
        }
        _ => None,
    }
}

/// Returns why an item is dead; `None` if it is not.
fn cause(verdict: &Verdict) -> Option<Cause> {
    match verdict {
        Verdict::Refused { reason } | Verdict::Failed { reason } => {
            Some(Cause::new(CauseClass::MappingRefused, reason))
        }
        Verdict::TooLarge { reason } => Some(Cause::new(CauseClass::TooLarge, reason)),
        Verdict::Indexed | Verdict::Stale | Verdict::Busy { .. } | Verdict::Denied { .. } => None,
    }
}

fn wait(message: &Message, trouble: Trouble<'_>, standing: &StoreState, now: Timestamp) -> Failure {
    match trouble {
        Trouble::Denied(why) if standing.takes => Failure::Defer { until: None, why: why.to_owned() },
        Trouble::Denied(why) => denied(why.to_owned()),
        Trouble::Wrong(why) => Failure::hold(None, why.to_owned()),
        Trouble::Busy(why) => busy(message, why, standing.takes, now),
        Trouble::Failed(why) => Failure::retry_after(PAUSE, Cause::new(CauseClass::MappingRefused, why)),
    }
}

/// Returns the outcome of messages whose bulk failed as a whole.
pub(crate) fn failure(error: &StoreError, now: Timestamp) -> Failure {
    match error {
        StoreError::Away(_) => Failure::hold(None, error.to_string()),
        StoreError::Busy(_) => Failure::hold(soon(now), error.to_string()),
        StoreError::Refused(_) | StoreError::Denied(_) => denied(error.to_string()),
        StoreError::Misconfigured(_) => Failure::Halt { cause: error.to_string() },
    }
}

/// Returns the outcome if the store refuses this program.
pub(crate) fn denied(cause: String) -> Failure {
    Failure::Refused { cause }
}

/// Returns the outcome for a busy item. If the store accepts other items (one index is closed or red), only this
/// message waits.
fn busy(message: &Message, why: &str, takes: bool, now: Timestamp) -> Failure {
    match takes {
        false => Failure::hold(soon(now), why.to_owned()),
        true if message.headers.attempt < ATTEMPTS_OF_BUSY => {
            Failure::retry_after(PAUSE, Cause::new(CauseClass::AttemptsSpent, why))
        }
        true => Failure::Defer { until: None, why: why.to_owned() },
    }
}

fn soon(now: Timestamp) -> Option<Timestamp> {
    now.checked_add(SignedDuration::from_secs(10)).ok()
}

/// Kind of an item.
#[derive(Debug, Clone, Copy)]
enum Item {
    /// The raw document itself, for the archive.
    Whole,
    /// The row, or the receipt, at this position.
    Row(usize),
}

/// Converts an item's index into its row: items have the order of the page without unusable rows.
fn item_of(part: &Part, item: usize) -> Item {
    let Some(mut position) = item.checked_sub(usize::from(part.archived)) else { return Item::Whole };
    for row in &part.unusable {
        if row.position <= position {
            position += 1;
        }
    }
    Item::Row(position)
}

/// Returns the dead letter of one item: a separate message that can be replayed.
///
/// # Errors
/// If the item cannot be extracted; then the whole message becomes the dead letter.
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

/// Returns a page with one row. Its own id prevents a replay from overwriting the archived page, and stays the same if
/// it dies again.
fn alone_in_page(raw: &RawDocument<'_>, position: usize) -> Option<(String, Vec<u8>)> {
    let only = single_row(raw, position)?;
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
