//! The desk of dead letters: lists and shows those that were filed, and replays them to their origin.

use messages::{CauseClass, DeadLetter, DeadState, Queue};
use runtime::{Broker, Message, PublishError, clock};
use store::{Batch, Hit, Kind, Order, Query, Split, Store, StoreError, Verdict};

/// Why the desk could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The store cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row of the desk is not a dead letter of this version.
    #[error("dead letter {id}: its row was altered or written by another version of ua")]
    Unreadable {
        /// The row's id.
        id: String,
    },
}

/// Which dead letters are asked for; what is `None` does not count.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<DeadState>,
    /// Only of this class.
    pub class: Option<CauseClass>,
    /// Only those that died in this queue.
    pub origin: Option<Queue>,
    /// At most so many; `None`: 1,000.
    pub limit: Option<usize>,
}

/// What became of one dead letter that was to be replayed.
#[derive(Debug)]
pub enum Replay {
    /// It is back in this queue, and its row says so.
    Replayed(Queue),
    /// It is back in the queue, but its row still says `dead`: the store failed in between.
    RowBehind(Queue, String),
    /// It is not waiting for an operator: replayed or dropped before.
    NotDead(DeadState),
    /// There is none with this id.
    Missing,
    /// The broker did not take it, or the row cannot be read; it stays as it was.
    Failed(String),
}

/// The dead letters that fit the filter, the latest first.
///
/// # Errors
/// When the store cannot be asked, or a row cannot be read.
pub async fn list(store: &Store, filter: &Filter) -> Result<Vec<DeadLetter>, DeskError> {
    let mut query = Query::all(Kind::Deadletters).limit(filter.limit.unwrap_or(1_000));
    if let Some(state) = filter.state {
        query = query.with("state", name(state));
    }
    if let Some(class) = filter.class {
        query = query.with("cause.class", class);
    }
    if let Some(origin) = &filter.origin {
        query = query.with("origin", origin);
    }
    let hits = store.search(&query.sorted("died_at", Order::Descending)).await?;
    hits.iter().map(read).collect()
}

/// The dead letter with this id.
///
/// # Errors
/// When the store cannot be asked, or the row cannot be read.
pub async fn show(store: &Store, id: &str) -> Result<Option<DeadLetter>, DeskError> {
    store.get(Kind::Deadletters, id).await?.as_ref().map(read).transpose()
}

/// Publishes dead letters again, each to the replay lane of its origin, and notes it in their rows.
///
/// First the confirmed publish, then the row: a crash in between leaves the letter in both places, never in
/// none. The row's new version is of the time *before* the publish, so that a letter that dies again at once
/// is not written over by the note of its replay.
///
/// # Errors
/// When the store cannot be asked. What went wrong with one letter is its own [`Replay`].
pub async fn replay(
    store: &Store,
    broker: &Broker,
    ids: &[String],
) -> Result<Vec<(String, Replay)>, DeskError> {
    let mut done = Vec::with_capacity(ids.len());
    for id in ids {
        let outcome = match store.get(Kind::Deadletters, id).await? {
            None => Replay::Missing,
            Some(hit) => replay_one(store, broker, &hit).await,
        };
        done.push((id.clone(), outcome));
    }
    Ok(done)
}

async fn replay_one(store: &Store, broker: &Broker, hit: &Hit) -> Replay {
    let Ok(mut letter) = read(hit) else {
        return Replay::Failed("its row cannot be read".to_owned());
    };
    if letter.state != DeadState::Dead {
        return Replay::NotDead(letter.state);
    }
    let Ok(body) = letter.body_bytes() else {
        return Replay::Failed("its body is no longer base64".to_owned());
    };
    let (now, queue) = (clock::now(), letter.origin.replay_lane());
    let mut message = Message::new(queue.clone(), letter.id.as_str(), body, letter.first_seen);
    message.headers.replays = letter.replays.saturating_add(1);
    if let Err(error) = broker.publish(vec![message]).await {
        return Replay::Failed(refusal(&error));
    }
    letter.state = DeadState::Replayed;
    letter.replays = letter.replays.saturating_add(1);
    letter.changed_at = now;
    match note(store, &letter, now.as_millisecond().max(hit.version.saturating_add(1))).await {
        Ok(()) => Replay::Replayed(queue),
        Err(error) => Replay::RowBehind(queue, error),
    }
}

async fn note(store: &Store, letter: &DeadLetter, version: i64) -> Result<(), String> {
    let mut batch = Batch::new();
    push(&mut batch, store, letter, version).map_err(|error| error.to_string())?;
    let verdicts = store.bulk(&batch).await.map_err(|error| error.to_string())?;
    match verdicts.first() {
        Some(Verdict::Indexed | Verdict::Stale) => Ok(()),
        Some(Verdict::Refused { reason } | Verdict::TooLarge { reason }) => Err(reason.clone()),
        Some(Verdict::Busy) | None => Err("the store is overloaded".to_owned()),
    }
}

fn refusal(error: &PublishError) -> String {
    match error {
        PublishError::Full { queue, .. } => {
            format!("the queue {queue} is full: try again when it has drained")
        }
        _ => error.to_string(),
    }
}

/// Adds the row of a dead letter to a batch.
pub(crate) fn push(
    batch: &mut Batch,
    store: &Store,
    letter: &DeadLetter,
    version: i64,
) -> Result<(), StoreError> {
    let index = Kind::Deadletters.index(Split::default(), jiff::civil::Date::default());
    let pushed = batch.push(store.prefix(), Kind::Deadletters, index, letter.id.clone(), version, letter);
    pushed.map_err(|_| StoreError::Refused("a dead letter cannot be written as JSON".to_owned()))
}

fn read(hit: &Hit) -> Result<DeadLetter, DeskError> {
    serde_json::from_str(hit.source.get()).map_err(|_| DeskError::Unreadable { id: hit.id.clone() })
}

/// The state as it stands in the rows.
fn name(state: DeadState) -> &'static str {
    match state {
        DeadState::Dead => "dead",
        DeadState::Replayed => "replayed",
        DeadState::Dropped => "dropped",
    }
}
