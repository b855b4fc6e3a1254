//! The queues' part of the one file: the version of their tables, and what an error of the file means to a broker's
//! caller.

use std::path::Path;

use onefile::{FileError, Part, Thread};
use rusqlite::Connection;

use crate::BrokerError;

/// The version of the broker's tables in the file.
pub(super) const SCHEMA_VERSION: i64 = 2;
// A crash of the process loses nothing. After a loss of power the file is as it was a moment before, queues and documents
// alike, since both lie in one log: work of that moment is done again. What must survive even that (a plan that was
// confirmed to a user) is synced when the broker is closed.
const PART: Part = Part { name: "queues", version: SCHEMA_VERSION, durable: false, tables };
const THREAD: Thread = Thread { name: "ua-queues", group: 256 };

fn tables(connection: &Connection, found: Option<i64>) -> rusqlite::Result<()> {
    connection.execute_batch(include_str!("schema.sql"))?;
    if found == Some(1) {
        connection.execute_batch("alter table messages add column calls text")?;
    }
    Ok(())
}

/// Opens the file and brings the broker's tables to this program's version.
pub(super) fn open(path: &Path) -> Result<Connection, BrokerError> {
    Ok(onefile::open(path, &PART)?)
}

/// What an error of SQLite means to a broker's caller.
pub(super) fn failed(error: &rusqlite::Error, path: &Path) -> BrokerError {
    FileError::new(error, path).into()
}

impl From<FileError> for BrokerError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Away(why) => Self::Away(why),
            FileError::Refused(why) => Self::Misconfigured(why),
            FileError::Gone(why) => Self::Gone(why),
        }
    }
}

/// The thread that writes to the queues.
#[derive(Debug, Clone)]
pub(super) struct Writer(onefile::Writer);

impl Writer {
    /// Starts it. `housekeeping` runs about every second, and ends the thread by returning false.
    pub(super) fn start(
        connection: Connection,
        path: &Path,
        housekeeping: impl FnMut(&Connection) -> bool + Send + 'static,
    ) -> std::io::Result<Self> {
        onefile::Writer::start(connection, path, THREAD, housekeeping).map(Self)
    }

    /// Does `work` in the next transaction and returns what it returned, once that is committed.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, BrokerError> {
        Ok(self.0.call(work).await?)
    }

    /// As [`Writer::call`], without waiting: for `drop`.
    pub(super) fn cast(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static) {
        self.0.cast(work);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_first_version_is_brought_up_to_date_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ua.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(
            "create table ua_schema (part text primary key, version integer not null) strict;
             insert into ua_schema values ('queues', 1);
             create table messages (
                 seq integer primary key, queue text not null, due_at integer not null, owner integer,
                 message_id text not null, attempt integer not null, crashes integer not null,
                 replays integer not null, first_seen integer not null, origin text, cause text
             ) strict;
             insert into messages values (1, 'ua.documents', 0, null, 'a', 2, 0, 0, 0, null, null);",
        )
        .unwrap();
        drop(old);
        for _ in 0..2 {
            let file = open(&path).unwrap();
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            let query = "select version, message_id, calls from ua_schema, messages where part = 'queues'";
            let found: (i64, String, Option<String>) = file.query_row(query, [], read).unwrap();
            assert_eq!(found, (SCHEMA_VERSION, "a".to_owned(), None));
        }
    }
}
