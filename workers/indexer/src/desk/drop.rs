//! Dropping: into a file that is on the disk, then the rows.

use messages::DeadState;
use runtime::clock;
use store::Store;

use super::archive::Archive;
use super::choice::{Choice, Walk};
use super::pieces;
use super::row::{self, Noted, Row};
use super::{DeskError, Fate};

/// Gives dead letters up: appends them to a file, notes it in their rows, and tells of each letter what became of
/// it. Without a file it only tells what would be done.
///
/// First the file, synced, then the row: an end in between leaves the letter in both places, never in none.
///
/// # Errors
/// When the store cannot be asked or the file cannot be written; what was told until then is done. What is amiss
/// with one letter is its own [`Fate`].
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
