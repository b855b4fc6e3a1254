//! The local broker: queues as tables in one SQLite file, for one machine. Durable, with leases, delays and dead
//! letters. Several processes may share the file.

mod cancelled;
mod file;
mod inspect;
mod lead;
mod owner;
mod presence;
mod queue_filter;
mod rows;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use messages::Queue;
use tokio::sync::Notify;
use tracing::warn;

pub use self::inspect::{Inspection, inspect};
pub use self::lead::{Lead, RequestRow};

use self::file::Writer;
use self::owner::Owner;
pub(super) use self::queue_filter::LocalFilter;
use super::{
    BrokerError, Delivery, Depth, Ladder, Lanes, Lease as AnyLease, PublishError, Subscription, lanes,
};
use crate::lift::Lifts;
use crate::{Headers, Message, clock};

/// Interval at which an idle consumer polls for messages of other processes.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Interval between attempts while the file is away.
const AWAY: Duration = Duration::from_secs(1);

/// Location and bounds of the local broker.
#[derive(Debug, Clone)]
pub struct LocalBrokerSettings {
    /// The data folder, which holds `ua.db`.
    pub folder: PathBuf,
    /// Rungs and attempts.
    pub ladder: Ladder,
    /// Maximum number of messages in `ua.documents`.
    pub documents_limit: usize,
}

/// A handle to the local broker; clones share it.
#[derive(Debug, Clone)]
pub struct Local {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    writer: Writer,
    owner: Arc<Owner>,
    alive: Arc<AtomicBool>,
    published: Notify,
    lifts: Lifts,
    settings: LocalBrokerSettings,
}

impl Local {
    /// Opens or creates `ua.db` in the data folder.
    ///
    /// # Errors
    /// When the folder is not writable or the file has a newer version.
    pub fn open(settings: LocalBrokerSettings) -> Result<Self, BrokerError> {
        let folder = &settings.folder;
        let refuse = |error: std::io::Error| {
            BrokerError::Misconfigured(format!(
                "cannot write to the data folder {}: {error} (UA_DATA_DIR)",
                folder.display()
            ))
        };
        onefile::private::folder(folder).map_err(refuse)?;
        let path = folder.join("ua.db");
        let connection = file::open(&path)?;
        let owner = Arc::new(Owner::register(&connection, &folder.join("owners")).map_err(refuse)?);
        owner.bury_the_dead(&connection).map_err(|error| file::failed(&error, &path))?;
        let alive = Arc::new(AtomicBool::new(true));
        let (watched, watcher) = (Arc::clone(&alive), Arc::clone(&owner));
        let writer = Writer::start(connection, &path, move |connection| {
            let alive = watched.load(Ordering::Acquire);
            if alive && let Err(error) = watcher.bury_the_dead(connection) {
                warn!(%error, "cannot look for crashed workers in the local file: {error}");
            }
            if alive && let Err(error) = rows::release_from_the_future(connection, clock::now()) {
                warn!(%error, "cannot look for messages of a wrong clock in the local file: {error}");
            }
            alive
        })
        .map_err(refuse)?;
        Ok(Self {
            inner: Arc::new(Inner {
                writer,
                owner,
                alive,
                published: Notify::new(),
                lifts: Lifts::default(),
                settings,
            }),
        })
    }

    pub(super) fn ladder(&self) -> &Ladder {
        &self.inner.settings.ladder
    }

    pub(super) fn documents_limit(&self) -> usize {
        self.inner.settings.documents_limit
    }

    pub(super) async fn publish(&self, batch: Vec<Message>) -> Result<(), PublishError> {
        if let Some(lost) = batch.iter().find(|message| !Queue::all().contains(&message.queue)) {
            return Err(PublishError::Unroutable { queue: lost.queue.clone() });
        }
        let limit = self.inner.settings.documents_limit;
        let now = clock::now();
        let rest = self.inner.writer.call(move |connection| {
            let documents = Queue::documents();
            let mut room = limit.saturating_sub(rows::count_up_to(connection, &documents, limit)?);
            let mut batch = batch.into_iter();
            for message in batch.by_ref() {
                if message.queue == documents && room == 0 {
                    return Ok(std::iter::once(message).chain(batch).collect());
                }
                room -= usize::from(message.queue == documents);
                rows::insert(connection, &message, now)?;
            }
            Ok(Vec::new())
        });
        let rest: Vec<Message> = rest.await?;
        self.inner.published.notify_waiters();
        match rest.first() {
            None => Ok(()),
            Some(_) => Err(PublishError::Full { queue: Queue::documents(), rest }),
        }
    }

