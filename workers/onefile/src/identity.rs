//! Which file has a name: a process that has a file open goes on with it after it was deleted, unlike its users.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The file that has this name now.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let metadata = path.metadata()?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }

    /// False once the name is another file's or no file's. Another error, as a network file system that does not answer,
    /// is no proof.
    pub(crate) fn is_still_at(self, path: &Path) -> bool {
        match Self::of(path) {
            Ok(found) => found == self,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }
}
