//! Replays letters: a confirmed publish of many at once, each to the replay lane of its origin, then their rows.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use messages::{DeadLetter, DeadState, Queue};
use runtime::broker::MAX_MESSAGE_BYTES;
use runtime::{Broker, BrokerError, Message, PublishError, clock};
use store::Store;

use super::choice::{Choice, Selection};
use super::row::{self, DeskRow, Noted};
use super::{DeskError, LetterOutcome};

/// Timeout of a full document queue that does not shrink.
const PATIENCE: Duration = Duration::from_secs(30);
/// Poll interval of a full queue.
const LOOK: Duration = Duration::from_millis(200);

/// Options of a replay.
#[derive(Debug, Clone, Copy)]
pub struct ReplayLimits {
    /// Replays per letter after which it is skipped.
    pub max_replays: u32,
}

/// Replays dead letters, each to the replay lane of its origin, updates their rows, and reports each letter's
/// [`LetterOutcome`]. Without a broker it only reports what it would do.
///
/// The publish is confirmed before the row is written: an interruption leaves the letter in both places, never in none.
///
/// # Errors
/// If the store or the broker fails; letters reported before are done. A failure of one letter is its own
/// [`LetterOutcome`].
pub async fn replay(
    store: &Store,
    broker: Option<&Broker>,
    choice: &Choice,
    limits: ReplayLimits,
    mut tell: impl FnMut(&str, LetterOutcome),
) -> Result<(), DeskError> {
    let blocker = |letter: &DeadLetter| blocker(letter, limits);
    let mut selection = Selection::new(store, choice, &blocker);
    while let Some(chunk) = selection.next_chunk().await? {
        chunk.others.into_iter().for_each(|(id, outcome)| tell(&id, outcome));
        let mut ready = Vec::with_capacity(chunk.dead.len());
        for row in chunk.dead {
            match unsendable(&row.letter) {
                Some(why) => {
                    tell(&row.letter.id, LetterOutcome::Failed(why));
                    selection.refund(1);
                }
                None => ready.push(row),
            }
        }
        match broker {
            Some(broker) => send(store, broker, ready, &mut tell).await?,
            None => {
                ready.iter().for_each(|row| {
                    tell(&row.letter.id, LetterOutcome::Would(Some(row.letter.origin.replay_lane())));
                });
            }
        }
    }
    row::show(store).await;
    Ok(())
}

/// Returns why a letter cannot be replayed, judged by its row without the message.
fn blocker(letter: &DeadLetter, limits: ReplayLimits) -> Option<LetterOutcome> {
    if letter.replays >= limits.max_replays {
        return Some(LetterOutcome::TooOften(letter.replays));
    }
    if letter.bytes > MAX_MESSAGE_BYTES as u64 {
        return Some(LetterOutcome::Failed(too_large(letter.bytes)));
    }
    let queue = letter.origin.replay_lane();
    (!Queue::all().contains(&queue)).then(|| {
        LetterOutcome::Failed(format!("no queue {queue} in this version of ua; drop it when it is of no use"))
    })
}

/// Returns why a letter's message cannot be sent, if so.
fn unsendable(letter: &DeadLetter) -> Option<String> {
    match letter.body_bytes() {
        Err(_) => Some("its message is no longer base64".to_owned()),
        Ok(body) if body.len() > MAX_MESSAGE_BYTES => Some(too_large(body.len() as u64)),
        Ok(body) if body.is_empty() && letter.bytes > 0 => {
            Some("its message is missing in the row".to_owned())
        }
        Ok(_) => None,
    }
}

fn too_large(bytes: u64) -> String {
    format!(
        "its message has {}, and a broker takes {MAX_MESSAGE_BYTES}; plan what it is about again (`ua plan --force`), then \
         drop it",
        messages::counted(bytes, "byte")
    )
}

