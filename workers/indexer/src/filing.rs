//! The batch worker of `ua.dead`: files dead letters in the store, and has the receipts of jobs that died say so.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use messages::{Cause, CauseClass, DeadLetter, DeadState, Queue, Receipt, ReceiptState};
use runtime::meter::{Doing, during};
use runtime::{BatchWorker, Failure, Headers, Message, Outbox, clock};
use serde::de::DeserializeOwned;
use store::{Batch, Kind, Split, Store, StoreError, Verdict};
use tracing::warn;

use crate::desk;
use crate::map::fnv;

/// How long a store that takes no dead letters is left alone. They are never counted or rejected: a dead
/// letter of a dead letter would come back to this queue for ever.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);

/// Moves dead letters from `ua.dead` into the store.
#[derive(Debug)]
pub struct DeadLetterDesk {
    store: Store,
}

impl DeadLetterDesk {
    /// A desk whose rows lie in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// One outcome per letter: filed, and after that its receipt.
    async fn file(&self, letters: &[DeadLetter], now: Timestamp) -> Result<Vec<Outcome>, StoreError> {
        // Replays and receipts of the last seconds are to be seen. Where it is not allowed the rows are a
        // little older; a store that is away says so at the next call.
        let _ = self.store.refresh().await;
        let decided = self.decided(letters).await?;
        let mut outcomes: Vec<Outcome> = vec![Ok(()); letters.len()];
        let mut rows = Batch::new();
        let mut places = Vec::new();
        for (place, letter) in letters.iter().enumerate().filter(|(place, _)| !decided[*place]) {
            desk::push(&mut rows, &self.store, letter, letter.died_at.as_millisecond())?;
            places.push(place);
        }
        for (place, verdict) in places.iter().zip(self.write(&rows).await?) {
            outcomes[*place] = filed(&verdict, now);
        }
        places.retain(|place| outcomes[*place].is_ok());
        self.close_receipts(letters, &places, &mut outcomes, now).await?;
        Ok(outcomes)
    }

    /// For each letter: whether an operator has dealt with this very death already. A desk that crashed before
    /// it could ack gets the letter again, and must not make a replayed row a dead one.
    async fn decided(&self, letters: &[DeadLetter]) -> Result<Vec<bool>, StoreError> {
        let ids: Vec<&str> = letters.iter().map(|letter| letter.id.as_str()).collect();
        let rows: Vec<DeadLetter> = self.read(Kind::Deadletters, &ids).await?;
        let rows: HashMap<&str, &DeadLetter> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
        let decided =
            |letter: &DeadLetter| rows.get(letter.id.as_str()).is_some_and(|row| is_later(row, letter));
        Ok(letters.iter().map(decided).collect())
    }

    /// Has the receipts of jobs that died say `failed`: a job that could not be decoded, crashed its workers or
    /// panicked at its last attempt has nobody else who could write that.
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
        for receipt in self.read::<Receipt>(Kind::Harvests, &ids).await? {
            let Some(place) = jobs.get(receipt.job_id.as_str()) else { continue };
            let Some(receipt) = failed(receipt, &letters[*place]) else { continue };
            let index = Kind::Harvests.index(Split::default(), receipt.date.unwrap_or_default());
            let (id, version) = (receipt.job_id.as_str().to_owned(), receipt.version());
            let pushed = batch.push(self.store.prefix(), Kind::Harvests, index, id, version, &receipt);
            pushed.map_err(|_| StoreError::Refused("a receipt cannot be written as JSON".to_owned()))?;
            closed.push(*place);
        }
        for (place, verdict) in closed.into_iter().zip(self.write(&batch).await?) {
            match verdict {
                Verdict::Indexed | Verdict::Stale => {}
                Verdict::Busy => outcomes[place] = filed(&verdict, now),
                Verdict::Refused { reason } | Verdict::TooLarge { reason } => {
                    warn!(job.id = %letters[place].id, "the store refuses the receipt of a job that died: {reason}");
                }
            }
        }
        Ok(())
    }

    /// The rows with these ids; what is not of this version of `ua` counts as not there.
    async fn read<T: DeserializeOwned>(&self, kind: Kind, ids: &[&str]) -> Result<Vec<T>, StoreError> {
        let hits = self.store.get_many(kind, ids).await?;
        Ok(hits.iter().filter_map(|hit| serde_json::from_str(hit.source.get()).ok()).collect())
    }

    async fn write(&self, batch: &Batch) -> Result<Vec<Verdict>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let mut verdicts = during(Doing::Store, self.store.bulk(batch)).await?;
        // Without a verdict nothing is known: it is written again.
        verdicts.resize(batch.len(), Verdict::Busy);
        Ok(verdicts)
    }
}

