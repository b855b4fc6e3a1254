//! The file of dropped dead letters: one JSON row per line, message included, synced before a drop counts.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use messages::DeadLetter;
use onefile::private;

/// Error of a file that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {error}; nothing is dropped that is not in it")]
pub struct ArchiveError {
    path: String,
    error: std::io::Error,
}

/// The file of dropped letters. It is created with the first letter.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: Option<Arc<File>>,
}

impl Archive {
    /// Uses the file at `path`; appends to an existing one.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), file: None }
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends letters and syncs the file.
    pub(super) async fn append(
        &mut self,
        letters: impl Iterator<Item = &DeadLetter>,
    ) -> Result<(), ArchiveError> {
        let mut lines = Vec::new();
        for letter in letters {
            serde_json::to_writer(&mut lines, letter).map_err(|error| self.failed(error.into()))?;
            lines.push(b'\n');
        }
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => Arc::new(open(&self.path).map_err(|error| self.failed(error))?),
        };
        self.file = Some(Arc::clone(&file));
        let written = tokio::task::spawn_blocking(move || {
            (&*file).write_all(&lines)?;
            file.sync_all()
        });
        let written = written.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        written.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: std::io::Error) -> ArchiveError {
        ArchiveError { path: self.path.display().to_string(), error }
    }
}

/// Opens the file, readable only by its owner, because messages contain names and addresses. Syncs the folder, too.
fn open(path: &Path) -> std::io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // An existing folder may contain other files and keeps its mode.
    if !folder.try_exists()? {
        private::folder(folder)?;
    }
    let mut file = private::file_with(path, OpenOptions::new().append(true))?;
    end_line(&mut file)?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

/// Completes a line that a previous, interrupted call began.
fn end_line(file: &mut File) -> std::io::Result<()> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last == [b'\n'] { Ok(()) } else { file.write_all(b"\n") }
}
