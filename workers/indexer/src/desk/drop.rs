//! Drops letters: writes them to a synced file, then updates their rows.

use messages::DeadState;
use runtime::clock;
use store::Store;

use super::archive::Archive;
use super::choice::{Choice, Walk};
use super::pieces;
use super::row::{self, Noted, Row};
use super::{DeskError, Fate};

/// Drops dead letters: appends them to a file, updates their rows, and reports each letter's [`Fate`]. Without a file
/// it only reports what it would do.
///
/// The file is synced before the row is written: an interruption leaves the letter in both places, never in none.
///
/// # Errors
/// If the store or the file fails; letters reported before are done. A failure of one letter is its own [`Fate`].
pub async fn drop(
    store: &Store,
    mut archive: Option<&mut Archive>,
    choice: &Choice,
    mut tell: impl FnMut(&str, Fate),
) -> Result<(), DeskError> {
    let mut walk = Walk::new(store, choice, &|_| None);
    while let Some(some) = walk.some().await? {
        some.others.into_iter().for_each(|(id, fate)| tell(&id, fate));
        match &mut archive {
            Some(archive) => give_up(store, archive, some.dead, &mut tell).await?,
            None => some.dead.iter().for_each(|row| tell(&row.letter.id, Fate::Would(None))),
        }
    }
    row::show(store).await;
    Ok(())
}

async fn give_up(
    store: &Store,
    archive: &mut Archive,
    mut rows: Vec<Row>,
    tell: &mut impl FnMut(&str, Fate),
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
        let fate = match &noted {
            Ok(noted) => match noted.get(at) {
                Some(Noted::Yes) => match pieces::remove(store, &row.letter, row::after(row.version)).await {
                    Ok(()) => Fate::Dropped,
                    Err(why) => Fate::RowBehind(None, format!("pieces of its message are left: {why}")),
                },
                Some(Noted::Overtaken) => Fate::Overtaken,
                Some(Noted::No(why)) => Fate::RowBehind(None, why.clone()),
                None => Fate::RowBehind(None, "the store did not answer for it".to_owned()),
            },
            Err(error) => Fate::RowBehind(None, error.to_string()),
        };
        tell(&row.letter.id, fate);
    }
    noted.map(|_| ()).map_err(DeskError::from)
}
