//! Inspects the local file without opening it as a broker: existence, version, processes. Creates and changes
//! nothing.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::{file, owner, rows};
use crate::{BrokerError, WorkerInfo, clock};

/// The result of an inspection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Version of the queues' tables; `None` if there are none.
    pub version: Option<i64>,
    /// Version that this program reads and writes.
    pub known_version: i64,
    /// Messages in all queues, including those on rungs.
    pub waiting: u64,
    /// Processes that have the file open and identify themselves.
    pub processes: Vec<String>,
}

/// Inspects the file in `folder`; `None` if there is no file.
///
/// # Errors
/// When the file cannot be read.
pub fn inspect(folder: &Path) -> Result<Option<Inspection>, BrokerError> {
    let path = folder.join("ua.db");
    if !path.exists() {
        return Ok(None);
    }
    let unreadable =
        |error: rusqlite::Error| BrokerError::Refused(format!("cannot read {}: {error}", path.display()));
    let connection = open(&path).map_err(unreadable)?;
    look(&connection, folder).map(Some).map_err(unreadable)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // Without other users, reading the file would leave log files behind; `immutable=1` avoids that.
    if path.with_extension("db-wal").exists() {
        return Connection::open_with_flags(path, flags);
    }
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags | OpenFlags::SQLITE_OPEN_URI)
}

fn look(connection: &Connection, folder: &Path) -> rusqlite::Result<Inspection> {
    let known_version = file::SCHEMA_VERSION;
    let version = match has(connection, "ua_schema")? {
        false => None,
        true => {
            let query = "select version from ua_schema where part = 'queues'";
            connection.query_row(query, [], |row| row.get(0)).optional()?
        }
    };
    // Another version may have other tables.
    if version != Some(known_version) {
        return Ok(Inspection { version, known_version, waiting: 0, processes: Vec::new() });
    }
    let now = clock::now();
    let waiting = rows::everything(connection)?;
    let mut processes = Vec::new();
    for (id, info) in owners(connection)? {
        if !owner::is_dead(&folder.join("owners"), id) {
            processes.push(named(info.as_deref(), now));
        }
    }
    Ok(Inspection { version, known_version, waiting, processes })
}

fn has(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let query = "select exists (select 1 from sqlite_master where type = 'table' and name = ?1)";
    connection.query_row(query, [table], |row| row.get(0))
}

fn owners(connection: &Connection) -> rusqlite::Result<Vec<(i64, Option<String>)>> {
    let query = match has(connection, "cards")? {
        true => "select id, card from owners left join cards on cards.owner = owners.id order by id",
        false => "select id, null from owners order by id",
    };
    connection.prepare(query)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn named(info: Option<&str>, now: Timestamp) -> String {
    match info.and_then(|info| serde_json::from_str::<WorkerInfo>(info).ok()) {
        Some(info) => {
            let minutes = now.duration_since(info.started_at).as_mins();
            format!("process {} (for {minutes} min)", info.pid)
        }
        None => "a process without a role".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ladder;
    use crate::broker::{Local, local};

    #[tokio::test]
    async fn a_file_is_seen_with_those_who_have_it_open_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(inspect(folder.path()).unwrap(), None);
        let names = || {
            let mut names: Vec<_> =
                std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert!(names().is_empty(), "nothing is made");
        let settings = local::LocalBrokerSettings {
            folder: folder.path().to_owned(),
            ladder: Ladder::default(),
            documents_limit: 1,
        };
        let local = crate::Broker::Local(Local::open(settings).unwrap());
        let seen = inspect(folder.path()).unwrap().unwrap();
        assert_eq!((seen.version, seen.processes.len()), (Some(seen.known_version), 1));
        local.close().await;
        drop(local);
        // The writing thread closes the file and its log asynchronously.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while folder.path().join("ua.db-wal").exists() {
            assert!(std::time::Instant::now() < deadline, "the file is not closed");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let before = names();
        let seen = inspect(folder.path()).unwrap().unwrap();
        assert_eq!((seen.version, seen.processes), (Some(seen.known_version), Vec::new()));
        assert_eq!(names(), before);
        std::fs::write(folder.path().join("ua.db"), "rubbish").unwrap();
        assert!(inspect(folder.path()).unwrap_err().to_string().contains("ua.db"));
    }
}
