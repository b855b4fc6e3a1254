//! Rows of the desk: read, and written many at once.
//!
//! A row's version is its place in the letter's story, not a time: what an operator did to a letter gets the number
//! behind that of the row it was done to, and a new death of the letter one that is larger still. So a letter that
//! dies again at once is not written over by the note of its replay, however the clocks of the machines differ.

use messages::DeadLetter;
use store::{Batch, Hit, Kind, Split, Store, StoreError, Verdict};

use super::DeskError;

/// A row as it was read.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) letter: DeadLetter,
    pub(super) version: i64,
}

/// The version of a note about what was done to a row.
pub(super) fn after(version: i64) -> i64 {
    version.saturating_add(1)
}

/// The version of a new death, `at` this millisecond, of a letter whose row there is.
pub(crate) fn beyond(version: i64, at: i64) -> i64 {
    at.max(version.saturating_add(2))
}

/// Reads a row.
pub(super) fn read(hit: &Hit) -> Result<DeadLetter, DeskError> {
    serde_json::from_str(hit.source.get()).map_err(|_| DeskError::Unreadable { id: hit.id.clone() })
}

/// What became of the note about a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Noted {
    /// It is in the row.
    Yes,
    /// The row has gone on meanwhile, and says something newer.
    Overtaken,
    /// It is not, for this reason.
    No(String),
}

/// Writes rows, each with the version of a note; one outcome each. `Err` is for the store as a whole.
pub(super) async fn note(store: &Store, rows: &[Row]) -> Result<Vec<Noted>, StoreError> {
    let mut batch = Batch::new();
    for Row { letter, version } in rows {
        push(&mut batch, store, letter, after(*version))?;
    }
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let mut verdicts = store.bulk(&batch).await?;
    // Without a verdict nothing is known.
    verdicts.resize(rows.len(), Verdict::Busy { reason: "the store gave no verdict".to_owned() });
    Ok(verdicts.into_iter().map(noted).collect())
}

/// What a verdict says of a note.
pub(super) fn noted(verdict: Verdict) -> Noted {
    match verdict {
        Verdict::Indexed => Noted::Yes,
        Verdict::Stale => Noted::Overtaken,
        Verdict::Refused { reason }
        | Verdict::TooLarge { reason }
        | Verdict::Busy { reason }
        | Verdict::Denied { reason }
        | Verdict::Failed { reason } => Noted::No(reason),
    }
}

/// Has lists show what was done so far. Where that is not allowed they show it a little later.
pub(super) async fn show(store: &Store) {
    let _ = store.refresh().await;
}

/// Adds the row of a dead letter to a batch.
pub(crate) fn push(
    batch: &mut Batch,
    store: &Store,
    letter: &DeadLetter,
    version: i64,
) -> Result<(), StoreError> {
    let index = Kind::Deadletters.index(Split::default(), jiff::civil::Date::default());
    // A message that lies in pieces may be in the letter, too: it was brought back to be sent.
    let short = (letter.pieces > 0 && !letter.body.is_empty())
        .then(|| DeadLetter { body: String::new(), ..letter.clone() });
    let row = short.as_ref().unwrap_or(letter);
    let pushed = batch.push(store.prefix(), Kind::Deadletters, index, letter.id.clone(), version, row);
    pushed.map_err(|_| StoreError::Refused("a dead letter cannot be written as JSON".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_death_is_beyond_every_note_of_its_row_whatever_the_clocks_say() {
        for (version, at) in [(1_000, 0), (1_000, 1_001), (1_000, 5_000), (i64::MAX - 2, 0)] {
            assert!(beyond(version, at) > after(version), "{version} {at}");
        }
        assert_eq!(beyond(1_000, 5_000), 5_000, "else it is the time");
    }
}