type Outcome = Result<(), Failure>;

impl BatchWorker for DeadLetterDesk {
    const NAME: &'static str = "index.dead";

    async fn perform(&self, batch: &[Message], _outbox: &mut Outbox) -> Vec<Result<(), Failure>> {
        let now = clock::now();
        let letters: Vec<DeadLetter> = batch.iter().map(|message| letter(message, now)).collect();
        match self.file(&letters, now).await {
            Ok(outcomes) => outcomes,
            Err(error) => vec![Err(failure(&error, now)); batch.len()],
        }
    }

    async fn healthy(&self) -> bool {
        self.store.healthy().await
    }
}

/// True when the row tells of something that came after the death of this letter. A message that was planned
/// anew has another `first_seen`, and one that was replayed counts it.
fn is_later(row: &DeadLetter, letter: &DeadLetter) -> bool {
    row.first_seen == letter.first_seen
        && match row.state {
            DeadState::Dead => false,
            DeadState::Replayed => row.replays > letter.replays,
            DeadState::Dropped => row.replays >= letter.replays,
        }
}

/// The receipt of a job that died, unless it says so already or the job was done all the same.
fn failed(receipt: Receipt, letter: &DeadLetter) -> Option<Receipt> {
    match receipt.state {
        ReceiptState::Complete | ReceiptState::Failed => None,
        ReceiptState::Planned | ReceiptState::Incomplete | ReceiptState::Cancelled => Some(Receipt {
            state: ReceiptState::Failed,
            cause: Some(letter.cause.clone()),
            attempts: receipt.attempts.max(letter.attempts),
            finished_at: Some(letter.died_at),
            ..receipt
        }),
    }
}

fn filed(verdict: &Verdict, now: Timestamp) -> Outcome {
    match verdict {
        Verdict::Indexed | Verdict::Stale => Ok(()),
        Verdict::Busy => Err(wait(now, "the store is overloaded and did not take a dead letter")),
        Verdict::Refused { reason } | Verdict::TooLarge { reason } => {
            Err(wait(now, &format!("the store refuses a dead letter: {reason}; run `ua setup`")))
        }
    }
}

fn failure(error: &StoreError, now: Timestamp) -> Failure {
    match error {
        StoreError::Refused(_) => Failure::Halt { cause: error.to_string() },
        StoreError::Away(_) => Failure::Hold { until: None, why: error.to_string() },
        StoreError::Busy => wait(now, &error.to_string()),
    }
}

fn wait(now: Timestamp, why: &str) -> Failure {
    Failure::Hold { until: now.checked_add(PAUSE).ok(), why: why.to_owned() }
}

/// The row of a dead letter. A message that dies again after a replay has the same id, and so the same row.
fn letter(message: &Message, now: Timestamp) -> DeadLetter {
    let Headers { message_id, attempt, origin, cause, replays, first_seen } = message.headers.clone();
    let id = if message_id.is_empty() { format!("unnamed-{:016x}", fnv(&message.body)) } else { message_id };
    let given_up =
        || Cause::new(CauseClass::CrashedWorker, "the broker gave it up: it was delivered too often");
    DeadLetter {
        id,
        state: DeadState::Dead,
        cause: cause.unwrap_or_else(given_up),
        origin: origin.unwrap_or_else(|| Queue::named("unknown")),
        attempts: attempt,
        replays,
        first_seen,
        died_at: now,
        changed_at: now,
        body: DeadLetter::opaque(&message.body),
    }
}