    pub(super) fn consume(&self, subscriptions: Vec<Subscription>) -> Consumer {
        let queues: Vec<Queue> = subscriptions.into_iter().map(|subscription| subscription.queue).collect();
        let (owner, taken) = (self.inner.owner.id, queues.clone());
        self.inner.writer.cast(move |connection| rows::subscribe(connection, owner, &taken, true));
        Consumer { local: self.clone(), queues, turn: 0, away: false }
    }

    pub(super) async fn depth(&self, queue: &Queue) -> Result<Depth, BrokerError> {
        let queue = queue.clone();
        self.inner.writer.call(move |connection| rows::depth(connection, &queue, clock::now())).await
    }

    pub(super) async fn holds_any(&self, queues: &[Queue]) -> Result<bool, BrokerError> {
        for queue in queues {
            let Depth { ready, leased, delayed, .. } = self.depth(queue).await?;
            if ready + leased.unwrap_or(0) + delayed.unwrap_or(0) > 0 {
                return Ok(true);
            }
        }
        Ok(self.parked().await? > 0)
    }

    pub(super) async fn parked(&self) -> Result<u64, BrokerError> {
        self.inner.writer.call(|connection| rows::parked(connection, clock::now())).await
    }

    pub(super) async fn purge(&self, queue: &Queue) -> Result<(), BrokerError> {
        let queue = queue.clone();
        self.inner.writer.call(move |connection| rows::purge(connection, &queue)).await
    }

    pub(super) async fn crash(&self) {
        self.inner.alive.store(false, Ordering::Release);
        self.inner.owner.let_go();
    }

    pub(super) async fn close(&self) {
        if !self.inner.alive.swap(false, Ordering::AcqRel) {
            return;
        }
        let owner = self.inner.owner.id;
        match self.inner.writer.call(move |connection| rows::release(connection, owner, false)).await {
            Ok(()) => self.inner.owner.forget(),
            // The lock ends with this process; another process then releases its messages.
            Err(error) => warn!(%error, "cannot hand back what this process holds: {error}"),
        }
        let path = self.inner.settings.folder.join("ua.db");
        let synced = tokio::task::spawn_blocking(move || onefile::sync(&path)).await;
        if !matches!(synced, Ok(Ok(()))) {
            warn!("cannot sync the local file; after a loss of power its last moment may be missing");
        }
    }
}

/// Takes from the queues of one subscription.
#[derive(Debug)]
pub struct Consumer {
    local: Local,
    queues: Vec<Queue>,
    turn: u64,
    away: bool,
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let (owner, queues) = (self.local.inner.owner.id, std::mem::take(&mut self.queues));
        self.local.inner.writer.cast(move |connection| rows::subscribe(connection, owner, &queues, false));
    }
}

