//! Errors of the file, with the operator's next step.

use std::path::Path;

use rusqlite::ErrorCode;

/// Why the file could not be read or written. The text names the file and the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Transient: the disk is full, the file is locked, or the writing thread has ended.
    #[error("{0}")]
    Away(String),
    /// Permanent until the operator acts: missing permissions, damage, or a file of a newer version.
    #[error("{0}")]
    Refused(String),
    /// The file was deleted or replaced while this process had it open, so new writes would be lost.
    #[error("{0}")]
    Gone(String),
}

impl FileError {
    /// Converts an error of the operating system on opening the file.
    pub(crate) fn unwritable(path: &Path, error: &std::io::Error) -> Self {
        let path = path.display();
        match error.kind() {
            std::io::ErrorKind::StorageFull => {
                Self::Away(format!("the disk with {path} is full; free some space (UA_DATA_DIR)"))
            }
            _ => Self::Refused(format!(
                "cannot write {path}: {error}; look at the folder's rights (UA_DATA_DIR)"
            )),
        }
    }

    /// The open file no longer has its name.
    pub(crate) fn replaced(path: &Path) -> Self {
        let path = path.display();
        Self::Gone(format!(
            "{path} was deleted or replaced while this process had it open; what it wrote since is lost with the \
             old file: put the old file back if there is a copy, then start again"
        ))
    }

    /// Converts an error of SQLite.
    pub fn new(error: &rusqlite::Error, path: &Path) -> Self {
        let path = path.display();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => {
                Self::Away(format!("the disk with {path} is full; free some space (UA_DATA_DIR)"))
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::Refused(
                format!("cannot write {path}: {error}; look at the folder's rights (UA_DATA_DIR)"),
            ),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Refused(format!(
                "{path} is damaged ({error}): put a copy of it in its place, or move it away"
            )),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Away(format!("{path} has been locked for minutes; end the program that holds it"))
            }
            _ => Self::Away(format!("{path}: {error}")),
        }
    }
}