async fn send(
    store: &Store,
    broker: &Broker,
    rows: Vec<DeskRow>,
    tell: &mut impl FnMut(&str, LetterOutcome),
) -> Result<(), DeskError> {
    let mut by_queue: BTreeMap<Queue, Vec<DeskRow>> = BTreeMap::new();
    for row in rows {
        by_queue.entry(row.letter.origin.replay_lane()).or_default().push(row);
    }
    for (queue, rows) in by_queue {
        let messages = rows.iter().filter_map(|row| message(row, &queue)).collect();
        let Published { refused, why, error } = publish(broker, messages).await;
        let mut published = Vec::with_capacity(rows.len());
        for mut row in rows {
            if refused.contains(&row.letter.id) {
                if error.is_none() {
                    tell(&row.letter.id, LetterOutcome::Failed(why.clone()));
                }
                continue;
            }
            row.letter.replays = row.letter.replays.saturating_add(1);
            row.letter.enter(DeadState::Replayed, clock::now(), None, Some(queue.clone()));
            published.push(row);
        }
        note(store, &published, &queue, tell).await?;
        if let Some(error) = error {
            return Err(error.into());
        }
    }
    Ok(())
}

async fn note(
    store: &Store,
    rows: &[DeskRow],
    queue: &Queue,
    tell: &mut impl FnMut(&str, LetterOutcome),
) -> Result<(), DeskError> {
    let noted = row::note(store, rows).await;
    let behind = |why: String| LetterOutcome::RowBehind(Some(queue.clone()), why);
    for (at, row) in rows.iter().enumerate() {
        let outcome = match &noted {
            // If it has died again, or another operator replayed it, too, it is published all the same.
            Ok(noted) => match noted.get(at) {
                Some(Noted::Yes | Noted::Overtaken) => LetterOutcome::Replayed(queue.clone()),
                Some(Noted::No(why)) => behind(why.clone()),
                None => behind("the store did not answer for it".to_owned()),
            },
            Err(error) => behind(error.to_string()),
        };
        tell(&row.letter.id, outcome);
    }
    noted.map(|_| ()).map_err(DeskError::from)
}

fn message(row: &DeskRow, queue: &Queue) -> Option<Message> {
    let letter = &row.letter;
    let body = letter.body_bytes().ok()?;
    let mut message = Message::new(queue.clone(), letter.id.as_str(), body, letter.first_seen);
    message.headers.replays = letter.replays.saturating_add(1);
    message.headers.calls = letter.calls();
    Some(message)
}

/// Result of a publish.
struct Published {
    /// Ids of unconfirmed messages.
    refused: HashSet<String>,
    /// Reason for these.
    why: String,
    /// Set if the broker itself failed.
    error: Option<BrokerError>,
}

/// Publishes to one queue. Waits for a full document queue while it shrinks.
async fn publish(broker: &Broker, mut messages: Vec<Message>) -> Published {
    let ids =
        |messages: &[Message]| messages.iter().map(|message| message.headers.message_id.clone()).collect();
    let mut begun = Instant::now();
    while !messages.is_empty() {
        let all: HashSet<String> = ids(&messages);
        let count = messages.len();
        match broker.publish(messages).await {
            Ok(()) => break,
            Err(PublishError::Full { queue, rest }) => {
                if rest.len() < count {
                    begun = Instant::now();
                }
                if !has_room(broker, begun).await {
                    let why = format!("the queue {queue} is full: try again when it has drained");
                    return Published { refused: ids(&rest), why, error: None };
                }
                messages = rest;
            }
            Err(PublishError::Broker(error)) => {
                return Published { refused: all, why: error.to_string(), error: Some(error) };
            }
            Err(error) => return Published { refused: all, why: error.to_string(), error: None },
        }
    }
    Published { refused: HashSet::new(), why: String::new(), error: None }
}

async fn has_room(broker: &Broker, since: Instant) -> bool {
    while since.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK).await;
        if broker.has_room().await {
            return true;
        }
    }
    false
}
