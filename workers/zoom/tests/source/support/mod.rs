//! Harvests without a worker loop: performs the list jobs, then every job they publish, and collects the results.

pub(crate) mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::civil::Date;
use messages::zoom::Task;
use messages::{Calls, Document, Family, Job, Lane, Queue, RawKind, Receipt, ReceiptState, RunId, decode};
use runtime::broker::{Subscription, local};
use runtime::{Attempt, Broker, Failure, Ladder, Message, Outbox, Worker as _, clock};
use secrecy::SecretString;
use serde_json::Value;
use simulator::{Simulator, ZoomSettings};
use tokio_util::sync::CancellationToken;
use zoom::{Choice, Config, DetailWorker, ListWorker, Zoom, ZoomPlan};

/// A decoded raw document.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) id: String,
    pub(crate) kind: RawKind,
    pub(crate) endpoint: String,
    pub(crate) context: Value,
    pub(crate) body: Value,
}

/// Results of a harvest.
#[derive(Debug, Default)]
pub(crate) struct Harvest {
    /// Raw documents by id; later ones overwrite earlier ones, as in the store.
    pub(crate) raw: BTreeMap<String, Raw>,
    /// The last receipt of every job, and all its states.
    pub(crate) receipts: BTreeMap<String, Receipt>,
    pub(crate) states: BTreeMap<String, Vec<ReceiptState>>,
    pub(crate) dead: Vec<Message>,
    /// Failed jobs, with the failure of their last attempt.
    pub(crate) failed: Vec<(String, Failure)>,
}

impl Harvest {
    pub(crate) fn of_kind(&self, kind: RawKind) -> impl Iterator<Item = &Raw> {
        self.raw.values().filter(move |raw| raw.kind == kind)
    }

    /// Returns the uuids in the pages of a kind.
    pub(crate) fn uuids(&self, kind: RawKind, member: &str) -> BTreeSet<String> {
        let rows = self.of_kind(kind).flat_map(|raw| raw.body[member].as_array().unwrap());
        rows.map(|row| row["uuid"].as_str().unwrap().to_owned()).collect()
    }

    /// Returns `uuid/user_id` of all sessions in the pages of a kind.
    pub(crate) fn sessions(&self, kind: RawKind) -> BTreeSet<String> {
        let rows = self.of_kind(kind).flat_map(|raw| {
            let uuid = raw.context["meeting_uuid"].as_str().unwrap();
            let rows = raw.body["participants"].as_array().unwrap();
            rows.iter().map(move |row| format!("{uuid}/{}", row["user_id"].as_str().unwrap()))
        });
        rows.collect()
    }

    pub(crate) fn receipt(&self, id: &str) -> &Receipt {
        self.receipts.get(id).unwrap_or_else(|| panic!("no receipt of {id}"))
    }
}

/// A source and a broker.
pub(crate) struct Bench {
    pub(crate) zoom: Arc<Zoom>,
    pub(crate) broker: Broker,
    _folder: tempfile::TempDir,
}

pub(crate) fn config(simulator: &Simulator) -> Config {
    let credentials = simulator.credentials();
    let secret = SecretString::from(credentials.client_secret);
    Config {
        api_url: simulator.api_url(),
        oauth_url: simulator.oauth_url(),
        plan: ZoomPlan::Business,
        quota_speed: 0.0,
        request_timeout: Duration::from_secs(5),
        ..Config::new(credentials.account_id, credentials.client_id, secret)
    }
}

/// A small simulated account without quotas.
pub(crate) fn settings() -> ZoomSettings {
    ZoomSettings {
        seed: 7,
        hosts: 12,
        meetings_per_day: 40,
        participants: 5.0,
        speed: 0.0,
        ..ZoomSettings::default()
    }
}

/// Returns the UTC date two days before this test process began. Lists of it are final at any hour.
pub(crate) fn closed_date() -> Date {
    static DATE: LazyLock<Date> = LazyLock::new(|| {
        let today = jiff::tz::Offset::UTC.to_datetime(clock::now()).date();
        today.saturating_sub(jiff::Span::new().days(2))
    });
    *DATE
}

pub(crate) fn meetings(date: Date) -> Task {
    Task::Meetings { date }
}

