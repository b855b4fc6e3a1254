//! The writing thread: concurrent calls share a transaction, and each returns after the commit.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::identity::Identity;
use crate::{FileError, truncate_log};

/// Interval of housekeeping.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// Interval at which the log is emptied. Until then it holds deleted data.
const EMPTY_LOG: Duration = Duration::from_secs(10);

/// Settings of a writing thread.
#[derive(Debug, Clone, Copy)]
pub struct Thread {
    /// Thread name, as the operating system shows it.
    pub name: &'static str,
    /// Maximum number of calls per transaction.
    pub group: usize,
}

/// Handle to the writing thread. The thread ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Writer {
    calls: mpsc::Sender<Box<dyn Step>>,
}

impl Writer {
    /// Starts the thread. `housekeeping` runs about every second and ends the thread by returning false.
    ///
    /// # Errors
    /// Returns an error if the file does not exist or the operating system cannot create a thread.
    pub fn start(
        connection: Connection,
        path: &Path,
        thread: Thread,
        housekeeping: impl FnMut(&Connection) -> bool + Send + 'static,
    ) -> std::io::Result<Self> {
        let (calls, queue) = mpsc::channel();
        let identity = Identity::of(path)?;
        let serving = Serving { connection, path: path.to_owned(), identity, group: thread.group };
        std::thread::Builder::new()
            .name(thread.name.to_owned())
            .spawn(move || serving.serve(&queue, housekeeping))?;
        Ok(Self { calls })
    }

    /// Runs `work` in the next transaction and returns its result after the commit. Dropping the future does not cancel
    /// the work.
    ///
    /// # Errors
    /// Returns an error if the work or the commit fails, which rolls back the whole transaction, or if the thread has
    /// ended.
    pub async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, FileError> {
        let (reply, committed) = oneshot::channel();
        let closed = || FileError::Away("the local file is closed".to_owned());
        self.calls.send(Box::new(Call { work: Some(work), value: None, reply })).map_err(|_| closed())?;
        committed.await.map_err(|_| closed())?
    }

    /// Like [`Writer::call`], without waiting: for `drop`.
    pub fn cast(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static) {
        let (reply, _) = oneshot::channel();
        // After the end of the thread there is nothing to do.
        let _ = self.calls.send(Box::new(Call { work: Some(work), value: None, reply }));
    }
}

/// A call that runs inside the shared transaction and receives the outcome of the commit.
trait Step: Send {
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    fn done(self: Box<Self>, committed: Result<(), FileError>);
}

struct Call<T, F> {
    work: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, FileError>>,
}

impl<T: Send, F: FnOnce(&Connection) -> rusqlite::Result<T> + Send> Step for Call<T, F> {
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if let Some(work) = self.work.take() {
            self.value = Some(work(connection)?);
        }
        Ok(())
    }

    fn done(self: Box<Self>, committed: Result<(), FileError>) {
        let value = self.value.ok_or_else(|| FileError::Away("the local file: rolled back".to_owned()));
        // A send error means that the caller was cancelled.
        let _ = self.reply.send(committed.and(value));
    }
}

struct Serving {
    connection: Connection,
    path: PathBuf,
    identity: Identity,
    group: usize,
}