impl Consumer {
    pub(super) async fn take(&mut self, max: usize, of: Lanes) -> Result<Vec<Delivery>, BrokerError> {
        loop {
            let inner = Arc::clone(&self.local.inner);
            // Registered before the query, so that a publish between the query and the wait is not missed.
            let published = inner.published.notified();
            tokio::pin!(published);
            published.as_mut().enable();
            let (leased, due) = match self.look(max, of).await {
                Ok(found) => found,
                Err(BrokerError::Away(why)) if inner.alive.load(Ordering::Acquire) => {
                    self.wait_out(&why).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.away = false;
            if !leased.is_empty() {
                // Urgent-only takes do not advance the turn: the later lanes had no chance in them.
                self.turn += u64::from(of == Lanes::All);
                return Ok(leased);
            }
            let wait = due.map_or(LOOK_AGAIN, |due| due.min(LOOK_AGAIN));
            // Publish or timeout: query again in both cases.
            let _ = tokio::time::timeout(wait, published).await;
        }
    }

    /// Waits before the next attempt while the file is away (full disk, locked by another program). Logs once.
    async fn wait_out(&mut self, why: &str) {
        if !std::mem::replace(&mut self.away, true) {
            warn!("waiting for the local file: {why}");
        }
        tokio::time::sleep(AWAY).await;
    }

    async fn look(&self, max: usize, of: Lanes) -> Result<(Vec<Delivery>, Option<Duration>), BrokerError> {
        let inner = &self.local.inner;
        let order = lanes::order(self.turn, of.of(self.queues.len()));
        let queues: Vec<Queue> = order.into_iter().map(|lane| self.queues[lane].clone()).collect();
        let owner = inner.owner.id;
        // The leases are created inside the transaction's closure. If this call is cancelled after the commit, the
        // result is dropped with its receiver, and each dropped lease requeues its message.
        let local = self.local.clone();
        inner
            .writer
            .call(move |connection| {
                let now = clock::now();
                let mut leased = Vec::new();
                for queue in &queues {
                    leased.extend(rows::lease(connection, queue, owner, max - leased.len(), now)?);
                    if leased.len() >= max {
                        break;
                    }
                }
                let due = if leased.is_empty() { first_due(connection, &queues, now)? } else { None };
                Ok((leased.into_iter().map(|row| local.delivery(row)).collect(), due))
            })
            .await
    }
}

fn first_due(
    connection: &rusqlite::Connection,
    queues: &[Queue],
    now: Timestamp,
) -> rusqlite::Result<Option<Duration>> {
    let mut first: Option<i64> = None;
    for queue in queues {
        first = first.into_iter().chain(rows::next_due(connection, queue)?).min();
    }
    Ok(first.map(|due| Duration::from_millis(u64::try_from(due - now.as_millisecond()).unwrap_or(0).max(1))))
}

impl Local {
    fn delivery(&self, row: rows::Leased) -> Delivery {
        let lease = Lease {
            local: self.clone(),
            seq: row.seq,
            id: row.message.headers.message_id.clone(),
            held: true,
        };
        Delivery::new(row.message, row.crashes, AnyLease::Local(lease), self.ladder().clone())
    }
}

/// A lease on one message. Dropping it unsettled requeues the message without counting a crash.
#[derive(Debug)]
pub(super) struct Lease {
    local: Local,
    seq: i64,
    id: String,
    held: bool,
}

impl Lease {
    pub(super) async fn ack(self) -> Result<(), BrokerError> {
        self.settle(rows::remove).await
    }

    pub(super) async fn park(self, headers: Headers, delay: Duration) -> Result<(), BrokerError> {
        let due = clock::now() + delay;
        self.settle(move |connection, seq, owner| rows::park(connection, seq, owner, &headers, due)).await
    }

    pub(super) async fn dead_letter(self, dead: Message) -> Result<(), BrokerError> {
        let local = self.local.clone();
        self.settle(move |connection, seq, owner| rows::dead_letter(connection, seq, owner, &dead)).await?;
        local.inner.published.notify_waiters();
        Ok(())
    }

    pub(super) async fn requeue(self, headers: Headers) -> Result<(), BrokerError> {
        let local = self.local.clone();
        let calls = headers.calls;
        self.settle(move |connection, seq, owner| rows::requeue_after(connection, seq, owner, &calls))
            .await?;
        local.inner.published.notify_waiters();
        Ok(())
    }

    async fn settle(
        mut self,
        work: impl FnOnce(&rusqlite::Connection, i64, i64) -> rusqlite::Result<bool> + Send + 'static,
    ) -> Result<(), BrokerError> {
        let (seq, owner) = (self.seq, self.local.inner.owner.id);
        let held = self.local.inner.writer.call(move |connection| work(connection, seq, owner)).await?;
        self.held = false;
        if held { Ok(()) } else { Err(BrokerError::LeaseLost(self.id.clone())) }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.held && self.local.inner.alive.load(Ordering::Acquire) {
            let (seq, owner) = (self.seq, self.local.inner.owner.id);
            self.local.inner.writer.cast(move |connection| rows::requeue(connection, seq, owner).map(|_| ()));
        }
    }
}
