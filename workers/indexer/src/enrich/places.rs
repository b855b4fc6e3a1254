//! The file of places: opened, reopened after a change, never replaced by an unusable one. Independent of its format.

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

/// Interval of checks for a changed file.
const EVERY: Duration = Duration::from_secs(60);
/// Interval while the file in use is overwritten and gives no places: the write may take a while.
const EVERY_WHILE_LOST: Duration = Duration::from_secs(1);
/// Cached addresses: a term's viewers return often.
const REMEMBERED: u64 = 8_192;

/// Error of an unusable file of places.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// The file cannot be read.
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        why: String,
    },
    /// The file has another content, or is broken.
    #[error("{} is no usable MaxMind database of cities or countries: {why}", path.display())]
    Unusable {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        why: String,
    },
}

/// A file of places and its last check.
#[derive(Debug)]
pub(super) struct Places {
    path: PathBuf,
    current: RwLock<Arc<Opened>>,
    seen: Mutex<Seen>,
}

/// The last check of the file.
#[derive(Debug)]
struct Seen {
    at: Instant,
    stamp: Option<Stamp>,
    /// True if it was known that the file in use is lost.
    lost: bool,
}

impl Places {
    pub(super) fn open(path: &Path, now: Instant) -> Result<Self, PlacesError> {
        // Before opening: a file that changes meanwhile then looks changed at the next check.
        let stamp = std::fs::metadata(path).ok().as_ref().map(Stamp::of);
        let current = RwLock::new(Arc::new(Opened::open(path)?));
        Ok(Self { path: path.to_owned(), current, seen: Mutex::new(Seen { at: now, stamp, lost: false }) })
    }

    /// Returns the file in use.
    pub(super) fn current(&self) -> Arc<Opened> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// True if a check is due and no other thread is checking.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.seen.try_lock().is_ok_and(|seen| seen.is_due(now, self.current().is_lost()))
    }

    /// Checks the file if due, and reopens it after a change. A missing or broken file is logged once, and the previous
    /// one stays in use.
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
            // While it is being written, it differs at every check.
            Err(error) if told => debug!("{error}"),
            Err(error) if lost => {
                warn!("{error}; documents may go without places until it is one (GEOLITE_PATH)");
            }
            Err(error) => warn!("{error}; the places read before stay in use (GEOLITE_PATH)"),
        }
    }
}

impl Seen {
    /// True at once if the file in use was lost since the last check.
    fn is_due(&self, now: Instant, lost: bool) -> bool {
        let every = if lost { EVERY_WHILE_LOST } else { EVERY };
        lost != self.lost || now.saturating_duration_since(self.at) >= every
    }
}

/// An open file of places.
pub(super) struct Opened {
    database: Database,
    known: Cache<IpAddr, Option<Arc<Place>>>,
    /// True after a broken record was logged.
    told: AtomicBool,
    /// True after the file was overwritten, which was logged. Then only cached places are available.
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
        // Other databases have the same format: one of network owners would be accepted and contain no places.
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

    /// Returns type and build date of the file.
    pub(super) fn about(&self) -> String {
        let about = self.database.about();
        let made = i64::try_from(about.build_epoch).ok().and_then(|at| Timestamp::from_second(at).ok());
        let made = made.map(|made| TimeZone::UTC.to_datetime(made).date());
        // The type is printed, so only printable ASCII is kept.
        let kind: String = about.database_type.chars().filter(char::is_ascii_graphic).take(64).collect();
        match made {
            Some(made) => format!("{kind} of {made}"),
            None => kind,
        }
    }

    /// Returns the place of an address.
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

    /// Logs a broken record or an overwritten file, each once per file. Both count as no place.
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
