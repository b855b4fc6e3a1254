//! Selects the letters of an operation in chunks: large enough for throughput, small enough for memory.

use std::collections::{HashMap, VecDeque};

use messages::{DeadLetter, DeadState};
use store::{Cursor, Kind, Order, Store};

use super::pieces;
use super::row::{self, Row};
use super::{DeskError, Fate, Filter};

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
pub(super) type Hindrance<'a> = &'a (dyn Fn(&DeadLetter) -> Option<Fate> + Sync);

/// Iterates over a selection.
pub(super) struct Walk<'a> {
    store: &'a Store,
    filter: Option<Filter>,
    hindrance: Hindrance<'a>,
    /// Number of letters that may still be processed.
    left: usize,
    place: Place,
    /// Ids and sizes of the next letters.
    next: VecDeque<(String, u64)>,
    /// Letters that cannot be processed, as their rows already show.
    hindered: Vec<(String, Fate)>,
}

/// Position of the scan.
enum Place {
    Begin,
    At(Cursor),
    End,
}

/// A chunk of selected letters.
#[derive(Default)]
pub(super) struct Handful {
    /// The dead letters.
    pub(super) dead: Vec<Row>,
    /// Letters that cannot be processed, and why.
    pub(super) others: Vec<(String, Fate)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(store: &'a Store, choice: &Choice, hindrance: Hindrance<'a>) -> Self {
        let (filter, left, place, next) = match choice {
            Choice::Ids(ids) => {
                let mut seen = std::collections::HashSet::new();
                let once = ids.iter().filter(|id| seen.insert(*id));
                (None, usize::MAX, Place::End, once.map(|id| (id.clone(), UNKNOWN)).collect())
            }
            Choice::Fitting(filter, limit) => {
                (Some(filter.clone()), limit.unwrap_or(usize::MAX), Place::Begin, VecDeque::new())
            }
        };
        Self { store, filter, hindrance, left, place, next, hindered: Vec::new() }
    }

    /// Returns the next chunk in its current state; `None` at the end.
    pub(super) async fn some(&mut self) -> Result<Option<Handful>, DeskError> {
        if self.left > 0 && self.next.is_empty() {
            self.look().await?;
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
        let others = std::mem::take(&mut self.hindered);
        if ids.is_empty() && others.is_empty() {
            self.leave().await;
            return Ok(None);
        }
        let mut some = Handful { dead: Vec::with_capacity(ids.len()), others };
        self.get(ids, &mut some).await?;
        self.left -= some.dead.len();
        Ok(Some(some))
    }

    /// Raises the limit by returned letters that could not be processed, so that others replace them.
    pub(super) fn instead_of(&mut self, letters: usize) {
        self.left = self.left.saturating_add(letters);
    }

    /// Scans for more matching letters.
    async fn look(&mut self) -> Result<(), DeskError> {
        let Some(filter) = &self.filter else { return Ok(()) };
        let cursor = match std::mem::replace(&mut self.place, Place::End) {
            Place::Begin => {
                row::show(self.store).await;
                None
            }
            Place::At(cursor) => Some(cursor),
            Place::End => return Ok(()),
        };
        let query = filter.query(DeadState::Dead).sorted("died_at", Order::Ascending).without("body");
        let (hits, cursor) = self.store.scan(&query, PAGE, cursor).await?;
        self.place = cursor.map_or(Place::End, Place::At);
        for hit in hits {
            match row::read(&hit) {
                Ok(letter) => match (self.hindrance)(&letter) {
                    Some(fate) => self.hindered.push((letter.id, fate)),
                    None => self.next.push_back((hit.id, size(&letter))),
                },
                // Reported when its whole row is read.
                Err(_) => self.next.push_back((hit.id, UNKNOWN)),
            }
        }
        Ok(())
    }

    async fn get(&self, ids: Vec<String>, some: &mut Handful) -> Result<(), DeskError> {
        let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
        let hits = self.store.get_many(Kind::Deadletters, &asked).await?;
        let mut found: HashMap<String, store::Hit> =
            hits.into_iter().map(|hit| (hit.id.clone(), hit)).collect();
        for id in ids {
            let hit = match found.remove(&id) {
                Some(hit) => Some(hit),
                // A long id is stored under a shorter one.
                None if id.len() > 400 => self.store.get(Kind::Deadletters, &id).await?,
                None => None,
            };
            let Some(hit) = hit else {
                some.others.push((id, Fate::Missing));
                continue;
            };
            match row::read(&hit) {
                Ok(letter) if letter.state == DeadState::Dead => match (self.hindrance)(&letter) {
                    Some(fate) => some.others.push((letter.id, fate)),
                    None => self.join(letter, hit.version, some).await?,
                },
                // It no longer matches the filter.
                Ok(_) if self.filter.is_some() => {}
                Ok(letter) => some.others.push((letter.id, Fate::NotDead(letter.state))),
                Err(error) => some.others.push((id, Fate::Failed(error.to_string()))),
            }
        }
        Ok(())
    }

    async fn join(&self, mut letter: DeadLetter, version: i64, some: &mut Handful) -> Result<(), DeskError> {
        match pieces::join(self.store, &mut letter).await? {
            true => some.dead.push(Row { letter, version }),
            false => {
                let why = format!("one of the {} pieces of its message is missing", letter.pieces);
                some.others.push((letter.id, Fate::Failed(why)));
            }
        }
        Ok(())
    }

    /// Releases the store's cursor.
    async fn leave(&mut self) {
        if let Place::At(cursor) = std::mem::replace(&mut self.place, Place::End) {
            self.store.leave(cursor).await;
        }
    }
}

fn size(letter: &DeadLetter) -> u64 {
    if letter.bytes == 0 { UNKNOWN } else { letter.bytes }
}
