//! The file of places: opened once, taken anew when it has changed, never let go for a worse one.

use std::fs::Metadata;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maxminddb::Reader;
use tracing::{info, warn};

use super::address::public;
use super::place::{Place, Record};

/// How often it is looked whether the file has changed.
const EVERY: Duration = Duration::from_secs(60);
/// The largest file that is read into memory: several times the largest there is of cities.
const MAX_BYTES: u64 = 1 << 30;

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
}

/// By what a changed file is known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    changed: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { bytes: metadata.len(), changed: metadata.modified().ok() }
    }
}

impl Places {
    pub(super) fn open(path: &Path, now: Instant) -> Result<Self, PlacesError> {
        // The stamp is taken first: a file that changes while it is read then looks changed at the next look.
        let stamp = std::fs::metadata(path).ok().as_ref().map(Stamp::of);
        let current = RwLock::new(Arc::new(Opened::read(path)?));
        Ok(Self { path: path.to_owned(), current, seen: Mutex::new(Seen { at: now, stamp }) })
    }

    /// The file as it was last taken.
    pub(super) fn current(&self) -> Arc<Opened> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// True when it is time to look at the file again and nobody does so already.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.seen.try_lock().is_ok_and(|seen| seen.is_due(now))
    }

    /// Looks at the file, if it is time, and takes it if it has changed. A file that is gone or broken is told of once
    /// and changes nothing.
    pub(super) fn refresh(&self, now: Instant) {
        let Ok(mut seen) = self.seen.try_lock() else { return };
        if !seen.is_due(now) {
            return;
        }
        seen.at = now;
        let stamp = std::fs::metadata(&self.path).ok().as_ref().map(Stamp::of);
        if seen.stamp == stamp {
            return;
        }
        seen.stamp = stamp;
        match Opened::read(&self.path) {
            Ok(opened) => {
                info!("the places of {} were read anew", self.path.display());
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(opened);
            }
            Err(error) => warn!("{error}; the places read before stay in use (GEOLITE_PATH)"),
        }
    }
}

impl Seen {
    fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= EVERY
    }
}

/// A file of places in memory.
pub(super) struct Opened {
    reader: Reader<Vec<u8>>,
    /// That a record is broken was told.
    told: AtomicBool,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("built", &self.reader.metadata().build_epoch).finish_non_exhaustive()
    }
}

impl Opened {
    fn read(path: &Path) -> Result<Self, PlacesError> {
        let unreadable = |why: String| PlacesError::Unreadable { path: path.to_owned(), why };
        let metadata = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
        if !metadata.is_file() || metadata.len() > MAX_BYTES {
            return Err(unreadable(format!("it is no file, or one of more than {} MiB", MAX_BYTES >> 20)));
        }
        let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let unusable = |why: String| PlacesError::Unusable { path: path.to_owned(), why };
        let reader = Reader::from_source(bytes).map_err(|error| unusable(error.to_string()))?;
        let holds = reader.metadata().database_type.to_ascii_lowercase();
        // Others have the same form: one of networks' owners would be taken without a word and tell nothing.
        if !["city", "country", "enterprise"].iter().any(|kind| holds.contains(kind)) {
            return Err(unusable("it holds something else".to_owned()));
        }
        Ok(Self { reader, told: AtomicBool::new(false) })
    }

    /// What the file is: its type, and the date on which it was made.
    pub(super) fn about(&self) -> String {
        let metadata = self.reader.metadata();
        let made = i64::try_from(metadata.build_epoch).ok().and_then(|at| Timestamp::from_second(at).ok());
        let made = made.map(|made| TimeZone::UTC.to_datetime(made).date());
        // It is printed: nothing but what a type is made of.
        let kind: String = metadata.database_type.chars().filter(char::is_ascii_graphic).take(64).collect();
        match made {
            Some(made) => format!("{kind} of {made}"),
            None => kind,
        }
    }

    /// Where an address is. A broken record is as good as none, and told of once for each file.
    pub(super) fn place(&self, address: IpAddr) -> Option<Place<'_>> {
        let ip = public(address)?;
        // An IPv6 address in a file of IPv4 alone is an error there, and nothing is broken.
        if ip.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return None;
        }
        match self.reader.lookup(ip).and_then(|found| found.decode::<Record<'_>>()) {
            Ok(record) => record?.place(ip),
            Err(error) => {
                if !self.told.swap(true, Ordering::Relaxed) {
                    warn!(
                        "the file of places (GEOLITE_PATH) has broken records, which tell no place: {error}"
                    );
                }
                None
            }
        }
    }
}
