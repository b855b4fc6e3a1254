//! Opens the file: layout, lock timeouts and the versions of its tables.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, TransactionBehavior};
use tracing::warn;

use crate::{FileError, private};

/// A part of the program that has tables in the file.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Name of the part, for example `queues`.
    pub name: &'static str,
    /// Table version that this program knows.
    pub version: i64,
    /// Makes each commit wait for the disk. Otherwise a process crash loses nothing, but a power failure loses the last
    /// commits.
    pub durable: bool,
    /// Creates the tables, or migrates them from the given older version.
    pub tables: fn(&Connection, Option<i64>) -> rusqlite::Result<()>,
}

/// Opens or creates the file and migrates the part's tables to this program's version.
///
/// # Errors
/// Returns an error if the file cannot be written, is damaged, or was written by a newer program.
pub fn open(path: &Path, part: &Part) -> Result<Connection, FileError> {
    // SQLite gives the log the file's mode.
    let own = |error: std::io::Error| FileError::unwritable(path, &error);
    private::touch(path).map_err(own)?;
    for log in [path.with_extension("db-wal"), path.with_extension("db-shm")] {
        private::repair_file(&log).map_err(own)?;
    }
    let mut connection = connect(path, part)?;
    let found = bring_up(&mut connection, part).map_err(|error| FileError::new(&error, path))?;
    match found {
        Some(found) if found > part.version => Err(FileError::Refused(format!(
            "{} was written by a newer ua ({} version {found}, this ua knows {}): upgrade this ua",
            path.display(),
            part.name,
            part.version
        ))),
        _ => {
            if let Err(error) = clean(&connection) {
                warn!(
                    "rows that an older ua deleted may be left in free pages of {}: {error}",
                    path.display()
                );
            }
            Ok(connection)
        }
    }
}

/// `user_version` of a file in which deleted rows are overwritten.
const CLEAN: i64 = 1;

/// Rewrites the file once if an older version may have left deleted rows in free pages.
fn clean(connection: &Connection) -> rusqlite::Result<()> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    if number("user_version")? >= CLEAN {
        return Ok(());
    }
    if number("freelist_count")? > 0 {
        connection.execute_batch("vacuum")?;
    }
    connection.pragma_update(None, "user_version", CLEAN)
}

/// Opens another connection to a file that [`open`] has prepared.
///
/// # Errors
/// Returns an error if the file cannot be written or is damaged.
pub fn connect(path: &Path, part: &Part) -> Result<Connection, FileError> {
    let prepared = Connection::open(path).and_then(|mut connection| {
        prepare(&mut connection, part.durable)?;
        Ok(connection)
    });
    prepared.map_err(|error| FileError::new(&error, path))
}

/// Writes all committed data to the disk. Uses its own connection, because other connections may be in a transaction.
///
/// # Errors
/// Returns an error if the disk write fails.
pub fn sync(path: &Path) -> Result<(), FileError> {
    let synced = Connection::open(path)
        .and_then(|connection| connection.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(())));
    synced.map_err(|error| FileError::new(&error, path))
}

/// Moves the whole log into the file and empties it, so that deleted data is in neither. Does nothing while another
/// connection reads or writes. Returns true if the log is empty.
///
/// # Errors
/// Returns an error if the file cannot be written.
pub fn truncate_log(path: &Path) -> Result<bool, FileError> {
    let log = path.with_extension("db-wal");
    if log.metadata().is_ok_and(|log| log.len() == 0) {
        return Ok(true);
    }
    // Its own connection: the others wait for locks, and this one must not.
    let truncated = Connection::open(path).and_then(|connection| {
        connection.busy_timeout(Duration::ZERO)?;
        connection.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get::<_, i64>(0))
    });
    match truncated {
        Ok(busy) => Ok(busy == 0),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(false),
        Err(error) => Err(FileError::new(&error, path)),
    }
}

fn prepare(connection: &mut Connection, durable: bool) -> rusqlite::Result<()> {
    // Several processes and threads write to the file: wait in smaller steps than SQLite does by default.
    connection.busy_handler(Some(|tries: i32| {
        std::thread::sleep(Duration::from_micros(200 << tries.min(5)));
        tries < 10_000
    }))?;
    // Takes effect only in a new file. Large pages, because bodies are large.
    connection.pragma_update(None, "page_size", 8_192)?;
    log_ahead(connection)?;
    // Overwrite deleted rows, because they hold names and addresses.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "synchronous", if durable { "full" } else { "normal" })?;
    connection.pragma_update(None, "cache_size", -8_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // Many small transactions change the same pages: checkpoint them together.
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)
}

