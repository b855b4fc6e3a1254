//! The letters something is to be done to, a few at a time: so many that it pays, so few that they fit into memory.

use std::collections::{HashMap, VecDeque};

use messages::{DeadLetter, DeadState};
use store::{Cursor, Kind, Order, Store};

use super::pieces;
use super::row::{self, Row};
use super::{DeskError, Fate, Filter};

/// Rows looked through at once; they come without their messages.
const PAGE: usize = 1_000;
/// Letters at once.
const LETTERS: usize = 500;
/// Bytes of messages at once; one larger letter comes alone.
const BYTES: u64 = 4 << 20;
/// What a letter of unknown size is taken for.
const UNKNOWN: u64 = 200 << 10;

/// Which letters something is to be done to.
#[derive(Debug, Clone)]
pub enum Choice {
    /// Those with these ids.
    Ids(Vec<String>),
    /// Those that fit the filter and are dead, the oldest first. Something is done to so many at most: one to which
    /// nothing can be done does not count.
    Fitting(Filter, Option<usize>),
}

/// Why nothing can be done to a letter, as far as its row without the message says.
pub(super) type Hindrance<'a> = &'a (dyn Fn(&DeadLetter) -> Option<Fate> + Sync);

/// Goes through a choice.
pub(super) struct Walk<'a> {
    store: &'a Store,
    filter: Option<Filter>,
    hindrance: Hindrance<'a>,
    /// To how many more something may be done.
    left: usize,
    place: Place,
    /// Ids and sizes of what comes next.
    next: VecDeque<(String, u64)>,
    /// Those whose rows have said already that nothing can be done to them.
    hindered: Vec<(String, Fate)>,
}

/// How far the store was looked through.
enum Place {
    Begin,
    At(Cursor),
    End,
}

/// Some letters of a choice.
#[derive(Default)]
pub(super) struct Handful {
    /// Those that are dead.
    pub(super) dead: Vec<Row>,
    /// Those to which nothing can be done, and why.
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

    /// The next letters, as they are this moment; `None` when there are no more.
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

    /// Nothing could be done to so many of those that were handed out: others may come in their place.
    pub(super) fn instead_of(&mut self, letters: usize) {
        self.left = self.left.saturating_add(letters);
    }

    /// Looks for more that fit the filter.
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
                // It is told of when it is read whole.
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
                // A long id lies under a shorter one.
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
                // One that was looked for as dead is no longer among those that fit.
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

    /// The store need not keep a place that nobody will come back to.
    async fn leave(&mut self) {
        if let Place::At(cursor) = std::mem::replace(&mut self.place, Place::End) {
            self.store.leave(cursor).await;
        }
    }
}

fn size(letter: &DeadLetter) -> u64 {
    if letter.bytes == 0 { UNKNOWN } else { letter.bytes }
}
