//! Liveness of processes: each process with the file open holds a lock on a small file of its own. The others detect
//! its death at once and without a clock.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::rows;

/// The liveness lock of this process, released however the process ends.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) id: i64,
    file: File,
    folder: PathBuf,
}

impl Owner {
    /// Registers this process in the file and takes its lock, in one transaction. So no process sees an owner without
    /// its lock and considers it dead.
    pub(super) fn register(connection: &Connection, folder: &Path) -> std::io::Result<Self> {
        onefile::private::folder(folder)?;
        let other = std::io::Error::other;
        connection.execute_batch("begin immediate").map_err(other)?;
        let registered = Self::insert(connection, folder);
        let end = if registered.is_ok() { "commit" } else { "rollback" };
        connection.execute_batch(end).map_err(other)?;
        registered
    }

    fn insert(connection: &Connection, folder: &Path) -> std::io::Result<Self> {
        loop {
            connection.execute("insert into owners default values", []).map_err(std::io::Error::other)?;
            let id = connection.last_insert_rowid();
            let file = onefile::private::file(&lock_path(folder, id))?;
            match file.try_lock() {
                Ok(()) => return Ok(Self { id, file, folder: folder.to_owned() }),
                // `ua.db` was replaced while its owners are alive: their ids are in use.
                Err(TryLockError::WouldBlock) => {
                    connection
                        .execute("delete from owners where id = ?1", [id])
                        .map_err(std::io::Error::other)?;
                    let skipped = "update sqlite_sequence set seq = ?1 where name = 'owners'";
                    connection.execute(skipped, [id]).map_err(std::io::Error::other)?;
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// Releases the messages of dead owners and counts one crash for each message.
    pub(super) fn bury_the_dead(&self, connection: &Connection) -> rusqlite::Result<()> {
        let others: Vec<i64> = connection
            .prepare_cached("select id from owners where id <> ?1")?
            .query_map([self.id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for id in others.into_iter().filter(|id| is_dead(&self.folder, *id)) {
            in_transaction(connection, |connection| rows::release(connection, id, true))?;
            // A leftover file is harmless: the next owner of this id locks it again.
            let _ = std::fs::remove_file(lock_path(&self.folder, id));
        }
        if rows::has_orphans(connection)? {
            in_transaction(connection, rows::release_orphans)?;
        }
        Ok(())
    }

    /// Releases the lock, as the end of the process would.
    pub(super) fn let_go(&self) {
        // An unlock error is harmless: closing the file also releases the lock.
        let _ = self.file.unlock();
    }

    /// Removes the lock file after the owner was released.
    pub(super) fn forget(&self) {
        self.let_go();
        let _ = std::fs::remove_file(lock_path(&self.folder, self.id));
    }
}

fn lock_path(folder: &Path, id: i64) -> PathBuf {
    folder.join(format!("{id}.lock"))
}

fn in_transaction(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    connection.execute_batch("begin immediate")?;
    let done = work(connection).and_then(|()| connection.execute_batch("commit"));
    if done.is_err() && !connection.is_autocommit() {
        // Return the first error.
        let _ = connection.execute_batch("rollback");
    }
    done
}

/// Returns true when no process holds the lock of owner `id`.
pub(super) fn is_dead(folder: &Path, id: i64) -> bool {
    match File::open(lock_path(folder, id)) {
        Ok(file) => !matches!(file.try_lock(), Err(TryLockError::WouldBlock)),
        // Owners are registered together with their file, so a missing file means a removed owner.
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}