/// Enables the write-ahead log. The mode change does not wait for locks: it fails at once if two processes open or
/// close the file at the same time.
fn log_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries < 200 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(25));
            }
            outcome => return outcome,
        }
    }
}

/// Migrates the tables and returns the version found. Uses an immediate transaction, so that only one of two processes
/// migrates an old file.
fn bring_up(connection: &mut Connection, part: &Part) -> rusqlite::Result<Option<i64>> {
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    change.execute_batch(
        "create table if not exists ua_schema (part text primary key, version integer not null) strict;",
    )?;
    let query = "select version from ua_schema where part = ?1";
    let found: Option<i64> = change.query_row(query, [part.name], |row| row.get(0)).optional()?;
    if found.is_none_or(|found| found <= part.version) {
        (part.tables)(&change, found)?;
        let sql =
            "insert into ua_schema values (?1, ?2) on conflict do update set version = excluded.version";
        change.execute(sql, (part.name, part.version))?;
    }
    change.commit()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: Part = Part { name: "things", version: 2, durable: false, tables };

    fn tables(connection: &Connection, found: Option<i64>) -> rusqlite::Result<()> {
        connection.execute_batch("create table if not exists things (thing text, note text) strict;")?;
        if found == Some(1) {
            connection.execute_batch("alter table things add column note text")?;
        }
        Ok(())
    }

    #[test]
    fn an_old_file_is_brought_up_to_date_once_and_a_newer_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ua.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(
            "create table ua_schema (part text primary key, version integer not null) strict;
             insert into ua_schema values ('things', 1);
             create table things (thing text) strict;
             insert into things values ('a');",
        )
        .unwrap();
        for _ in 0..2 {
            let file = open(&path, &PART).unwrap();
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            let query = "select version, thing, note from ua_schema, things";
            let found: (i64, String, Option<String>) = file.query_row(query, [], read).unwrap();
            assert_eq!(found, (2, "a".to_owned(), None));
        }
        old.execute("update ua_schema set version = 3", []).unwrap();
        let Err(FileError::Refused(why)) = open(&path, &PART) else { panic!("not refused") };
        assert!(why.contains("newer ua (things version 3, this ua knows 2): upgrade this ua"), "{why}");
    }

    fn secret_is_in(folder: &Path) -> bool {
        let files =
            std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
        let secret = b"9f31-device";
        files.into_iter().any(|bytes| bytes.windows(secret.len()).any(|some| some == secret))
    }

    fn fill_and_delete(file: &Connection) {
        file.execute_batch("begin").unwrap();
        for number in 0..1_000 {
            let thing = format!("9f31-device {number} {}", "x".repeat(number));
            file.execute("insert into things values (?1, null)", [thing]).unwrap();
        }
        file.execute_batch("commit; delete from things").unwrap();
    }

    #[test]
    fn what_is_deleted_leaves_no_bytes_while_the_file_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ua.db");
        let file = open(&path, &PART).unwrap();
        fill_and_delete(&file);
        assert!(secret_is_in(folder.path()), "in the log");
        assert!(truncate_log(&path).unwrap());
        assert!(!secret_is_in(folder.path()));
        assert!(path.with_extension("db-wal").exists(), "the file is open all the while");
        let insert = "insert into things values ('a', null)";
        file.execute_batch(&format!("{insert}; begin immediate; {insert}")).unwrap();
        assert!(!truncate_log(&path).unwrap(), "a writer is not waited for");
    }

    #[test]
    fn free_pages_of_an_older_version_are_cleaned_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ua.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch("pragma secure_delete = off; create table things (thing text, note text) strict")
            .unwrap();
        fill_and_delete(&old);
        drop(old);
        assert!(secret_is_in(folder.path()));
        let file = open(&path, &PART).unwrap();
        truncate_log(&path).unwrap();
        assert!(!secret_is_in(folder.path()));
        let version: i64 = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, CLEAN);
    }

    #[test]
    fn file_and_log_are_their_owners_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ua.db");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let file = open(&path, &PART).unwrap();
        file.execute("insert into things values ('a', null)", []).unwrap();
        for name in ["ua.db", "ua.db-wal", "ua.db-shm"] {
            let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn what_is_no_database_is_said_to_be_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ua.db");
        std::fs::write(&path, vec![7; 20_000]).unwrap();
        let Err(FileError::Refused(why)) = open(&path, &PART) else { panic!("not refused") };
        assert!(why.contains("ua.db is damaged") && why.contains("move it away"), "{why}");
        let Err(FileError::Refused(why)) = open(&folder.path().join("no/ua.db"), &PART) else {
            panic!("not refused")
        };
        assert!(why.contains("cannot write") && why.contains("UA_DATA_DIR"), "{why}");
    }
}
