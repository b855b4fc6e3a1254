//! Test bench: a source, a broker, and the results of jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use messages::opencast::{ActionsContext, EpisodeContext, Task};
use messages::{Calls, Document, Family, Job, Lane, Queue, RawKind, Receipt, ReceiptState, RunId, decode};
use opencast::{Config, Opencast, OpencastWorker};
use opencast_wire::{Action, Episode, actions};
use runtime::broker::{Subscription, local};
use runtime::{Attempt, Broker, Failure, Ladder, Message, Outbox, Worker as _, clock};
use secrecy::SecretString;
use serde_json::value::RawValue;
use simulator::opencast as fake;
use tokio_util::sync::CancellationToken;

/// A decoded raw document.
pub(crate) struct Raw {
    pub(crate) kind: RawKind,
    pub(crate) context: Box<RawValue>,
    pub(crate) body: Box<RawValue>,
    /// The answer as received.
    pub(crate) answer: Vec<u8>,
}

/// Results of jobs.
#[derive(Default)]
pub(crate) struct Harvest {
    /// Raw documents by id; later ones overwrite earlier ones, as in the store.
    pub(crate) raw: BTreeMap<String, Raw>,
    /// The last receipt of every job.
    pub(crate) receipts: BTreeMap<String, Receipt>,
    pub(crate) dead: Vec<Message>,
    pub(crate) failed: Vec<Failure>,
}

impl Harvest {
    /// Returns the ids of all actions.
    pub(crate) fn action_ids(&self) -> BTreeSet<i64> {
        let pages = self.raw.values().filter(|raw| raw.kind == RawKind::OpencastActions);
        let rows = pages.flat_map(|raw| actions::page(&raw.body).unwrap().rows);
        rows.filter_map(|row| Action::read(row).ok()).map(|action| action.id).collect()
    }

    /// Returns the episodes in the contexts of action pages.
    pub(crate) fn facts(&self) -> BTreeSet<String> {
        let pages = self.raw.values().filter(|raw| raw.kind == RawKind::OpencastActions);
        let contexts = pages.map(|raw| serde_json::from_str::<ActionsContext>(raw.context.get()).unwrap());
        contexts.flat_map(|context| context.episodes.into_keys()).map(|mpid| mpid.to_string()).collect()
    }

    /// Returns the episodes sent as documents.
    pub(crate) fn episodes(&self) -> BTreeMap<String, EpisodeContext> {
        let raws = self.raw.values().filter(|raw| raw.kind == RawKind::OpencastEpisode);
        let read = |raw: &Raw| {
            let episode = Episode::read(&raw.body).unwrap();
            (episode.mpid.to_string(), serde_json::from_str(raw.context.get()).unwrap())
        };
        raws.map(read).collect()
    }

    pub(crate) fn receipt(&self, id: &str) -> &Receipt {
        self.receipts.get(id).unwrap_or_else(|| panic!("no receipt of {id}"))
    }
}

/// A source and a broker.
pub(crate) struct Bench {
    pub(crate) opencast: Arc<Opencast>,
    broker: Broker,
    _folder: tempfile::TempDir,
}

pub(crate) fn config(server: &fake::Opencast) -> Config {
    let credentials = server.credentials();
    Config {
        admin_url: Some(server.url()),
        user: credentials.user,
        password: SecretString::from(credentials.password),
        calls_per_second: 0.0,
        request_timeout: Duration::from_secs(10),
        absent_after: Duration::ZERO,
        ..Config::new(server.url())
    }
}

/// Returns a small simulated server.
pub(crate) fn settings() -> fake::OpencastSettings {
    // Shortly before the turn of a minute, for which a complete day waits.
    let now = Some("2026-03-20T12:00:57Z".parse().unwrap());
    fake::OpencastSettings {
        seed: 7,
        actions_per_day: 700,
        episodes: 30,
        history_days: 3,
        now,
        ..fake::OpencastSettings::default()
    }
}

pub(crate) fn date() -> Date {
    "2026-03-19".parse().unwrap()
}

pub(crate) fn whole(date: Date) -> Task {
    Task::actions(date, None)
}

pub(crate) fn first_attempt() -> Attempt {
    attempt(1, Calls::default())
}

