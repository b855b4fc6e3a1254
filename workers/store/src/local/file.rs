//! The SQLite file: opened with a version check, written by one thread that commits what came in together
//! as one transaction. Knows nothing of documents.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};
use tokio::sync::oneshot;

use crate::StoreError;

/// The version of the documents' table in the file.
pub(super) const SCHEMA_VERSION: i64 = 1;
/// Calls that share a transaction at most.
const GROUP: usize = 64;

// With rowids: rows of this size in the key's own tree would make random ids rewrite the whole of it.
const SCHEMA: &str = "
    create table if not exists documents (
        index_name text    not null,
        id         text    not null,
        version    integer not null, -- milliseconds at which the answer was received
        body       text    not null, -- the document, as JSON
        primary key (index_name, id)
    ) strict;";

/// Opens the file and brings the documents' table to this program's version.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = connect(path)?;
    let found = migrate(&mut connection).map_err(|error| failed(&error, path))?;
    match found {
        Some(found) if found > SCHEMA_VERSION => Err(StoreError::Refused(format!(
            "{} was written by a newer ua (documents version {found}, this ua knows {SCHEMA_VERSION}): upgrade this ua",
            path.display()
        ))),
        _ => Ok(connection),
    }
}

/// One more connection to a file that [`open`] has seen.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path).map_err(|error| failed(&error, path))?;
    prepare(&mut connection).map_err(|error| failed(&error, path))?;
    Ok(connection)
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    // Several processes and threads write to one file: wait in small steps rather than SQLite's large ones.
    connection.busy_handler(Some(|tries: i32| {
        std::thread::sleep(Duration::from_micros(200 << tries.min(5)));
        tries < 10_000
    }))?;
    // Of use only for a file that is made just now.
    connection.pragma_update(None, "page_size", 8_192)?;
    log_ahead(connection)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -8_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // Many small transactions touch the same pages: let some come together before they are moved.
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)
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

fn migrate(connection: &mut Connection) -> rusqlite::Result<Option<i64>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "create table if not exists ua_schema (part text primary key, version integer not null) strict;",
    )?;
    let query = "select version from ua_schema where part = 'documents'";
    let found: Option<i64> = transaction.query_row(query, [], |row| row.get(0)).optional()?;
    if found.is_none_or(|found| found < SCHEMA_VERSION) {
        transaction.execute_batch(SCHEMA)?;
        let sql = "insert into ua_schema values ('documents', ?1)
                   on conflict do update set version = excluded.version";
        transaction.execute(sql, [SCHEMA_VERSION])?;
    }
    transaction.commit()?;
    Ok(found)
}

/// What an error of SQLite means to the store's caller.
pub(super) fn failed(error: &rusqlite::Error, path: &Path) -> StoreError {
    let path = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            StoreError::Away(format!("the disk with {path} is full; free some space (UA_DATA_DIR)"))
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            StoreError::Refused(format!(
                "cannot write {path}: {error}; look at the folder's rights (UA_DATA_DIR)"
            ))
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Refused(format!(
            "{path} is damaged ({error}): put a copy of it in its place, or move it away"
        )),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Away(format!("{path} has been locked for minutes; end the program that holds it"))
        }
        _ => StoreError::Away(format!("{path}: {error}")),
    }
}

/// One thing to do inside the shared transaction, and somebody who waits for it to be committed.
trait Step: Send {
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    fn done(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Call<T, F> {
    work: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: FnOnce(&Connection) -> rusqlite::Result<T> + Send> Step for Call<T, F> {
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.value = Some(work(connection)?);
        }
        Ok(())
    }

    fn done(self: Box<Self>, committed: Result<(), StoreError>) {
        let value = self.value.ok_or_else(|| StoreError::Away("the local file: rolled back".to_owned()));
        // Nobody listening is fine: whoever asked has been cancelled.
        let _ = self.reply.send(committed.and(value));
    }
}

/// The handle by which everybody else reaches the thread; the thread ends with the last handle.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    calls: mpsc::Sender<Box<dyn Step>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection, path: &Path) -> std::io::Result<Self> {
        let (calls, queue) = mpsc::channel::<Box<dyn Step>>();
        let path = path.to_owned();
        std::thread::Builder::new().name("ua-documents".to_owned()).spawn(move || {
            while let Ok(first) = queue.recv() {
                let steps = std::iter::once(first).chain(queue.try_iter()).take(GROUP).collect();
                commit_together(&connection, &path, steps);
            }
        })?;
        Ok(Self { calls })
    }

    /// Does `work` in the next transaction and returns what it returned, once that is committed.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, committed) = oneshot::channel();
        let gone = || StoreError::Away("the local file is closed".to_owned());
        self.calls.send(Box::new(Call { work: Some(work), value: None, reply })).map_err(|_| gone())?;
        committed.await.map_err(|_| gone())?
    }
}

fn commit_together(connection: &Connection, path: &Path, mut steps: Vec<Box<dyn Step>>) {
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
        step.done(outcome.as_ref().copied().map_err(|error| failed(error, path)));
    }
}
