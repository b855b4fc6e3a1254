//! Selects the letters of an operation in chunks: large enough for throughput, small enough for memory.

use std::collections::{HashMap, VecDeque};

use messages::{DeadLetter, DeadState};
use store::{Cursor, DocumentKind, SortOrder, Store};

use super::pieces;
use super::row::{self, DeskRow};
use super::{DeskError, Filter, LetterOutcome};

/// Rows per scan request, without their messages.
const PAGE: usize = 1_000;
/// Maximum letters per chunk.
const LETTERS: usize = 500;
/// Maximum message bytes per chunk; a larger letter has its own chunk.
const BYTES: u64 = 4 << 20;
/// Assumed bytes of a letter of unknown size.
const UNKNOWN: u64 = 200 << 10;

/// Selects letters.
#[derive(Debug, Clone)]
pub enum Choice {
    /// The letters with these ids.
    Ids(Vec<String>),
    /// The dead letters that match the filter, oldest first. The limit counts letters that the operation changes, not
    /// those that cannot be changed.
    Fitting(Filter, Option<usize>),
}

/// Returns why a letter cannot be processed, judged by its row without the message.
pub(super) type Blocker<'a> = &'a (dyn Fn(&DeadLetter) -> Option<LetterOutcome> + Sync);

/// Iterates over a selection.
pub(super) struct Selection<'a> {
    store: &'a Store,
    filter: Option<Filter>,
    blocker: Blocker<'a>,
    /// Number of letters that may still be processed.
    left: usize,
    place: ScanPosition,
    /// Ids and sizes of the next letters.
    next: VecDeque<(String, u64)>,
    /// Letters that cannot be processed, as their rows already show.
    blocked: Vec<(String, LetterOutcome)>,
}

/// Position of the scan.
enum ScanPosition {
    Begin,
    At(Cursor),
    End,
}

/// A chunk of selected letters.
#[derive(Default)]
pub(super) struct Chunk {
    /// The dead letters.
    pub(super) dead: Vec<DeskRow>,
    /// Letters that cannot be processed, and why.
    pub(super) others: Vec<(String, LetterOutcome)>,
}

impl<'a> Selection<'a> {
    pub(super) fn new(store: &'a Store, choice: &Choice, blocker: Blocker<'a>) -> Self {
        let (filter, left, place, next) = match choice {
            Choice::Ids(ids) => {
                let mut seen = std::collections::HashSet::new();
                let once = ids.iter().filter(|id| seen.insert(*id));
                (None, usize::MAX, ScanPosition::End, once.map(|id| (id.clone(), UNKNOWN)).collect())
            }
            Choice::Fitting(filter, limit) => {
                (Some(filter.clone()), limit.unwrap_or(usize::MAX), ScanPosition::Begin, VecDeque::new())
            }
        };
        Self { store, filter, blocker, left, place, next, blocked: Vec::new() }
    }

    /// Returns the next chunk in its current state; `None` at the end.
    pub(super) async fn next_chunk(&mut self) -> Result<Option<Chunk>, DeskError> {
        if self.left > 0 && self.next.is_empty() {
            self.scan().await?;
        }
        let mut ids = Vec::new();
        let mut bytes = 0;
        while let Some((_, size)) = self.next.front()
            && ids.len() < LETTERS.min(self.left)
            && (ids.is_empty() || bytes + size <= BYTES)
        {
            bytes += size;
            ids.extend(self.next.pop_front().map(|(id, _)| id));
        }
        let others = std::mem::take(&mut self.blocked);
        if ids.is_empty() && others.is_empty() {
            self.leave().await;
            return Ok(None);
        }
        let mut chunk = Chunk { dead: Vec::with_capacity(ids.len()), others };
        self.get(ids, &mut chunk).await?;
        self.left -= chunk.dead.len();
        Ok(Some(chunk))
    }

    /// Raises the limit by returned letters that could not be processed, so that others replace them.
    pub(super) fn refund(&mut self, letters: usize) {
        self.left = self.left.saturating_add(letters);
    }

    /// Scans for more matching letters.
    async fn scan(&mut self) -> Result<(), DeskError> {
        let Some(filter) = &self.filter else { return Ok(()) };
        let cursor = match std::mem::replace(&mut self.place, ScanPosition::End) {
            ScanPosition::Begin => {
                row::show(self.store).await;
                None
            }
            ScanPosition::At(cursor) => Some(cursor),
            ScanPosition::End => return Ok(()),
        };
        let query = filter.query(DeadState::Dead).sorted("died_at", SortOrder::Ascending).without("body");
        let (hits, cursor) = self.store.scan(&query, PAGE, cursor).await?;
        self.place = cursor.map_or(ScanPosition::End, ScanPosition::At);
        for hit in hits {
            match row::read(&hit) {
                Ok(letter) => match (self.blocker)(&letter) {
                    Some(outcome) => self.blocked.push((letter.id, outcome)),
                    None => self.next.push_back((hit.id, size(&letter))),
                },
                // Reported when its whole row is read.
                Err(_) => self.next.push_back((hit.id, UNKNOWN)),
            }
        }
        Ok(())
    }

    async fn get(&self, ids: Vec<String>, chunk: &mut Chunk) -> Result<(), DeskError> {
        let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
        let hits = self.store.get_many(DocumentKind::Deadletters, &asked).await?;
        let mut found: HashMap<String, store::Hit> =
            hits.into_iter().map(|hit| (hit.id.clone(), hit)).collect();
        for id in ids {
            let hit = match found.remove(&id) {
                Some(hit) => Some(hit),
                // A long id is stored under a shorter one.
                None if id.len() > 400 => self.store.get(DocumentKind::Deadletters, &id).await?,
                None => None,
            };
            let Some(hit) = hit else {
                chunk.others.push((id, LetterOutcome::Missing));
                continue;
            };
            match row::read(&hit) {
                Ok(letter) if letter.state == DeadState::Dead => match (self.blocker)(&letter) {
                    Some(outcome) => chunk.others.push((letter.id, outcome)),
                    None => self.join(letter, hit.version, chunk).await?,
                },
                // It no longer matches the filter.
                Ok(_) if self.filter.is_some() => {}
                Ok(letter) => chunk.others.push((letter.id, LetterOutcome::NotDead(letter.state))),
                Err(error) => chunk.others.push((id, LetterOutcome::Failed(error.to_string()))),
            }
        }
        Ok(())
    }

    async fn join(&self, mut letter: DeadLetter, version: i64, chunk: &mut Chunk) -> Result<(), DeskError> {
        match pieces::join(self.store, &mut letter).await? {
            true => chunk.dead.push(DeskRow { letter, version }),
            false => {
                let why = format!("one of the {} pieces of its message is missing", letter.pieces);
                chunk.others.push((letter.id, LetterOutcome::Failed(why)));
            }
        }
        Ok(())
    }

    /// Releases the store's cursor.
    async fn leave(&mut self) {
        if let ScanPosition::At(cursor) = std::mem::replace(&mut self.place, ScanPosition::End) {
            self.store.leave(cursor).await;
        }
    }
}

fn size(letter: &DeadLetter) -> u64 {
    if letter.bytes == 0 { UNKNOWN } else { letter.bytes }
}
