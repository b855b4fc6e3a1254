//! By what a changed file is known.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file's clock may stand still for so long: two changes within it can leave the same time.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// What the system says of a file. Any change of its bytes shows here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::enrich) struct Stamp {
    pub(super) bytes: u64,
    /// When its bytes changed, in nanoseconds; anybody may set it.
    written: i128,
    /// When its bytes, names or rights changed; nobody can set it.
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

    /// False when the bytes of an open file may be others `now` than they were.
    ///
    /// A file over whose name another one was moved, or that was removed, has lost a name: that sets the time of its
    /// change, and its bytes are as they were.
    pub(super) fn has_bytes_of(&self, now: &Self) -> bool {
        let named_otherwise = self.names != now.names;
        self.bytes == now.bytes
            && self.written == now.written
            && (self.changed == now.changed || named_otherwise)
    }

    /// True when one more change might still leave this very stamp. That is told by our clock: where the file is another
    /// machine's, whose clock is another one, it is a guess.
    pub(super) fn is_fresh(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let settled = i128::try_from((now.saturating_sub(TICK)).as_nanos()).unwrap_or(i128::MAX);
        self.changed > settled
    }
}
