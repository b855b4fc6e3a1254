//! The desk of dead letters: groups, lists and shows stored letters; replays them to their origin, or drops them into a
//! file. Independent of the command line and the console.
//!
//! An interruption never loses a letter: the operation itself (a confirmed publish, a synced file) precedes the row
//! that records it.

mod archive;
mod choice;
mod drop;
mod filter;
mod intake;
mod pieces;
mod replay;
mod row;

use std::fmt;

use jiff::Timestamp;
use messages::{CauseClass, DeadLetter, DeadState, Queue};
use runtime::BrokerError;
use store::{DocumentKind, SortOrder, Store, StoreError};

pub use archive::{Archive, ArchiveError};
pub use choice::Choice;
pub use drop::drop;
pub use filter::Filter;
pub use intake::DeadLetterDesk;
pub use replay::{ReplayLimits, replay};

/// Error of a desk operation that failed or stopped early.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker failed.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The file of dropped letters failed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The row is not a dead letter of this version.
    #[error("dead letter {id}: its row was altered or written by another version of ua")]
    Unreadable {
        /// Id of the row.
        id: String,
    },
}

/// Dead letters of one cause class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Name of the class; classes of a newer `ua` keep their name.
    pub class: String,
    /// Number of letters.
    pub count: u64,
    /// Earliest time of death.
    pub oldest: Option<Timestamp>,
    /// Latest time of death.
    pub newest: Option<Timestamp>,
}

impl Group {
    /// Returns the operator's next step for this class.
    pub fn next_step(&self) -> &'static str {
        self.class.parse().map_or("upgrade this `ua`: it does not know the class", CauseClass::next_step)
    }
}

/// Outcome of an operation for one dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterOutcome {
    /// Dry run: it would be replayed to this queue, or dropped.
    Would(Option<Queue>),
    /// Published to this queue, and the row is updated.
    Replayed(Queue),
    /// Written to the file, and the row is updated.
    Dropped,
    /// Published or written to the file, but the store failed and the row still says `dead`.
    RowBehind(Option<Queue>, String),
    /// Already replayed this many times, which is the limit.
    TooOften(u32),
    /// Already replayed or dropped.
    NotDead(DeadState),
    /// Another operator changed the row, or the letter died again, during the operation.
    Overtaken,
    /// No letter has this id.
    Missing,
    /// Unchanged, for this reason.
    Failed(String),
}

impl LetterOutcome {
    /// True if the operation succeeded.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Would(_) | Self::Replayed(_) | Self::Dropped)
    }

    /// Returns the name for counts.
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

impl fmt::Display for LetterOutcome {
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

/// Returns the number of matching dead letters per cause class, most frequent first.
///
/// # Errors
/// If the store fails.
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

/// A list of dead letters.
#[derive(Debug, Default)]
pub struct Listed {
    /// The dead letters, latest first, without their messages.
    pub letters: Vec<DeadLetter>,
    /// Ids of rows that this version cannot read.
    pub unreadable: Vec<String>,
}

/// Returns at most `limit` matching dead letters, latest first. Unreadable rows are listed apart.
///
/// # Errors
/// If the store fails.
pub async fn list(store: &Store, filter: &Filter, limit: usize) -> Result<Listed, DeskError> {
    let Listed { mut letters, mut unreadable } = Listed::default();
    for query in filter.queries() {
        let query = query.sorted("died_at", SortOrder::Descending).without("body").limit(limit);
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

/// Returns the dead letter with this id, including its message.
///
/// # Errors
/// If the store fails or the row is unreadable.
pub async fn show(store: &Store, id: &str) -> Result<Option<DeadLetter>, DeskError> {
    let Some(hit) = store.get(DocumentKind::Deadletters, id).await? else { return Ok(None) };
    let mut letter = row::read(&hit)?;
    // A dropped letter has no pieces: its message is in the file.
    pieces::join(store, &mut letter).await?;
    Ok(Some(letter))
}
