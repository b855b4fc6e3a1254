//! Detects that the file was deleted or replaced: an open file stays usable after that, but its data is lost.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A file, independent of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// Returns the identity of the file that has this name now.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let metadata = path.metadata()?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }

    /// False once the name belongs to another file or to none. Other errors, such as a network file system that does
    /// not answer, count as true.
    pub(crate) fn is_still_at(self, path: &Path) -> bool {
        match Self::of(path) {
            Ok(found) => found == self,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }
}