fn attempt(number: u32, calls: Calls) -> Attempt {
    Attempt { number, last: number == 7, started_at: clock::now(), calls }
}

fn broker(folder: &Path, documents_limit: usize) -> Broker {
    let (folder, ladder) = (folder.to_owned(), Ladder::default());
    let settings = local::LocalBrokerSettings { folder, ladder, documents_limit };
    Broker::Local(runtime::broker::Local::open(settings).unwrap())
}

impl Bench {
    pub(crate) fn new(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = broker(folder.path(), 1_000_000);
        Self { opencast: Arc::new(Opencast::new(config).unwrap()), broker, _folder: folder }
    }

    /// Performs one attempt at a job.
    pub(crate) async fn perform(&self, task: Task, mut attempt: Attempt) -> Result<(), Failure> {
        self.perform_at(task, &mut attempt).await
    }

    async fn perform_at(&self, task: Task, attempt: &mut Attempt) -> Result<(), Failure> {
        let job = task.into_job(RunId::from("run"), Lane::Daily, clock::now());
        let mut outbox = Outbox::new(self.broker.clone(), CancellationToken::new());
        let outcome = OpencastWorker(Arc::clone(&self.opencast)).perform(job, attempt, &mut outbox).await;
        outbox.flush().await.unwrap();
        outcome
    }

    /// Performs one attempt whose documents the broker refuses and which is stopped; returns the failure.
    pub(crate) async fn perform_without_room(&self, task: Task) -> Failure {
        let folder = tempfile::tempdir().unwrap();
        let (broker, stop) = (broker(folder.path(), 1), CancellationToken::new());
        stop.cancel();
        let job = task.into_job(RunId::from("run"), Lane::Daily, clock::now());
        let mut outbox = Outbox::new(broker, stop);
        let worker = OpencastWorker(Arc::clone(&self.opencast));
        worker.perform(job, &mut first_attempt(), &mut outbox).await.unwrap_err()
    }

    /// Performs jobs and those they publish, with up to seven immediate attempts each, and reads the documents.
    pub(crate) async fn harvest(&self, mut tasks: Vec<Task>) -> Harvest {
        let mut harvest = Harvest::default();
        while !tasks.is_empty() {
            for task in std::mem::take(&mut tasks) {
                let mut calls = Calls::default();
                for number in 1..=7 {
                    let mut attempt = attempt(number, calls);
                    let outcome = self.perform_at(task.clone(), &mut attempt).await;
                    calls = attempt.calls;
                    match outcome {
                        Ok(()) => break,
                        Err(Failure::Retry { .. }) if number < 7 => {}
                        Err(failure) => {
                            harvest.failed.push(failure);
                            break;
                        }
                    }
                }
            }
            for message in self.drain(Queue::jobs(Family::OPENCAST, Lane::Daily)).await {
                tasks.push(decode::<Job<Task>>(&message.body).unwrap().task);
            }
        }
        for message in self.drain(Queue::documents()).await {
            harvest.take(&message);
        }
        harvest.dead = self.drain(Queue::dead()).await;
        harvest
    }

    async fn drain(&self, queue: Queue) -> Vec<Message> {
        let mut consumer =
            self.broker.consume(vec![Subscription { queue: queue.clone(), prefetch: 500 }]).await.unwrap();
        let mut messages = Vec::new();
        while self.broker.depth(&queue).await.unwrap().ready > 0 {
            for delivery in consumer.take(500).await.unwrap() {
                messages.push(delivery.message.clone());
                delivery.ack().await.unwrap();
            }
        }
        messages
    }
}

impl Harvest {
    fn take(&mut self, message: &Message) {
        match decode::<Document<'_>>(&message.body).unwrap() {
            Document::Raw(raw) => {
                assert_eq!(raw.id, message.headers.message_id);
                let answer = raw.answer().unwrap().into_owned();
                let (context, body) = (raw.context.to_owned(), raw.body.to_owned());
                let read = Raw { kind: raw.kind, context, body, answer };
                self.raw.insert(raw.id.to_string(), read);
            }
            Document::Receipts(receipts) => {
                for receipt in receipts {
                    if receipt.state != ReceiptState::Planned {
                        self.receipts.insert(receipt.job_id.to_string(), receipt);
                    }
                }
            }
        }
    }
}
