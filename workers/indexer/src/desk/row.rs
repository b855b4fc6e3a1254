//! Reads rows of the desk, and writes many at once.
//!
//! A row's version orders the letter's history, independent of the machines' clocks: an operator's note is the version
//! it read plus one, a new death at least plus two. So a note of a replay never overwrites an immediate new death.

use messages::DeadLetter;
use store::{Batch, DocumentKind, Hit, Split, Store, StoreError, Verdict};

use super::DeskError;

/// A row and its version.
#[derive(Debug)]
pub(super) struct DeskRow {
    pub(super) letter: DeadLetter,
    pub(super) version: i64,
}

/// Returns the version of a note on a row.
pub(super) fn after(version: i64) -> i64 {
    version.saturating_add(1)
}

/// Returns the version of a new death at `at`, in milliseconds, of a letter that has a row.
pub(crate) fn beyond(version: i64, at: i64) -> i64 {
    at.max(version.saturating_add(2))
}

pub(super) fn read(hit: &Hit) -> Result<DeadLetter, DeskError> {
    serde_json::from_str(hit.source.get()).map_err(|_| DeskError::Unreadable { id: hit.id.clone() })
}

/// Outcome of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Noted {
    /// Written.
    Yes,
    /// The row has a newer version.
    Overtaken,
    /// Not written, for this reason.
    No(String),
}

/// Writes rows as notes; returns one outcome each. `Err` if the store fails.
pub(super) async fn note(store: &Store, rows: &[DeskRow]) -> Result<Vec<Noted>, StoreError> {
    let mut batch = Batch::new();
    for DeskRow { letter, version } in rows {
        push(&mut batch, store, letter, after(*version))?;
    }
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let mut verdicts = store.bulk(&batch).await?;
    // Without a verdict, the outcome is unknown.
    verdicts.resize(rows.len(), Verdict::Busy { reason: "the store gave no verdict".to_owned() });
    Ok(verdicts.into_iter().map(noted).collect())
}

/// Converts a verdict into the outcome of a note.
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

/// Makes changes visible to searches. If refresh is not allowed, they become visible later.
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
    let index = DocumentKind::Deadletters.index(Split::default(), jiff::civil::Date::default());
    // A letter with pieces may contain its message, too, if it was restored for sending.
    let short = (letter.pieces > 0 && !letter.body.is_empty())
        .then(|| DeadLetter { body: String::new(), ..letter.clone() });
    let row = short.as_ref().unwrap_or(letter);
    let pushed =
        batch.push(store.prefix(), DocumentKind::Deadletters, index, letter.id.clone(), version, row);
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
