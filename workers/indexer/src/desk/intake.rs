//! The batch worker of `ua.dead`: stores dead letters, and marks the receipts of dead jobs as failed.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use messages::{Cause, CauseClass, DeadLetter, DeadState, Queue, Receipt, ReceiptState, Subject};
use runtime::{BatchWorker, Failure, Headers, Message, Outbox, clock};
use serde::de::DeserializeOwned;
use store::{Batch, DocumentKind, Split, Store, StoreError, Verdict};
use tracing::warn;

use super::{pieces, row};
use crate::map::fnv;
use crate::{metrics, settle};

/// Delay if the store accepts no dead letters. They are never counted or rejected: a rejected one would return to this
/// queue forever.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);

/// Bytes at which a request is sent.
const BULK: usize = 8 << 20;

/// Moves dead letters from `ua.dead` into the store.
#[derive(Debug)]
pub struct DeadLetterDesk {
    store: Store,
}

impl DeadLetterDesk {
    /// Creates a desk whose rows are in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Stores letters, then updates their receipts. Returns one outcome per letter.
    async fn file(&self, letters: &mut [DeadLetter], now: Timestamp) -> Result<Vec<Outcome>, StoreError> {
        let rows = self.rows(letters).await?;
        let mut outcomes: Vec<Outcome> = vec![Ok(()); letters.len()];
        let mut batch = Batch::new();
        let (mut written, mut dead) = (Vec::new(), Vec::new());
        for (place, letter) in letters.iter_mut().enumerate() {
            let row = rows.get(letter.id.as_str());
            let known = row.map_or(Previous::No, |(_, row)| known(row, letter));
            if known != Previous::Settled {
                dead.push(place);
            }
            if known == Previous::No {
                let version = succeed(letter, row);
                if let Err(why) = pieces::part(&self.store, letter, version).await? {
                    outcomes[place] = Err(apart(now, &why));
                    continue;
                }
                row::push(&mut batch, &self.store, letter, version)?;
                written.push(place);
            }
            if batch.bytes() >= BULK {
                self.write_rows(&mut batch, &mut written, &mut outcomes, now).await?;
            }
        }
        self.write_rows(&mut batch, &mut written, &mut outcomes, now).await?;
        dead.retain(|place| outcomes[*place].is_ok());
        self.close_receipts(letters, &dead, &mut outcomes, now).await?;
        Ok(outcomes)
    }

    /// Writes the batched rows of letters at these positions, and empties the batch.
    async fn write_rows(
        &self,
        batch: &mut Batch,
        places: &mut Vec<usize>,
        outcomes: &mut [Outcome],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for (place, verdict) in places.drain(..).zip(self.write(batch).await?) {
            outcomes[place] = filed(&verdict, now);
        }
        batch.clear();
        Ok(())
    }

    /// Returns the existing rows of these letters, by id, with their versions.
    async fn rows(&self, letters: &[DeadLetter]) -> Result<HashMap<String, (i64, DeadLetter)>, StoreError> {
        let ids: Vec<&str> = letters.iter().map(|letter| letter.id.as_str()).collect();
        let hits = self.store.get_many(DocumentKind::Deadletters, &ids).await?;
        let row = |hit: store::Hit| {
            let row: DeadLetter = serde_json::from_str(hit.source.get()).ok()?;
            Some((row.id.clone(), (hit.version, row)))
        };
        Ok(hits.into_iter().filter_map(row).collect())
    }

    /// Marks the receipts of dead jobs as `failed`. A job that is undecodable, crashed its workers, or panicked at its
    /// last attempt has not written its own.
    async fn close_receipts(
        &self,
        letters: &[DeadLetter],
        places: &[usize],
        outcomes: &mut [Outcome],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let jobs: HashMap<&str, usize> = places
            .iter()
            .filter(|place| letters[**place].origin.as_str().starts_with("ua.jobs."))
            .map(|place| (letters[*place].id.as_str(), *place))
            .collect();
        let ids: Vec<&str> = jobs.keys().copied().collect();
        let mut batch = Batch::new();
        let mut closed = Vec::new();
        for receipt in self.read::<Receipt>(DocumentKind::Harvests, &ids).await? {
            let Some(place) = jobs.get(receipt.job_id.as_str()) else { continue };
            let Some(receipt) = failed(receipt, &letters[*place]) else { continue };
            let index = DocumentKind::Harvests.index(Split::default(), receipt.date.unwrap_or_default());
            let (id, version) = (receipt.job_id.as_str().to_owned(), receipt.version());
            let pushed =
                batch.push(self.store.prefix(), DocumentKind::Harvests, index, id, version, &receipt);
            pushed.map_err(|_| StoreError::Refused("a receipt cannot be written as JSON".to_owned()))?;
            closed.push(*place);
        }
        for (place, verdict) in closed.into_iter().zip(self.write(&batch).await?) {
            match verdict {
                Verdict::Indexed | Verdict::Stale => {}
                Verdict::Busy { .. } | Verdict::Denied { .. } | Verdict::Failed { .. } => {
                    outcomes[place] = filed(&verdict, now);
                }
                Verdict::Refused { reason } | Verdict::TooLarge { reason } => {
                    warn!(job.id = %letters[place].id, "the store refuses the receipt of a job that died: {reason}");
                }
            }
        }
        Ok(())
    }

    /// Reads the rows with these ids; skips rows of another version of `ua`.
    async fn read<T: DeserializeOwned>(
        &self,
        kind: DocumentKind,
        ids: &[&str],
    ) -> Result<Vec<T>, StoreError> {
        let hits = self.store.get_many(kind, ids).await?;
        Ok(hits.iter().filter_map(|hit| serde_json::from_str(hit.source.get()).ok()).collect())
    }