impl Serving {
    fn serve(self, queue: &Receiver<Box<dyn Step>>, mut housekeeping: impl FnMut(&Connection) -> bool) {
        let (mut looked, mut emptied) = (Instant::now(), Instant::now());
        loop {
            match queue.recv_timeout(HOUSEKEEPING) {
                Ok(first) => {
                    self.commit(std::iter::once(first).chain(queue.try_iter()).take(self.group).collect());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if emptied.elapsed() >= EMPTY_LOG && self.identity.is_still_at(&self.path) {
                emptied = Instant::now();
                // If the log is in use, the next interval retries.
                let _ = truncate_log(&self.path);
            }
            if looked.elapsed() >= HOUSEKEEPING {
                looked = Instant::now();
                if !housekeeping(&self.connection) {
                    return;
                }
            }
        }
    }

    fn commit(&self, mut steps: Vec<Box<dyn Step>>) {
        if !self.identity.is_still_at(&self.path) {
            return steps.into_iter().for_each(|step| step.done(Err(FileError::replaced(&self.path))));
        }
        let connection = &self.connection;
        let outcome = (|| {
            connection.execute_batch("begin immediate")?;
            steps.iter_mut().try_for_each(|step| step.run(connection))?;
            connection.execute_batch("commit")
        })();
        if outcome.is_err() && !connection.is_autocommit() {
            // If the rollback fails, the next `begin` reports it.
            let _ = connection.execute_batch("rollback");
        }
        for step in steps {
            step.done(outcome.as_ref().copied().map_err(|error| FileError::new(error, &self.path)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREAD: Thread = Thread { name: "ua-test", group: 8 };

    fn start(housekeeping: impl FnMut(&Connection) -> bool + Send + 'static) -> (Writer, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ua.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("create table things (thing integer unique)").unwrap();
        (Writer::start(connection, &path, THREAD, housekeeping).unwrap(), folder)
    }

    fn insert(thing: i64) -> impl FnOnce(&Connection) -> rusqlite::Result<usize> + Send + 'static {
        move |connection| connection.execute("insert into things values (?1)", [thing])
    }

    #[tokio::test]
    async fn a_call_that_fails_leaves_nothing_behind_and_the_next_one_goes() {
        let (writer, _folder) = start(|_| true);
        assert_eq!(writer.call(insert(1)).await, Ok(1));
        let twice = writer.call(|connection| insert(2)(connection).and_then(|_| insert(1)(connection))).await;
        assert!(matches!(&twice, Err(FileError::Away(why)) if why.contains("UNIQUE")), "{twice:?}");
        let things = "select group_concat(thing) from things";
        let left =
            writer.call(move |connection| connection.query_row(things, [], |row| row.get::<_, String>(0)));
        assert_eq!(left.await, Ok("1".to_owned()));
    }

    #[tokio::test]
    async fn a_file_that_is_deleted_or_replaced_takes_no_more_calls() {
        for replace in [false, true] {
            let (writer, folder) = start(|_| true);
            let path = folder.path().join("ua.db");
            assert_eq!(writer.call(insert(1)).await, Ok(1));
            let kept = folder.path().join("kept.db");
            std::fs::rename(&path, &kept).unwrap();
            if replace {
                std::fs::copy(&kept, &path).unwrap();
            }
            let refused = writer.call(insert(2)).await;
            assert!(
                matches!(&refused, Err(FileError::Gone(why)) if why.contains("ua.db was deleted or replaced")),
                "{refused:?}"
            );
            std::fs::rename(&kept, &path).unwrap();
            assert_eq!(writer.call(insert(2)).await, Ok(1), "the file is back");
        }
    }

    #[tokio::test]
    async fn calls_that_come_together_are_all_told() {
        let (writer, _folder) = start(|_| true);
        let calls: Vec<_> = (0..50)
            .map(|thing| {
                let writer = writer.clone();
                tokio::spawn(async move { writer.call(insert(thing)).await })
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.unwrap(), Ok(1));
        }
        writer.cast(|connection| insert(99)(connection).map(|_| ()));
        let count = |connection: &Connection| {
            connection.query_row("select count(*) from things", [], |row| row.get::<_, i64>(0))
        };
        assert_eq!(writer.call(count).await, Ok(51), "what was cast before is done before");
    }

    #[tokio::test]
    async fn housekeeping_ends_the_thread_and_calls_are_told_that_it_is_over() {
        let (writer, _folder) = start(|_| false);
        let deadline = Instant::now() + Duration::from_secs(30);
        while writer.call(|_| Ok(())).await.is_ok() {
            assert!(Instant::now() < deadline, "it goes on");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(
            writer.call(|_| Ok(())).await,
            Err(FileError::Away("the local file is closed".to_owned()))
        );
    }
}
