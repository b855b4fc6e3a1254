//! The desk of dead letters: groups, lists and shows those that were filed; replays them to their origin, or drops
//! them into a file. Must not know where the words of a user come from.
//!
//! A letter is never in neither place, wherever this is interrupted: what is done to the letter itself (a confirmed
//! publish, a synced file) comes before the row that tells of it.

mod archive;
mod choice;
mod drop;
mod filter;
mod pieces;
mod replay;
mod row;

use std::fmt;

use jiff::Timestamp;
use messages::{CauseClass, DeadLetter, DeadState, Queue};
use runtime::BrokerError;
use store::{Kind, Order, Store, StoreError};

pub use archive::{Archive, ArchiveError};
pub use choice::Choice;
pub use drop::drop;
pub use filter::Filter;
pub(crate) use pieces::part;
pub use replay::{Replaying, replay};
pub(crate) use row::{beyond, push};

/// Why the desk could not do what was asked, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The store cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker takes nothing.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// What is dropped cannot be kept in the file.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A row of the desk is not a dead letter of this version.
    #[error("dead letter {id}: its row was altered or written by another version of ua")]
    Unreadable {
        /// The row's id.
        id: String,
    },
}

/// Dead letters of one cause class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The name of the class; one of a newer `ua` is kept as it is.
    pub class: String,
    /// How many there are.
    pub count: u64,
    /// When the first of them died.
    pub oldest: Option<Timestamp>,
    /// When the last of them died.
    pub newest: Option<Timestamp>,
}

impl Group {
    /// What an operator does next about them.
    pub fn next_step(&self) -> &'static str {
        self.class.parse().map_or("upgrade this `ua`: it does not know the class", CauseClass::next_step)
    }
}

/// What became of one dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It would be replayed to this queue, or dropped.
    Would(Option<Queue>),
    /// It is back in this queue, and its row says so.
    Replayed(Queue),
    /// It is in the file, and its row says so.
    Dropped,
    /// It is in the queue or in the file, but its row still says `dead`: the store failed in between.
    RowBehind(Option<Queue>, String),
    /// It was replayed as often as allowed before.
    TooOften(u32),
    /// It is not waiting for an operator: replayed or dropped before.
    NotDead(DeadState),
    /// Somebody else has dealt with it, or it has died anew, this very moment.
    Overtaken,
    /// There is none with this id.
    Missing,
    /// It stays as it was, for this reason.
    Failed(String),
}

impl Fate {
    /// True when what was asked for has been done.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Would(_) | Self::Replayed(_) | Self::Dropped)
    }

    /// One word for it, for those who count.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Would(_) => "would",
            Self::Replayed(_) => "replayed",
            Self::Dropped => "dropped",
            Self::RowBehind(..) => "row-behind",
            Self::TooOften(_) => "too-often",
            Self::NotDead(_) => "not-dead",
            Self::Overtaken => "overtaken",
            Self::Missing => "missing",
            Self::Failed(_) => "failed",
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Would(Some(queue)) => write!(f, "would be replayed to {queue}"),
            Self::Would(None) => f.write_str("would be dropped"),
            Self::Replayed(queue) => write!(f, "replayed to {queue}"),
            Self::Dropped => f.write_str("dropped"),
            Self::RowBehind(Some(queue), error) => {
                write!(f, "replayed to {queue}, but its row still says dead: {error}")
            }
            Self::RowBehind(None, error) => write!(f, "in the file, but its row still says dead: {error}"),
            Self::TooOften(replays) => {
                let times = messages::counted(u64::from(*replays), "time");
                write!(f, "not replayed: it was {times} before; --max-replays allows more")
            }
            Self::NotDead(state) => write!(f, "is not dead but {state}"),
            Self::Overtaken => f.write_str("somebody else dealt with it, or it died anew, this very moment"),
            Self::Missing => f.write_str("there is no such dead letter"),
            Self::Failed(why) => write!(f, "left as it was: {why}"),
        }
    }
}

/// The dead letters that fit the filter, counted by cause class, the most frequent first.
///
/// # Errors
/// When the store cannot be asked.
pub async fn groups(store: &Store, filter: &Filter) -> Result<Vec<Group>, DeskError> {
    let mut groups: Vec<Group> = Vec::new();
    for query in filter.queries() {
        for span in store.spans(&query, "cause.class", "died_at").await? {
            let group = Group { class: span.value, count: span.count, oldest: span.first, newest: span.last };
            match groups.iter_mut().find(|known| known.class == group.class) {
                Some(known) => known.add(group),
                None => groups.push(group),
            }
        }
    }
    groups.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.class.cmp(&other.class)));
    Ok(groups)
}

impl Group {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.oldest = self.oldest.into_iter().chain(other.oldest).min();
        self.newest = self.newest.into_iter().chain(other.newest).max();
    }
}

/// What a list shows.
#[derive(Debug, Default)]
pub struct Listed {
    /// The dead letters, the latest first, without their messages.
    pub letters: Vec<DeadLetter>,
    /// The ids of rows that this version cannot read.
    pub unreadable: Vec<String>,
}

/// The dead letters that fit the filter, the latest first, `limit` at most. A row of another version hides no other.
///
/// # Errors
/// When the store cannot be asked.
pub async fn list(store: &Store, filter: &Filter, limit: usize) -> Result<Listed, DeskError> {
    let Listed { mut letters, mut unreadable } = Listed::default();
    for query in filter.queries() {
        let query = query.sorted("died_at", Order::Descending).without("body").limit(limit);
        for hit in store.search(&query).await? {
            match row::read(&hit) {
                Ok(letter) => letters.push(letter),
                Err(_) => unreadable.push(hit.id),
            }
        }
    }
    letters.sort_by(|one, other| other.died_at.cmp(&one.died_at).then_with(|| one.id.cmp(&other.id)));
    letters.truncate(limit);
    Ok(Listed { letters, unreadable })
}

/// The dead letter with this id, message included.
///
/// # Errors
/// When the store cannot be asked, or the row cannot be read.
pub async fn show(store: &Store, id: &str) -> Result<Option<DeadLetter>, DeskError> {
    let Some(hit) = store.get(Kind::Deadletters, id).await? else { return Ok(None) };
    let mut letter = row::read(&hit)?;
    // Pieces are missing where the letter was dropped: the message is in the file then.
    pieces::join(store, &mut letter).await?;
    Ok(Some(letter))
}
