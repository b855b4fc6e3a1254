//! The roles of a process: builds them from parts, starts and stops them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use indexer::{DeadLetterDesk, Enricher, Indexer};
use messages::{Family, Queue};
use planner::Schedule;
use runtime::{BatchLimits, Broker, Policy, Role, RunError, Snapshot, Status, Worker, run, run_batches};
use store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::config::Config;
use crate::scheduler::Scheduler;
use crate::sources::Fetcher;
use crate::{clocks, presence};

/// Maximum age of an incomplete batch, and the pause without a message that ends it earlier.
const LINGER: Duration = Duration::from_secs(1);
const LULL: Duration = Duration::from_millis(100);

/// Batch limits of the index role. A page has some hundred kilobytes and becomes several bulk requests, so larger
/// batches cost memory without being faster.
const DOCUMENTS: BatchLimits =
    BatchLimits { prefetch: 32, messages: 1_000, bytes: 1 << 20, linger: LINGER, lull: LULL };

/// Batch limits of the dead-letter desk: mostly jobs of some hundred bytes, at times pages of up to 15 MiB. RabbitMQ
/// bounds what it sends ahead by the number of messages only: 32 of them have at most 480 MiB.
const DEAD_LETTERS: BatchLimits =
    BatchLimits { prefetch: 32, messages: 256, bytes: 2 << 20, linger: LINGER, lull: LULL };

/// The parts from which [`Parts::start`] builds the roles of a process.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The broker that holds jobs and documents.
    pub broker: Broker,
    /// The store to index into and to read receipts from.
    pub store: Store,
    /// The sources that this process fetches from.
    pub fetchers: Vec<Arc<dyn Fetcher>>,
    /// The enricher; set if this process indexes documents and dead letters.
    pub index: Option<Enricher>,
    /// The schedule; set if this process plans.
    pub schedule: Option<Schedule>,
    /// How long its roles tolerate refusals.
    pub policy: Policy,
}

/// Starts the roles of a source; passed to `Fetcher::start`.
#[derive(Debug)]
pub struct Roles<'a> {
    parts: &'a Parts,
    config: &'a Config,
    grace: Duration,
    running: &'a mut Running,
}

/// The running roles of a process.
#[derive(Debug)]
pub struct Running {
    statuses: Vec<Arc<Status>>,
    tasks: JoinSet<Result<(), RunError>>,
    stop: CancellationToken,
    /// Answers presence requests while roles run.
    answering: Option<AbortOnDropHandle<()>>,
    /// Compares this machine's clock with the store's while roles run.
    watching: Option<AbortOnDropHandle<()>>,
}

impl Parts {
    /// Starts the roles. `stop` ends them; each role requeues what it cannot finish within `grace`.
    pub fn start(self, config: &Config, stop: &CancellationToken, grace: Duration) -> Running {
        let mut running = Running {
            statuses: Vec::new(),
            tasks: JoinSet::new(),
            stop: stop.clone(),
            answering: None,
            watching: None,
        };
        for fetcher in &self.fetchers {
            let mut roles = Roles { parts: &self, config, grace, running: &mut running };
            Arc::clone(fetcher).start(&mut roles);
        }
        if let Some(enricher) = &self.index {
            let indexer = Indexer::new(self.store.clone(), indexer_settings(config), enricher.clone());
            let index = self.role(indexer, 3, "index", &mut running, grace);
            let index_status = Arc::clone(&index.status);
            running.tasks.spawn(run_batches(index, Queue::documents(), DOCUMENTS));
            let worker = DeadLetterDesk::new(self.store.clone());
            let desk = self.role(worker, 2, "index.dead", &mut running, grace);
            desk.status.trusts(&index_status);
            running.tasks.spawn(run_batches(desk, Queue::dead(), DEAD_LETTERS));
        }
        if let Some(schedule) = self.schedule.clone() {
            let status = Arc::new(Status::new("schedule"));
            running.statuses.push(Arc::clone(&status));
            running.tasks.spawn(self.scheduler(schedule, config, status).run(stop.clone()));
        }
        let watching = clocks::watch(self.store.clone(), stop.clone());
        running.watching = Some(AbortOnDropHandle::new(tokio::spawn(watching)));
        let fetchers = self.fetchers.clone();
        let quota = move || fetchers.iter().flat_map(|fetcher| fetcher.quotas()).collect();
        let answering = presence::serve(self.broker.clone(), running.statuses.clone(), quota, stop.clone());
        running.answering = Some(AbortOnDropHandle::new(tokio::spawn(answering)));
        running
    }

    fn scheduler(&self, schedule: Schedule, config: &Config, status: Arc<Status>) -> Scheduler {
        let (broker, store) = (self.broker.clone(), self.store.clone());
        Scheduler { schedule, config: config.clone(), broker, store, status }
    }

    fn role<W>(
        &self,
        worker: W,
        permits: usize,
        name: &'static str,
        running: &mut Running,
        grace: Duration,
    ) -> Role<W> {
        let status = Arc::new(Status::with_policy(name, self.policy));
        running.statuses.push(Arc::clone(&status));
        let (broker, stop) = (self.broker.clone(), running.stop.clone());
        Role { worker: Arc::new(worker), broker, permits, status, stop, grace }
    }
}

impl<'a> Roles<'a> {
    pub(crate) fn config(&self) -> &'a Config {
        self.config
    }

    /// Starts a role with the name of `family`; it works on up to `permits` jobs at once.
    pub(crate) fn play<W: Worker>(&mut self, worker: W, permits: usize, family: Family) {
        let role = self.parts.role(worker, permits, family.name(), self.running, self.grace);
        self.running.tasks.spawn(run(role, family));
    }
}

fn indexer_settings(config: &Config) -> indexer::IndexerSettings {
    indexer::IndexerSettings {
        split: config.index_split,
        raw_days: config.raw_days,
        ..indexer::IndexerSettings::new(env!("CARGO_PKG_VERSION"))
    }
}

impl Running {
    /// Returns a snapshot of each role's status.
    pub fn snapshots(&self) -> Vec<Snapshot> {
        self.statuses.iter().map(|status| status.snapshot()).collect()
    }

    /// Returns the live status of each role.
    pub(crate) fn statuses(&self) -> Vec<Arc<Status>> {
        self.statuses.clone()
    }

    /// Waits until a role ends, by an error or after the stop.
    ///
    /// # Errors
    /// The error of the first role that failed.
    pub async fn ended(&mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.tasks.join_next().await {
            ended.context("a role died: please report this with the log")??;
        }
        Ok(())
    }

    /// Stops all roles and waits until each has finished or requeued its work.
    ///
    /// # Errors
    /// The error of the first role that failed.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        let first = self.ended().await;
        while !self.tasks.is_empty() {
            // Report only the first error: the others have the same cause or come from the stop.
            let _ = self.ended().await;
        }
        first
    }
}