pub(crate) fn job(task: Task) -> Job<Task> {
    task.into_job(RunId::from("run"), Lane::Backfill, clock::now())
}

pub(crate) fn first_attempt() -> Attempt {
    attempt(1, Calls::default())
}

/// Returns an attempt of seven, after the given calls.
pub(crate) fn attempt(number: u32, calls: Calls) -> Attempt {
    Attempt { number, last: number == 7, started_at: clock::now(), calls }
}

impl Bench {
    pub(crate) fn new(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = local::LocalBrokerSettings {
            folder: folder.path().to_owned(),
            ladder: Ladder::default(),
            documents_limit: 1_000_000,
        };
        let broker = Broker::Local(runtime::broker::Local::open(settings).unwrap());
        Self { zoom: Arc::new(Zoom::new(config).unwrap()), broker, _folder: folder }
    }

    pub(crate) fn outbox(&self) -> Outbox {
        Outbox::new(self.broker.clone(), CancellationToken::new())
    }

    /// Performs one attempt with the worker of the job's family.
    pub(crate) async fn perform(&self, job: Job<Task>, mut attempt: Attempt) -> Result<(), Failure> {
        self.perform_at(job, &mut attempt).await
    }

    async fn perform_at(&self, job: Job<Task>, attempt: &mut Attempt) -> Result<(), Failure> {
        let mut outbox = self.outbox();
        let outcome = match job.task.family() {
            Family::ZOOM_LIST => ListWorker(Arc::clone(&self.zoom)).perform(job, attempt, &mut outbox).await,
            _ => DetailWorker(Arc::clone(&self.zoom)).perform(job, attempt, &mut outbox).await,
        };
        outbox.flush().await.unwrap();
        outcome
    }

    /// Attempts the job until it succeeds or fails for good, without delays.
    pub(crate) async fn carry_out(&self, job: Job<Task>, harvest: &mut Harvest) {
        let mut calls = Calls::default();
        for number in 1..=7 {
            let mut attempt = attempt(number, calls);
            let outcome = self.perform_at(job.clone(), &mut attempt).await;
            calls = attempt.calls;
            match outcome {
                Ok(()) => return,
                Err(Failure::Retry { .. }) if number < 7 => {}
                Err(failure) => {
                    harvest.failed.push((job.id.to_string(), failure));
                    return;
                }
            }
        }
    }

    /// Performs the jobs and those they publish, then reads the documents.
    pub(crate) async fn harvest(&self, tasks: Vec<Task>) -> Harvest {
        let mut harvest = Harvest::default();
        let mut jobs: Vec<_> = tasks.into_iter().map(job).collect();
        while !jobs.is_empty() {
            for job in std::mem::take(&mut jobs) {
                self.carry_out(job, &mut harvest).await;
            }
            let queue = Queue::jobs(Family::ZOOM_DETAIL, Lane::Backfill);
            for message in self.drain(queue).await {
                let published: Job<Task> = decode(&message.body).unwrap();
                assert_eq!(published.id.as_str(), message.headers.message_id);
                jobs.push(published);
            }
        }
        for message in self.drain(Queue::documents()).await {
            harvest.take(&message);
        }
        harvest.dead = self.drain(Queue::dead()).await;
        harvest
    }

    /// Takes all messages of a queue.
    pub(crate) async fn drain(&self, queue: Queue) -> Vec<Message> {
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
                assert!(raw.fetched_at <= clock::now());
                let raw = Raw {
                    id: raw.id.to_string(),
                    kind: raw.kind,
                    endpoint: raw.endpoint.to_string(),
                    context: serde_json::from_str(raw.context.get()).unwrap(),
                    body: serde_json::from_str(raw.body.get()).unwrap(),
                };
                self.raw.insert(raw.id.clone(), raw);
            }
            Document::Receipts(receipts) => {
                for receipt in receipts {
                    let id = receipt.job_id.to_string();
                    self.states.entry(id.clone()).or_default().push(receipt.state);
                    self.receipts.insert(id, receipt);
                }
            }
        }
    }
}

/// Creates a bench with the given choice of endpoints.
pub(crate) fn bench(simulator: &Simulator, source: Choice) -> Bench {
    Bench::new(Config { source, ..config(simulator) })
}
