//! Splits large messages of dead letters into several documents: a search engine under load refuses a large request
//! forever, and a letter refused forever would never leave its queue.

use messages::DeadLetter;
use serde::{Deserialize, Serialize};
use store::{Batch, DocumentKind, Split, Store, StoreError};

use super::row::{Noted, noted};

/// Base64 bytes per piece; a multiple of four, so that each piece is valid base64.
const PIECE: usize = 4 << 20;

/// A document with a part of a message.
#[derive(Serialize, Deserialize)]
struct Piece<'a> {
    piece_of: std::borrow::Cow<'a, str>,
    piece: u32,
    body: std::borrow::Cow<'a, str>,
}

/// Moves a large message from its letter into separate documents, one request each. The letter's row is written after
/// them, so an interruption leaves documents that the next attempt overwrites.
///
/// Returns the reason if the store refuses a piece; `Err` if the store fails.
pub(crate) async fn part(
    store: &Store,
    letter: &mut DeadLetter,
    version: i64,
) -> Result<Result<(), String>, StoreError> {
    if letter.body.len() <= PIECE {
        return Ok(Ok(()));
    }
    let mut pieces = 0;
    let mut rest = letter.body.as_str();
    while !rest.is_empty() {
        let (body, behind) = rest.split_at(rest.len().min(PIECE));
        let piece = Piece { piece_of: letter.id.as_str().into(), piece: pieces, body: body.into() };
        let mut batch = Batch::new();
        batch
            .push(store.prefix(), DocumentKind::Deadletters, index(), id(&letter.id, pieces), version, &piece)
            .map_err(|_| {
                StoreError::Refused("a piece of a dead letter cannot be written as JSON".to_owned())
            })?;
        let verdict = match store.bulk(&batch).await {
            Ok(mut verdicts) => verdicts.pop().map(noted),
            Err(error @ (StoreError::Away(_) | StoreError::Denied(_))) => return Err(error),
            Err(error) => Some(Noted::No(error.to_string())),
        };
        match verdict {
            Some(Noted::Yes | Noted::Overtaken) => {}
            Some(Noted::No(why)) => return Ok(Err(why)),
            None => return Ok(Err("the store gave no verdict".to_owned())),
        }
        (pieces, rest) = (pieces + 1, behind);
    }
    (letter.pieces, letter.body) = (pieces, String::new());
    Ok(Ok(()))
}

/// Restores a message from its pieces; returns false if one is missing.
pub(super) async fn join(store: &Store, letter: &mut DeadLetter) -> Result<bool, StoreError> {
    let mut body = String::new();
    for piece in 0..letter.pieces {
        let id = id(&letter.id, piece);
        let hits = store.get_many(DocumentKind::Deadletters, &[&id]).await?;
        let found = hits.first().and_then(|hit| serde_json::from_str::<Piece<'_>>(hit.source.get()).ok());
        let Some(piece) = found else { return Ok(false) };
        body.push_str(&piece.body);
    }
    if letter.pieces > 0 {
        letter.body = body;
    }
    Ok(true)
}

/// Deletes the pieces of a dropped message. A piece that remains is overwritten if the letter dies again.
pub(super) async fn remove(store: &Store, letter: &DeadLetter, version: i64) -> Result<(), String> {
    let mut batch = Batch::new();
    for piece in 0..letter.pieces {
        let id = id(&letter.id, piece);
        batch
            .push_deletion(store.prefix(), DocumentKind::Deadletters, index(), id, version)
            .map_err(|_| "a deletion cannot be written as JSON".to_owned())?;
    }
    if batch.is_empty() {
        return Ok(());
    }
    let verdicts = store.bulk(&batch).await.map_err(|error| error.to_string())?;
    let left = verdicts.into_iter().map(noted).find_map(|noted| match noted {
        Noted::No(why) => Some(why),
        Noted::Yes | Noted::Overtaken => None,
    });
    left.map_or(Ok(()), Err)
}

fn id(letter: &str, piece: u32) -> String {
    format!("{letter}#piece.{piece}")
}

fn index() -> String {
    DocumentKind::Deadletters.index(Split::default(), jiff::civil::Date::default())
}
