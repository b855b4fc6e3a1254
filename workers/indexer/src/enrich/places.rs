//! The file of places: opened once, taken anew when it has changed, never let go for a worse one. Must not know how it is
//! read.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use moka::sync::Cache;
use tracing::{debug, info, warn};

use super::address::public;
use super::database::{Database, Fault, Stamp};
use super::place::{Place, Record};

/// How often it is looked whether the file has changed.
const EVERY: Duration = Duration::from_secs(60);
/// How often while there is none to answer, since the one in use was written over: what writes may take a while.
const EVERY_WHILE_LOST: Duration = Duration::from_secs(1);
/// So many addresses are remembered with their places: a term's viewers come again and again.
const REMEMBERED: u64 = 8_192;

/// Why a file cannot tell places.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// It cannot be read.
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It is something else, or broken.
    #[error("{} is no usable MaxMind database of cities or countries: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// A file of places and what was last seen of it.
#[derive(Debug)]
pub(super) struct Places {
    path: PathBuf,
    current: RwLock<Arc<Opened>>,
    seen: Mutex<Seen>,
}

/// The last look at the file.
#[derive(Debug)]
struct Seen {
    at: Instant,
    stamp: Option<Stamp>,
    /// It was known that the file in use is lost.
    lost: bool,
}

impl Places {
    pub(super) fn open(path: &Path, now: Instant) -> Result<Self, PlacesError> {
        // The stamp is taken first: a file that changes while it is read then looks changed at the next look.
        let stamp = std::fs::metadata(path).ok().as_ref().map(Stamp::of);
        let current = RwLock::new(Arc::new(Opened::open(path)?));
        Ok(Self { path: path.to_owned(), current, seen: Mutex::new(Seen { at: now, stamp, lost: false }) })
    }

    /// The file as it was last taken.
    pub(super) fn current(&self) -> Arc<Opened> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// True when it is time to look at the file again and nobody does so already.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.seen.try_lock().is_ok_and(|seen| seen.is_due(now, self.current().is_lost()))
    }

    /// Looks at the file, if it is time, and takes it if it has changed. A file that is gone or broken is told of once
    /// and changes nothing.
    pub(super) fn refresh(&self, now: Instant) {
        let Ok(mut seen) = self.seen.try_lock() else { return };
        let lost = self.current().is_lost();
        if !seen.is_due(now, lost) {
            return;
        }
        let told = lost && std::mem::replace(&mut seen.lost, lost);
        seen.at = now;
        let stamp = std::fs::metadata(&self.path).ok().as_ref().map(Stamp::of);
        if seen.stamp == stamp {
            return;
        }
        seen.stamp = stamp;
        match Opened::open(&self.path) {
            Ok(opened) => {
                info!("the places of {} were read anew", self.path.display());
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(opened);
                seen.lost = false;
            }
            // While it is being written it is another one at every look.
            Err(error) if told => debug!("{error}"),
            Err(error) if lost => {
                warn!("{error}; documents may go without places until it is one (GEOLITE_PATH)");
            }
            Err(error) => warn!("{error}; the places read before stay in use (GEOLITE_PATH)"),
        }
    }
}

impl Seen {
    /// At once when the file in use was lost since the last look.
    fn is_due(&self, now: Instant, lost: bool) -> bool {
        let every = if lost { EVERY_WHILE_LOST } else { EVERY };
        lost != self.lost || now.saturating_duration_since(self.at) >= every
    }
}

/// An open file of places.
pub(super) struct Opened {
    database: Database,
    known: Cache<IpAddr, Option<Arc<Place>>>,
    /// That a record is broken was told.
    told: AtomicBool,
    /// It was written over: it knows no more than what was read of it, and that was told.
    lost: AtomicBool,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("about", self.database.about()).finish_non_exhaustive()
    }
}

impl Opened {
    fn open(path: &Path) -> Result<Self, PlacesError> {
        let unusable = |why: String| PlacesError::Unusable { path: path.to_owned(), why };
        let database = Database::open(path).map_err(|fault| match fault {
            Fault::Unreadable(error) => {
                PlacesError::Unreadable { path: path.to_owned(), why: error.to_string() }
            }
            fault => unusable(fault.to_string()),
        })?;
        let holds = database.about().database_type.to_ascii_lowercase();
        // Others have the same form: one of networks' owners would be taken without a word and tell nothing.
        if !["city", "country", "enterprise"].iter().any(|kind| holds.contains(kind)) {
            return Err(unusable("it holds something else".to_owned()));
        }
        Ok(Self {
            database,
            known: Cache::new(REMEMBERED),
            told: AtomicBool::new(false),
            lost: AtomicBool::new(false),
        })
    }

    /// What the file is: its type, and the date on which it was made.
    pub(super) fn about(&self) -> String {
        let about = self.database.about();
        let made = i64::try_from(about.build_epoch).ok().and_then(|at| Timestamp::from_second(at).ok());
        let made = made.map(|made| TimeZone::UTC.to_datetime(made).date());
        // It is printed: nothing but what a type is made of.
        let kind: String = about.database_type.chars().filter(char::is_ascii_graphic).take(64).collect();
        match made {
            Some(made) => format!("{kind} of {made}"),
            None => kind,
        }
    }

    /// Where an address is.
    pub(super) fn place(&self, address: IpAddr) -> Option<Arc<Place>> {
        let ip = public(address)?;
        if let Some(place) = self.known.get(&ip) {
            return place;
        }
        let place = match self.database.lookup::<Record>(ip) {
            Ok(record) => record.and_then(|record| record.place(ip)).map(Arc::new),
            Err(fault) => {
                self.tell(&fault);
                return None;
            }
        };
        self.known.insert(ip, place.clone());
        place
    }

    /// A broken record is as good as none, and so is one that was written over: either is told of once for each file.
    fn tell(&self, fault: &Fault) {
        if let Fault::Changed = fault {
            if !self.lost.swap(true, Ordering::Relaxed) {
                warn!(
                    "the file of places (GEOLITE_PATH) was written over while it was in use: it is opened anew, and \
                     until then documents may go without places; move a new file over the old one instead, as \
                     geoipupdate does"
                );
            }
        } else if !self.told.swap(true, Ordering::Relaxed) {
            warn!(
                "the file of places (GEOLITE_PATH) has records that cannot be read, which tell no place: {fault}"
            );
        }
    }

    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}
