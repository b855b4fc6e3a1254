//! Drops letters: writes them to a synced file, then updates their rows.

use messages::DeadState;
use runtime::clock;
use store::Store;

use super::archive::Archive;
use super::choice::{Choice, Selection};
use super::pieces;
use super::row::{self, DeskRow, Noted};
use super::{DeskError, LetterOutcome};

/// Drops dead letters: appends them to a file, updates their rows, and reports each letter's [`LetterOutcome`]. Without
/// a file it only reports what it would do.
///
/// The file is synced before the row is written: an interruption leaves the letter in both places, never in none.
///
/// # Errors
/// If the store or the file fails; letters reported before are done. A failure of one letter is its own
/// [`LetterOutcome`].
pub async fn drop(
    store: &Store,
    mut archive: Option<&mut Archive>,
    choice: &Choice,
    mut tell: impl FnMut(&str, LetterOutcome),
) -> Result<(), DeskError> {
    let mut selection = Selection::new(store, choice, &|_| None);
    while let Some(chunk) = selection.next_chunk().await? {
        chunk.others.into_iter().for_each(|(id, outcome)| tell(&id, outcome));
        match &mut archive {
            Some(archive) => give_up(store, archive, chunk.dead, &mut tell).await?,
            None => chunk.dead.iter().for_each(|row| tell(&row.letter.id, LetterOutcome::Would(None))),
        }
    }
    row::show(store).await;
    Ok(())
}

async fn give_up(
    store: &Store,
    archive: &mut Archive,
    mut rows: Vec<DeskRow>,
    tell: &mut impl FnMut(&str, LetterOutcome),
) -> Result<(), DeskError> {
    if rows.is_empty() {
        return Ok(());
    }
    archive.append(rows.iter().map(|row| &row.letter)).await?;
    for row in &mut rows {
        row.letter.enter(DeadState::Dropped, clock::now(), None, None);
    }
    let noted = row::note(store, &rows).await;
    for (at, row) in rows.iter().enumerate() {
        let outcome = match &noted {
            Ok(noted) => match noted.get(at) {
                Some(Noted::Yes) => match pieces::remove(store, &row.letter, row::after(row.version)).await {
                    Ok(()) => LetterOutcome::Dropped,
                    Err(why) => {
                        LetterOutcome::RowBehind(None, format!("pieces of its message are left: {why}"))
                    }
                },
                Some(Noted::Overtaken) => LetterOutcome::Overtaken,
                Some(Noted::No(why)) => LetterOutcome::RowBehind(None, why.clone()),
                None => LetterOutcome::RowBehind(None, "the store did not answer for it".to_owned()),
            },
            Err(error) => LetterOutcome::RowBehind(None, error.to_string()),
        };
        tell(&row.letter.id, outcome);
    }
    noted.map(|_| ()).map_err(DeskError::from)
}
