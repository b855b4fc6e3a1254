//! Leadership on one machine: a file lock, a row for the state, and rows for the requests.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _};

use super::{Local, file};
use crate::{BrokerError, clock};

/// Interval at which candidates try the lock, and requests and replies are polled.
const POLL_INTERVAL: Duration = Duration::from_millis(150);
/// Age at which an unhandled request is deleted, with its reply.
const REQUEST_LIFE_MS: i64 = 24 * 3_600 * 1_000;

/// The leadership. The lock ends with this value or with the process.
#[derive(Debug)]
pub struct Lead {
    file: LeaderConnection,
    name: String,
    /// Row of the last returned request.
    last: AtomicI64,
    _lock: File,
}

/// A request, as the leader receives it.
#[derive(Debug)]
pub struct RequestRow {
    pub(in crate::broker) body: Vec<u8>,
    seq: i64,
    file: LeaderConnection,
}

impl Local {
    pub(in crate::broker) async fn lead(&self, name: &str) -> Result<Lead, BrokerError> {
        let folder = self.inner.settings.folder.join("leads");
        let refuse = |error: std::io::Error| {
            BrokerError::Misconfigured(format!(
                "cannot lock a file in {}: {error} (UA_DATA_DIR)",
                folder.display()
            ))
        };
        onefile::private::folder(&folder).map_err(refuse)?;
        let path = folder.join(format!("{name}.lock"));
        let file = onefile::private::file(&path).map_err(refuse)?;
        loop {
            match file.try_lock() {
                Ok(()) => {
                    return self.elected(name, file);
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(POLL_INTERVAL).await,
                Err(TryLockError::Error(error)) => return Err(refuse(error)),
            }
        }
    }

    pub(in crate::broker) async fn peek(&self, name: &str) -> Result<Option<Vec<u8>>, BrokerError> {
        let name = name.to_owned();
        self.inner.writer.call(move |connection| read_state(connection, &name)).await
    }

    pub(in crate::broker) async fn request(
        &self,
        name: &str,
        request: Vec<u8>,
    ) -> Result<Vec<u8>, BrokerError> {
        let (name, now) = (name.to_owned(), clock::now().as_millisecond());
        let seq = self.inner.writer.call(move |connection| {
            connection.execute("delete from orders where sent_at < ?1", [now - REQUEST_LIFE_MS])?;
            let sql = "insert into orders (lead, sent_at, body) values (?1, ?2, ?3)";
            connection.execute(sql, (name, now, request))?;
            Ok(connection.last_insert_rowid())
        });
        let seq = seq.await?;
        loop {
            if let Some(reply) = self.inner.writer.call(move |connection| take_reply(connection, seq)).await?
            {
                return Ok(reply);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

fn read_state(connection: &Connection, name: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    let sql = "select state from kept where lead = ?1";
    connection.query_row(sql, [name], |row| row.get(0)).optional()
}

fn take_reply(connection: &Connection, seq: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    let sql = "delete from orders where seq = ?1 and answer is not null returning answer";
    connection.query_row(sql, [seq], |row| row.get(0)).optional()
}

impl Local {
    fn elected(&self, name: &str, lock: File) -> Result<Lead, BrokerError> {
        let path = self.inner.settings.folder.join("ua.db");
        let file = LeaderConnection { connection: Arc::new(Mutex::new(file::open(&path)?)), path };
        Ok(Lead { file, name: name.to_owned(), last: AtomicI64::new(0), _lock: lock })
    }
}

/// A separate connection of the leader, so that its transactions and failures are independent of the queues'.
#[derive(Debug, Clone)]
struct LeaderConnection {
    connection: Arc<Mutex<Connection>>,
    path: PathBuf,
}

impl LeaderConnection {
    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, BrokerError> {
        let connection = Arc::clone(&self.connection);
        let done = tokio::task::spawn_blocking(move || {
            work(&connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        let done = done.await.map_err(|error| BrokerError::Away(format!("the local file: {error}")))?;
        done.map_err(|error| file::failed(&error, &self.path))
    }
}

impl Lead {
    pub(in crate::broker) async fn state(&self) -> Result<Option<Vec<u8>>, BrokerError> {
        let name = self.name.clone();
        self.file.call(move |connection| read_state(connection, &name)).await
    }

    pub(in crate::broker) async fn persist(&self, state: Vec<u8>) -> Result<(), BrokerError> {
        let name = self.name.clone();
        let sql = "insert into kept values (?1, ?2) on conflict do update set state = excluded.state";
        self.file.call(move |connection| connection.execute(sql, (name, state)).map(|_| ())).await
    }

    pub(in crate::broker) async fn next_request(&self) -> Result<RequestRow, BrokerError> {
        let sql = "select seq, body from orders where lead = ?1 and seq > ?2 and answer is null order by seq limit 1";
        loop {
            let (name, last) = (self.name.clone(), self.last.load(Ordering::Relaxed));
            let next = move |connection: &Connection| {
                let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
                connection.prepare_cached(sql)?.query_row((name, last), read).optional()
            };
            if let Some((seq, body)) = self.file.call(next).await? {
                self.last.store(seq, Ordering::Relaxed);
                return Ok(RequestRow { body, seq, file: self.file.clone() });
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

impl RequestRow {
    pub(in crate::broker) async fn reply(self, reply: Vec<u8>) -> Result<(), BrokerError> {
        let seq = self.seq;
        let sql = "update orders set answer = ?2 where seq = ?1";
        self.file.call(move |connection| connection.execute(sql, (seq, reply)).map(|_| ())).await
    }
}
