//! The file of what was dropped: a row per line, as JSON, message included; on the disk before it counts.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use messages::DeadLetter;
use onefile::private;

/// The file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {error}; nothing is dropped that is not in it")]
pub struct ArchiveError {
    path: String,
    error: std::io::Error,
}

/// A file that dropped letters are appended to. Made when the first letter is.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: Option<Arc<File>>,
}

impl Archive {
    /// The file at `path`; one that is there is kept and appended to.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), file: None }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends letters; returns when they are on the disk.
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

/// Messages hold names and addresses: the file is its owner's only. A name is on the disk when its folder is.
fn open(path: &Path) -> std::io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A folder that is there may hold other things, and keeps its mode.
    if !folder.try_exists()? {
        private::folder(folder)?;
    }
    let mut file = private::file_with(path, OpenOptions::new().append(true))?;
    end_line(&mut file)?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

/// Ends a line that an earlier call was stopped in.
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
