//! The SQLite file: opened with a version check, written by one thread that commits what came in together
//! as one transaction.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};
use tokio::sync::oneshot;

use crate::BrokerError;

/// The version of the broker's tables in the file.
pub(super) const SCHEMA_VERSION: i64 = 2;
/// Calls that share a transaction at most.
const GROUP: usize = 256;
/// How often the owner looks for the dead, between two calls.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// Opens the file and brings the broker's tables to this program's version.
pub(super) fn open(path: &Path) -> Result<Connection, BrokerError> {
    let refuse = |error: &rusqlite::Error| {
        BrokerError::Refused(format!(
            "cannot open {}: {error}; look at the folder's rights (UA_DATA_DIR)",
            path.display()
        ))
    };
    let mut connection = Connection::open(path).map_err(|error| refuse(&error))?;
    prepare(&mut connection).map_err(|error| refuse(&error))?;
    let found = version(&mut connection).map_err(|error| refuse(&error))?;
    match found {
        Some(found) if found > SCHEMA_VERSION => Err(BrokerError::Refused(format!(
            "{} was written by a newer ua (queues version {found}, this ua knows {SCHEMA_VERSION}): upgrade this ua",
            path.display()
        ))),
        _ => Ok(connection),
    }
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    // Two processes and two threads write to one file: wait in small steps rather than SQLite's large ones.
    connection.busy_handler(Some(|tries: i32| {
        std::thread::sleep(Duration::from_micros(200 << tries.min(5)));
        tries < 10_000
    }))?;
    // Whoever makes the file fixes the size of its pages: bodies are large.
    connection.pragma_update(None, "page_size", 8_192)?;
    log_ahead(connection)?;
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    // A crash of the process loses nothing. After a loss of power the file is as it was a moment before, queues
    // and documents alike, since both lie in one log: work of that moment is done again. What must survive even
    // that (a plan that was confirmed to a user) is synced when the broker is closed, see `sync`.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "cache_size", -8_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.execute_batch(
        "create table if not exists ua_schema (part text primary key, version integer not null) strict;",
    )
}

/// Turns the write-ahead log on. The change of mode does not wait for others as other statements do: it fails at
/// once when two processes make or leave the file at the same time.
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

/// Brings everything committed so far to the disk; on a connection of its own, since the thread's may be inside
/// a transaction.
pub(super) fn sync(path: &Path) -> rusqlite::Result<()> {
    Connection::open(path)?.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()))
}

/// Brings the tables to this program's version; returns the version that was found. A transaction of its own, begun
/// as a writer: two processes that open an old file at once must not both change it.
fn version(connection: &mut Connection) -> rusqlite::Result<Option<i64>> {
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let query = "select version from ua_schema where part = 'queues'";
    let found: Option<i64> = change.query_row(query, [], |row| row.get(0)).optional()?;
    if found.is_none_or(|found| found <= SCHEMA_VERSION) {
        change.execute_batch(include_str!("schema.sql"))?;
        if found == Some(1) {
            change.execute_batch("alter table messages add column calls text")?;
        }
        let sql = "insert into ua_schema values ('queues', ?1) on conflict do update set version = excluded.version";
        change.execute(sql, [SCHEMA_VERSION])?;
    }
    change.commit()?;
    Ok(found)
}

/// What an error of SQLite means to a broker's caller.
pub(super) fn failed(error: &rusqlite::Error) -> BrokerError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => BrokerError::Away(
            "the disk with the data folder (UA_DATA_DIR) is full; free some space".to_owned(),
        ),
        Some(ErrorCode::ReadOnly) => {
            BrokerError::Refused("the data folder (UA_DATA_DIR) is read-only".to_owned())
        }
        _ => BrokerError::Away(format!("the local file: {error}")),
    }
}

/// One thing to do inside the shared transaction, and somebody who waits for it to be committed.
pub(super) trait Step: Send {
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    fn done(self: Box<Self>, committed: Result<(), BrokerError>);
}

struct Call<T, F> {
    work: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, BrokerError>>,
}

impl<T: Send, F: FnOnce(&Connection) -> rusqlite::Result<T> + Send> Step for Call<T, F> {
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.value = Some(work(connection)?);
        }
        Ok(())
    }

    fn done(self: Box<Self>, committed: Result<(), BrokerError>) {
        let value = self.value.ok_or_else(|| BrokerError::Away("the local file: rolled back".to_owned()));
        // Nobody listening is fine: whoever asked has been cancelled.
        let _ = self.reply.send(committed.and(value));
    }
}

/// The handle by which everybody else reaches the thread.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    calls: mpsc::Sender<Box<dyn Step>>,
}

impl Writer {
    /// Starts the thread. `housekeeping` runs about every second, and ends the thread by returning false.
    pub(super) fn start(
        connection: Connection,
        housekeeping: impl FnMut(&Connection) -> bool + Send + 'static,
    ) -> std::io::Result<Self> {
        let (calls, queue) = mpsc::channel();
        std::thread::Builder::new()
            .name("ua-queues".to_owned())
            .spawn(move || serve(&connection, &queue, housekeeping))?;
        Ok(Self { calls })
    }

    /// Does `work` in the next transaction and returns what it returned, once that is committed.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, BrokerError> {
        let (reply, committed) = oneshot::channel();
        let gone = || BrokerError::Away("the local broker is closed".to_owned());
        self.calls.send(Box::new(Call { work: Some(work), value: None, reply })).map_err(|_| gone())?;
        committed.await.map_err(|_| gone())?
    }

    /// As [`Writer::call`], without waiting: for `drop`.
    pub(super) fn cast(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static) {
        let (reply, _) = oneshot::channel();
        // A closed broker has handed everything back already.
        let _ = self.calls.send(Box::new(Call { work: Some(work), value: None, reply }));
    }
}

fn serve(
    connection: &Connection,
    queue: &mpsc::Receiver<Box<dyn Step>>,
    mut housekeeping: impl FnMut(&Connection) -> bool,
) {
    let mut looked = std::time::Instant::now();
    loop {
        match queue.recv_timeout(HOUSEKEEPING) {
            Ok(first) => commit_together(
                connection,
                std::iter::once(first).chain(queue.try_iter()).take(GROUP).collect(),
            ),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        if looked.elapsed() >= HOUSEKEEPING {
            looked = std::time::Instant::now();
            if !housekeeping(connection) {
                return;
            }
        }
    }
}

fn commit_together(connection: &Connection, mut steps: Vec<Box<dyn Step>>) {
    let outcome = (|| {
        connection.execute_batch("begin immediate")?;
        steps.iter_mut().try_for_each(|step| step.run(connection))?;
        connection.execute_batch("commit")
    })();
    if outcome.is_err() && !connection.is_autocommit() {
        // Nothing more can be done when even this fails; the next `begin` will say so.
        let _ = connection.execute_batch("rollback");
    }
    for step in steps {
        step.done(outcome.as_ref().copied().map_err(failed));
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
