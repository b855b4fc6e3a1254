//! The queues' part of the local file: the version of its tables, and the conversion of its errors.

use std::path::Path;

use onefile::{FileError, Part, Thread};
use rusqlite::Connection;

use crate::BrokerError;

/// Version of the broker's tables in the file.
pub(super) const SCHEMA_VERSION: i64 = 2;
// A process crash loses nothing. A power loss may lose the last moment of queues and documents alike, since they
// share one log: that work is repeated. Closing the broker syncs what must survive a power loss, such as a plan
// confirmed to the user.
const PART: Part = Part { name: "queues", version: SCHEMA_VERSION, durable: false, tables };
const THREAD: Thread = Thread { name: "ua-queues", group: 256 };

fn tables(connection: &Connection, found: Option<i64>) -> rusqlite::Result<()> {
    connection.execute_batch(include_str!("schema.sql"))?;
    if found == Some(1) {
        connection.execute_batch("alter table messages add column calls text")?;
    }
    Ok(())
}

/// Opens the file and migrates the broker's tables to this version.
pub(super) fn open(path: &Path) -> Result<Connection, BrokerError> {
    Ok(onefile::open(path, &PART)?)
}

/// Converts an SQLite error to a broker error.
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
    /// Starts the thread. `housekeeping` runs about every second; returning false ends the thread.
    pub(super) fn start(
        connection: Connection,
        path: &Path,
        housekeeping: impl FnMut(&Connection) -> bool + Send + 'static,
    ) -> std::io::Result<Self> {
        onefile::Writer::start(connection, path, THREAD, housekeeping).map(Self)
    }

    /// Runs `work` in the next transaction and returns its result after the commit.
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
