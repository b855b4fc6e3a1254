//! Detects changes of a file.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Assumed resolution of file times: two changes within it may have the same time.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// Metadata that changes with the file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::enrich) struct Stamp {
    pub(super) bytes: u64,
    /// Modification time in nanoseconds; any user can set it.
    written: i128,
    /// Change time of bytes, names or permissions, in nanoseconds; cannot be set.
    changed: i128,
    names: u64,
}

impl Stamp {
    pub(in crate::enrich) fn of(metadata: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            bytes: metadata.len(),
            written: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            names: metadata.nlink(),
        }
    }

    /// Returns false if the bytes of an open file may have changed.
    ///
    /// Renaming another file over it, or removing it, changes the link count and the change time, but not the bytes.
    pub(super) fn has_bytes_of(&self, now: &Self) -> bool {
        let named_otherwise = self.names != now.names;
        self.bytes == now.bytes
            && self.written == now.written
            && (self.changed == now.changed || named_otherwise)
    }

    /// True if another change could still produce this stamp. Compares with the local clock, so it is a guess for files
    /// on another machine.
    pub(super) fn is_fresh(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let settled = i128::try_from((now.saturating_sub(TICK)).as_nanos()).unwrap_or(i128::MAX);
        self.changed > settled
    }
}
