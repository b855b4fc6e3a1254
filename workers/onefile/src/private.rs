//! Creates files and folders that only their owner may read, because documents hold names and addresses. Independent of
//! the process's umask.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use tracing::warn;

const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;
/// Permissions of group and others.
const OTHERS: u32 = 0o077;
/// Sticky bit: a folder that many users share, such as `/tmp`.
const SHARED: u32 = 0o1000;

/// Creates a folder and its missing parents with mode 0700. Removes the permissions of others from an existing folder
/// and logs a warning, unless another user owns it or it is shared.
///
/// # Errors
/// Returns an error if the folder cannot be created or the path is not a folder.
pub fn folder(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|above| is_missing(above)).collect();
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)?;
    for made in missing {
        std::fs::set_permissions(made, Permissions::from_mode(FOLDER))?;
    }
    let there = path.metadata()?;
    let is_shared = there.mode() & SHARED != 0 || path.parent().is_none();
    match is_shared {
        true => Ok(()),
        false => repair(path, &there, FOLDER),
    }
}

/// Opens a file for reading and writing and creates it with mode 0600 if necessary. Removes the permissions of others
/// from an existing file and logs a warning.
///
/// # Errors
/// Returns an error if the file cannot be created or opened.
pub fn file(path: &Path) -> io::Result<File> {
    file_with(path, OpenOptions::new().write(true))
}

/// Like [`file()`], with other options; `read` and `create` are set.
///
/// # Errors
/// Returns an error if the file cannot be created or opened.
pub fn file_with(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let is_new = is_missing(path);
    let file = options.read(true).create(true).truncate(false).mode(FILE).open(path)?;
    match is_new {
        true => file.set_permissions(Permissions::from_mode(FILE))?,
        false => repair(path, &file.metadata()?, FILE)?,
    }
    Ok(file)
}

/// Creates an empty file with mode 0600, or removes the permissions of others from an existing file. Never opens an
/// existing file, because closing it would release the locks that SQLite holds on it in this process.
///
/// # Errors
/// Returns an error if the file cannot be created or its permissions cannot be changed.
pub fn touch(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(FILE).open(path) {
        Ok(file) => file.set_permissions(Permissions::from_mode(FILE)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => repair_file(path),
        Err(error) => Err(error),
    }
}

/// Removes the permissions of others from a file, if it exists, and logs a warning.
///
/// # Errors
/// Returns an error if the permissions cannot be read or changed.
pub fn repair_file(path: &Path) -> io::Result<()> {
    match path.metadata() {
        Ok(there) => repair(path, &there, FILE),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// True if no file or folder has this name. The empty name is the current folder.
fn is_missing(path: &Path) -> bool {
    !path.as_os_str().is_empty() && matches!(path.try_exists(), Ok(false))
}

fn repair(path: &Path, there: &Metadata, mode: u32) -> io::Result<()> {
    // A pipe or a device stores no data.
    if there.mode() & OTHERS == 0 || !(there.is_file() || there.is_dir()) {
        return Ok(());
    }
    let before = there.mode() & 0o777;
    match std::fs::set_permissions(path, Permissions::from_mode(mode)) {
        Ok(()) => {
            warn!("others could read {} (mode {before:04o}); its mode is now {mode:04o}", path.display());
            Ok(())
        }
        // Only the other user can change the mode.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            warn!("others can read {} (mode {before:04o}), and another user owns it", path.display());
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_new_is_its_owners_only_and_what_is_there_is_repaired() {
        let outer = tempfile::tempdir().unwrap();
        let (inner, path) = (outer.path().join("a/b"), outer.path().join("a/b/f"));
        folder(&inner).unwrap();
        file(&path).unwrap();
        assert_eq!((mode(inner.parent().unwrap()), mode(&inner), mode(&path)), (FOLDER, FOLDER, FILE));
        std::fs::set_permissions(&inner, Permissions::from_mode(0o755)).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        std::fs::write(&path, "kept").unwrap();
        folder(&inner).unwrap();
        file(&path).unwrap();
        assert_eq!((mode(&inner), mode(&path)), (FOLDER, FILE));
        assert_eq!(std::fs::read(&path).unwrap(), b"kept");
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        repair_file(&path).unwrap();
        repair_file(&outer.path().join("none")).unwrap();
        assert_eq!(mode(&path), FILE);
    }

    #[test]
    fn a_folder_that_many_share_keeps_its_mode() {
        let outer = tempfile::tempdir().unwrap();
        let shared = outer.path().join("shared");
        std::fs::create_dir(&shared).unwrap();
        std::fs::set_permissions(&shared, Permissions::from_mode(0o1777)).unwrap();
        folder(&shared).unwrap();
        assert_eq!(shared.metadata().unwrap().mode() & 0o7777, 0o1777);
    }
}
