//! Who is alive: every process that has the file open holds a lock on a small file of its own, so that the
//! others see at once, and without any clock, when it has died.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::rows;

/// This process's proof of life: the lock is gone with it, however it ends.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) id: i64,
    file: File,
    folder: PathBuf,
}

impl Owner {
    /// Registers this process in the file and takes its lock.
    pub(super) fn register(connection: &Connection, folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        connection.execute("insert into owners default values", []).map_err(std::io::Error::other)?;
        let id = connection.last_insert_rowid();
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(lock_path(folder, id))?;
        file.lock()?;
        Ok(Self { id, file, folder: folder.to_owned() })
    }

    /// Releases what dead owners held, counting a crash against each of their messages.
    pub(super) fn bury_the_dead(&self, connection: &Connection) -> rusqlite::Result<()> {
        let others: Vec<i64> = connection
            .prepare_cached("select id from owners where id <> ?1")?
            .query_map([self.id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for id in others.into_iter().filter(|id| is_dead(&self.folder, *id)) {
            connection.execute_batch("begin immediate")?;
            rows::release(connection, id, true)?;
            connection.execute_batch("commit")?;
            // A file left behind is harmless: ids are never used twice.
            let _ = std::fs::remove_file(lock_path(&self.folder, id));
        }
        Ok(())
    }

    /// Lets go of the lock, as the end of the process would.
    pub(super) fn let_go(&self) {
        // Unlocking a lock we hold cannot fail in a way that matters: closing the file releases it, too.
        let _ = self.file.unlock();
    }

    /// Removes the lock's file after the owner was released in good order.
    pub(super) fn forget(&self) {
        self.let_go();
        let _ = std::fs::remove_file(lock_path(&self.folder, self.id));
    }
}

fn lock_path(folder: &Path, id: i64) -> PathBuf {
    folder.join(format!("{id}.lock"))
}

fn is_dead(folder: &Path, id: i64) -> bool {
    match File::open(lock_path(folder, id)) {
        Ok(file) => !matches!(file.try_lock(), Err(TryLockError::WouldBlock)),
        // A process registers and locks within one transaction's time; no file means long gone.
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}
