//! The documents' table in the shared SQLite file: its schema, its version, and the mapping of SQLite errors.

use std::path::Path;

use onefile::{FileError, Part, Thread};
use rusqlite::Connection;

use super::rows::without_nul;
use crate::StoreError;

const PART: Part = Part { name: "documents", version: 2, durable: true, tables };
const THREAD: Thread = Thread { name: "ua-documents", group: 64 };

// With rowids: in a WITHOUT ROWID table, random ids would rewrite large rows all over the tree.
const SCHEMA: &str = "
    create table if not exists documents (
        index_name text    not null,
        id         text    not null,
        version    integer not null, -- milliseconds at which the answer was received
        body       text    not null, -- the document, as JSON
        answer     blob,             -- the bytes of its field `answer`
        primary key (index_name, id)
    ) strict;";

fn tables(connection: &Connection, found: Option<i64>) -> rusqlite::Result<()> {
    connection.execute_batch(SCHEMA)?;
    if found == Some(1) {
        connection.execute_batch("alter table documents add column answer blob")?;
        replace_nuls(connection)?;
    }
    Ok(())
}

/// Replaces NUL characters in rows of version 1.
fn replace_nuls(connection: &Connection) -> rusqlite::Result<()> {
    let mut rows = connection.prepare(r"select rowid, body from documents where instr(body, '\u0000')")?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (rowid, body) in rows.collect::<rusqlite::Result<Vec<(i64, String)>>>()? {
        let body = without_nul(body.into_bytes().into());
        let text = String::from_utf8_lossy(&body);
        connection.execute("update documents set body = ?2 where rowid = ?1", (rowid, text))?;
    }
    Ok(())
}

/// Opens the file and migrates the documents' table to this program's version.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    onefile::open(path, &PART).map_err(unusable)
}

/// Opens a further connection after [`open`].
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    onefile::connect(path, &PART).map_err(unusable)
}

/// Converts an error at the start: a file that has never worked is a matter of configuration.
pub(super) fn unusable(error: FileError) -> StoreError {
    match error {
        FileError::Refused(why) | FileError::Gone(why) => StoreError::Misconfigured(why),
        FileError::Away(why) => StoreError::Away(why),
    }
}

/// Converts an SQLite error during work: a role waits for a disk that was remounted read-only.
pub(super) fn failed(error: &rusqlite::Error, path: &Path) -> StoreError {
    FileError::new(error, path).into()
}

impl From<FileError> for StoreError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Away(why) => Self::Away(why),
            FileError::Refused(why) => Self::Refused(why),
            FileError::Gone(why) => Self::Misconfigured(why),
        }
    }
}

/// The thread that writes documents. It ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub(super) struct Writer(onefile::Writer);

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection, path: &Path) -> std::io::Result<Self> {
        onefile::Writer::start(connection, path, THREAD, |_| true).map(Self)
    }

    /// Runs `work` in the next transaction and returns its result after the commit.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        Ok(self.0.call(work).await?)
    }
}