    async fn write(&self, batch: &Batch) -> Result<Vec<Verdict>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let mut verdicts = metrics::bulk(&self.store, batch).await?;
        // Without a verdict, the outcome is unknown: write again.
        let unknown = "the store gave no verdict".to_owned();
        verdicts.resize(batch.len(), Verdict::Busy { reason: unknown });
        Ok(verdicts)
    }
}

type Outcome = Result<(), Failure>;

impl BatchWorker for DeadLetterDesk {
    const NAME: &'static str = "index.dead";

    async fn perform(&self, batch: &[Message], _outbox: &mut Outbox) -> Vec<Result<(), Failure>> {
        let now = clock::now();
        let mut letters: Vec<DeadLetter> = batch.iter().map(|message| letter(message, now)).collect();
        match self.file(&mut letters, now).await {
            Ok(outcomes) => outcomes,
            Err(error) => vec![Err(failure(&error, now)); batch.len()],
        }
    }

    async fn healthy(&self) -> bool {
        self.store.healthy().await
    }
}

/// Copies the history of the existing row into the new death. Returns the version to write.
fn succeed(letter: &mut DeadLetter, row: Option<&(i64, DeadLetter)>) -> i64 {
    let at = letter.died_at.as_millisecond();
    if let Some((_, row)) = row {
        letter.follow(row);
    }
    row.map_or(at, |(version, _)| row::beyond(*version, at))
}

/// State of a death in an existing row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Previous {
    /// Unknown: the death is new.
    No,
    /// Stored. A desk that crashed before its ack receives the letter again.
    Filed,
    /// An operator replayed or dropped it; it must not become dead again.
    Settled,
}

/// Compares a row with a death. A newly planned message has another `first_seen`; a replayed one counts its replays.
fn known(row: &DeadLetter, letter: &DeadLetter) -> Previous {
    if row.first_seen != letter.first_seen {
        return Previous::No;
    }
    match row.state {
        DeadState::Dead if row.replays >= letter.replays => Previous::Filed,
        DeadState::Replayed if row.replays > letter.replays => Previous::Settled,
        DeadState::Dropped if row.replays >= letter.replays => Previous::Settled,
        _ => Previous::No,
    }
}

/// Returns the failed receipt of a dead job; `None` if it is already failed or complete.
fn failed(receipt: Receipt, letter: &DeadLetter) -> Option<Receipt> {
    match receipt.state {
        ReceiptState::Complete | ReceiptState::Failed => None,
        ReceiptState::Planned | ReceiptState::Incomplete | ReceiptState::Cancelled => Some(Receipt {
            state: ReceiptState::Failed,
            cause: Some(letter.cause.clone()),
            attempts: receipt.attempts.max(letter.attempts),
            calls: letter.calls(),
            finished_at: Some(letter.died_at),
            ..receipt
        }),
    }
}

fn filed(verdict: &Verdict, now: Timestamp) -> Outcome {
    match verdict {
        Verdict::Indexed | Verdict::Stale => Ok(()),
        Verdict::Busy { reason } | Verdict::Failed { reason } => {
            Err(wait(now, &format!("the store did not take a dead letter: {reason}")))
        }
        Verdict::Denied { reason } => {
            Err(settle::denied(format!("the store did not take a dead letter: {reason}")))
        }
        Verdict::Refused { reason } | Verdict::TooLarge { reason } => {
            Err(apart(now, &format!("the store refuses a dead letter: {reason}; run `ua check`")))
        }
    }
}

/// Defers this letter alone.
fn apart(now: Timestamp, why: &str) -> Failure {
    Failure::Defer { until: now.checked_add(PAUSE).ok(), why: why.to_owned() }
}

fn failure(error: &StoreError, now: Timestamp) -> Failure {
    match error {
        StoreError::Busy(_) => wait(now, &error.to_string()),
        _ => settle::failure(error, now),
    }
}

fn wait(now: Timestamp, why: &str) -> Failure {
    Failure::hold(now.checked_add(PAUSE).ok(), why.to_owned())
}

/// Returns the row of a dead letter. A message that dies again after a replay has the same id, so the same row.
fn letter(message: &Message, now: Timestamp) -> DeadLetter {
    let Headers { message_id, attempt, origin, cause, replays, first_seen, calls, died_at } =
        message.headers.clone();
    // A clock ahead of ours must not place the death after its filing.
    let died_at = died_at.filter(|died_at| *died_at <= now).unwrap_or(now);
    let id = if message_id.is_empty() { format!("unnamed-{:016x}", fnv(&message.body)) } else { message_id };
    let given_up =
        || Cause::new(CauseClass::CrashedWorker, "the broker gave it up: it was delivered too often");
    let origin = origin.unwrap_or_else(|| Queue::named("unknown"));
    let Subject { source, date, meeting_uuid } = Subject::of(&origin, &id, &message.body);
    let mut letter = DeadLetter {
        id,
        state: DeadState::Dead,
        cause: cause.unwrap_or_else(given_up),
        origin,
        attempts: attempt,
        replays,
        first_seen,
        died_at,
        changed_at: died_at,
        source,
        date,
        meeting_uuid,
        bytes: message.body.len() as u64,
        pieces: 0,
        history: Vec::new(),
        body: DeadLetter::opaque(&message.body),
    };
    letter.die(calls);
    letter
}
