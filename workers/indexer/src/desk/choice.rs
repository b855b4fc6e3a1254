//! The letters something is to be done to, a few at a time: so many that it pays, so few that they fit into memory.

use std::collections::{HashMap, VecDeque};

use messages::DeadState;
use store::{Cursor, Kind, Order, Store};

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
    /// Those that fit the filter and are dead, the oldest first, so many at most.
    Fitting(Filter, Option<usize>),
}

/// Goes through a choice.
pub(super) struct Walk<'a> {
    store: &'a Store,
    filter: Option<Filter>,
    /// How many more may be taken from the store.
    left: usize,
    cursor: Option<Cursor>,
    /// Ids and sizes of what comes next.
    next: VecDeque<(String, u64)>,
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
    pub(super) fn new(store: &'a Store, choice: &Choice) -> Self {
        let (filter, left, next) = match choice {
            Choice::Ids(ids) => {
                let mut seen = std::collections::HashSet::new();
                let once = ids.iter().filter(|id| seen.insert(*id));
                (None, 0, once.map(|id| (id.clone(), UNKNOWN)).collect())
            }
            Choice::Fitting(filter, limit) => {
                (Some(filter.clone()), limit.unwrap_or(usize::MAX), VecDeque::new())
            }
        };
        Self { store, filter, left, cursor: None, next }
    }

    /// The next letters, as they are this moment; `None` when there are no more.
    pub(super) async fn some(&mut self) -> Result<Option<Handful>, DeskError> {
        if self.next.is_empty() {
            self.look().await?;
        }
        let mut ids = Vec::new();
        let mut bytes = 0;
        while let Some((_, size)) = self.next.front()
            && ids.len() < LETTERS
            && (ids.is_empty() || bytes + size <= BYTES)
        {
            bytes += size;
            ids.extend(self.next.pop_front().map(|(id, _)| id));
        }
        if ids.is_empty() { Ok(None) } else { self.get(ids).await.map(Some) }
    }

    /// Looks for more that fit the filter.
    async fn look(&mut self) -> Result<(), DeskError> {
        let Some(filter) = &self.filter else { return Ok(()) };
        if self.left == 0 {
            return Ok(());
        }
        let query = filter.query(DeadState::Dead).sorted("died_at", Order::Ascending).without("body");
        let first = self.cursor.is_none();
        if first {
            row::show(self.store).await;
        }
        let mut hits = if first && self.left <= PAGE {
            // No more than a page: no need for the store to keep a place.
            self.store.search(&query.limit(self.left)).await?
        } else {
            let (hits, cursor) = self.store.scan(&query, PAGE, self.cursor.take()).await?;
            self.cursor = cursor;
            hits
        };
        hits.truncate(self.left);
        self.left = if self.cursor.is_some() { self.left - hits.len() } else { 0 };
        for hit in hits {
            // A row that cannot be read is told of when it is read whole.
            let size = row::read(&hit).map_or(0, |letter| letter.bytes);
            self.next.push_back((hit.id, if size == 0 { UNKNOWN } else { size }));
        }
        Ok(())
    }

    async fn get(&self, ids: Vec<String>) -> Result<Handful, DeskError> {
        let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
        let hits = self.store.get_many(Kind::Deadletters, &asked).await?;
        let mut found: HashMap<String, store::Hit> =
            hits.into_iter().map(|hit| (hit.id.clone(), hit)).collect();
        let mut some = Handful::default();
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
                Ok(letter) if letter.state == DeadState::Dead => {
                    some.dead.push(Row { letter, version: hit.version });
                }
                // One that was looked for as dead is no longer among those that fit.
                Ok(_) if self.filter.is_some() => {}
                Ok(letter) => some.others.push((letter.id, Fate::NotDead(letter.state))),
                Err(error) => some.others.push((id, Fate::Failed(error.to_string()))),
            }
        }
        Ok(some)
    }
}
