//! Every cause class has a real cause: each test leads from that cause through the running workers to the desk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indexer::desk::{self, Filter};
use indexer::{DeadLetterDesk, Enricher, Indexer};
use jiff::{SignedDuration, Timestamp};
use messages::zoom::{Event, MeetingContext, Task};
use messages::{CauseClass, DeadLetter, Document, Family, Job, Lane, Queue, Receipt, encode};
use runtime::broker::{Amqp, amqp};
use runtime::{
    Attempt, BatchLimits, Broker, Failure, Ladder, Message, Outbox, Role, RunError, Status, Worker, clock,
    run, run_batches,
};
use serde_json::{Value, json};
use simulator::{Simulator, ZoomSettings};
use store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use zoom::{Choice, DetailWorker, ListWorker, Zoom};

use crate::servers::{server, unique};

/// Attempts per message: few, because the tests are about what follows the last one.
const ATTEMPTS: u32 = 2;

/// All workers on one local file.
struct Site {
    broker: Broker,
    store: Store,
    roles: JoinSet<Result<(), RunError>>,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = runtime::broker::local::LocalBrokerSettings {
            folder: folder.path().to_owned(),
            ladder: Ladder { rungs: vec![Duration::from_millis(20)], attempts: ATTEMPTS },
            documents_limit: 1_000,
        };
        Self::with(Broker::Local(runtime::broker::Local::open(broker).unwrap()), folder)
    }

    fn with(broker: Broker, folder: tempfile::TempDir) -> Self {
        let store =
            store::local::LocalStoreSettings { folder: folder.path().to_owned(), prefix: String::new() };
        let store = Store::Local(store::Local::open(store).unwrap());
        let stop = CancellationToken::new();
        let mut site = Self { broker, store, roles: JoinSet::new(), stop, _folder: folder };
        let limits = BatchLimits { linger: Duration::from_millis(20), ..BatchLimits::default() };
        let index = site.role(Indexer::new(
            site.store.clone(),
            indexer::IndexerSettings::new("0.1.0"),
            Enricher::default(),
        ));
        site.roles.spawn(run_batches(index, Queue::documents(), limits));
        let desk = site.role(DeadLetterDesk::new(site.store.clone()));
        site.roles.spawn(run_batches(desk, Queue::dead(), limits));
        site
    }

    fn with_zoom(mut self, simulator: &Simulator) -> Self {
        let account = simulator.credentials();
        let config = zoom::Config {
            api_url: simulator.api_url(),
            oauth_url: simulator.oauth_url(),
            quota_speed: 0.0,
            source: Choice::Dashboard,
            webinars: true,
            ..zoom::Config::new(account.account_id, account.client_id, account.client_secret.into())
        };
        let zoom = Arc::new(Zoom::new(config).unwrap());
        let list = self.role(ListWorker(Arc::clone(&zoom)));
        self.roles.spawn(run(list, Family::ZOOM_LIST));
        let detail = self.role(DetailWorker(zoom));
        self.roles.spawn(run(detail, Family::ZOOM_DETAIL));
        self
    }

    fn with_odd(mut self) -> Self {
        let odd = self.role(Odd);
        self.roles.spawn(run(odd, Family::OPENCAST));
        self
    }

    fn role<W>(&self, worker: W) -> Role<W> {
        Role {
            worker: Arc::new(worker),
            broker: self.broker.clone(),
            permits: 1,
            status: Arc::new(Status::new("test")),
            stop: self.stop.clone(),
            grace: Duration::from_secs(5),
        }
    }

    /// Publishes a message and waits for its dead letter.
    async fn dies(mut self, message: Message) -> DeadLetter {
        self.broker.publish(vec![message]).await.unwrap();
        let begun = Instant::now();
        let letter = loop {
            if let Some(letter) = desk::list(&self.store, &Filter::default(), 10).await.unwrap().letters.pop()
            {
                break letter;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not die");
            assert!(self.roles.try_join_next().is_none(), "a role has ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        self.stop.cancel();
        while let Some(ended) = self.roles.join_next().await {
            ended.unwrap().unwrap();
        }
        letter
    }
}

/// A worker that panics or sends too large a message.
struct Odd;

impl Worker for Odd {
    const NAME: &'static str = "odd";
    type Job = Value;

    async fn perform(&self, job: Value, _: &mut Attempt, outbox: &mut Outbox) -> Result<(), Failure> {
        assert_ne!(job["do"], "crash", "as it was told");
        let body = vec![b'x'; runtime::broker::MAX_MESSAGE_BYTES + 1];
        outbox.send(Message::new(Queue::documents(), "large", body, clock::now())).await?;
        Ok(())
    }
}

async fn world(fault: &str) -> Simulator {
    let faults = if fault.is_empty() { Vec::new() } else { vec![fault.parse().unwrap()] };
    let settings = ZoomSettings {
        speed: 0.0,
        meetings_per_day: 5,
        webinar_addon: false,
        faults,
        ..ZoomSettings::default()
    };
    Simulator::start(settings).await.unwrap()
}

fn message(queue: Queue, id: &str, body: impl Into<Vec<u8>>) -> Message {
    Message::new(queue, id, body.into(), clock::now())
}

fn job(task: Task) -> Message {
    let queue = Queue::jobs(task.family(), Lane::Daily);
    let job: Job<Task> = task.into_job("r".into(), Lane::Daily, clock::now());
    message(queue, job.id.as_str(), encode(&job).unwrap())
}

/// A detail job of a meeting of `simulator` with `end` as its known end.
fn detail(simulator: &Simulator, end: Option<Timestamp>) -> Message {
    let truth = simulator.truth(crate::program::closed_date().parse().unwrap(), simulator::Source::Dashboard);
    let ids = truth.ids.unwrap();
    let uuid = ids.meeting_uuids.iter().chain(&ids.gone).next().unwrap();
    job(Task::Participants {
        meeting: MeetingContext {
            meeting_uuid: uuid.parse().unwrap(),
            series_id: None,
            topic: None,
            start_time: None,
            end_time: end,
            host_id: None,
        },
        event: Event::Meeting,
        listing: Some(messages::zoom::Listing::Past),
        api: None,
        date: None,
        header: false,
    })
}

fn long_ago() -> Option<Timestamp> {
    clock::now().checked_sub(SignedDuration::from_hours(20)).ok()
}

/// A receipt with a count that exceeds every field type of the store.
fn too_many() -> Message {
    let date = crate::program::closed_date().parse().unwrap();
    let job: Job<Task> = Task::Meetings { date }.into_job("r".into(), Lane::Daily, clock::now());
    let receipt = Receipt { expected: Some(u64::MAX), ..job.planned().unwrap() };
    message(Queue::documents(), "receipt", encode(&Document::Receipts(vec![receipt])).unwrap())
}

/// A waiting job of a RabbitMQ with a policy that has messages expire at once; `None` without a server.
async fn expired() -> Option<DeadLetter> {
    let (url, management) = server("UA_TEST_AMQP_URL").zip(server("UA_TEST_AMQP_MANAGEMENT_URL"))?;
    let mut settings = amqp::AmqpSettings::new(url.into());
    settings.prefix = unique("t");
    let jobs = Queue::jobs(Family::ZOOM_DETAIL, Lane::Backfill);
    let name = jobs.as_str().replacen("ua", &settings.prefix, 1);
    let policy = json!({
        "pattern": format!("^{name}$"), "definition": {"message-ttl": 1}, "apply-to": "queues"
    });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let path = format!("{management}/api/policies/%2F/{}", settings.prefix);
    // Before the queue: only messages that come later expire.
    let put = http.put(&path).header("content-type", "application/json").body(policy.to_string());
    put.send().await.unwrap().error_for_status().unwrap();
    let amqp = Amqp::connect(settings).await.unwrap();
    let site = Site::with(Broker::Amqp(amqp.clone()), tempfile::tempdir().unwrap());
    let letter = site.dies(message(jobs.clone(), "zoom:participants:x", "{}")).await;
    http.delete(&path).send().await.unwrap().error_for_status().unwrap();
    amqp.remove().await.unwrap();
    Broker::Amqp(amqp).close().await;
    assert_eq!(letter.origin, jobs);
    Some(letter)
}

/// Produces the real cause of each class; returns the dead letter, `None` without the server that the class needs.
async fn letter_of(class: CauseClass) -> Option<DeadLetter> {
    let jobs = Queue::jobs(Family::ZOOM_LIST, Lane::Daily);
    let odd = |what: &str| {
        message(Queue::jobs(Family::OPENCAST, Lane::Daily), "odd", json!({"do": what}).to_string())
    };
    let detail_of = async |fault: &str, end| {
        let simulator = world(fault).await;
        let letter = Site::new().with_zoom(&simulator).dies(detail(&simulator, end)).await;
        simulator.stop().await;
        letter
    };
    let letter = match class {
        CauseClass::RemovedByPolicy => return expired().await,
        CauseClass::Gone => detail_of("gone=1", long_ago()).await,
        CauseClass::Forbidden => detail_of("forbidden=1", long_ago()).await,
        CauseClass::NotReadyExpired => detail_of("gone=1", None).await,
        CauseClass::HtmlBlocked => detail_of("502-html=1", long_ago()).await,
        CauseClass::AttemptsSpent => detail_of("500=1", long_ago()).await,
        CauseClass::PlanMissing => {
            let simulator = world("").await;
            let webinars = job(Task::Webinars { date: crate::program::closed_date().parse().unwrap() });
            let letter = Site::new().with_zoom(&simulator).dies(webinars).await;
            simulator.stop().await;
            letter
        }
        CauseClass::BadShape => {
            let simulator = world("").await;
            let letter = Site::new().with_zoom(&simulator).dies(message(jobs, "x", "no job")).await;
            simulator.stop().await;
            letter
        }
        CauseClass::UnknownVersion => {
            Site::new().dies(message(Queue::documents(), "x", r#"{"raw":{"version":9}}"#)).await
        }
        CauseClass::MappingRefused => Site::new().dies(too_many()).await,
        CauseClass::TooLarge => Site::new().with_odd().dies(odd("too much")).await,
        CauseClass::CrashedWorker => Site::new().with_odd().dies(odd("crash")).await,
    };
    Some(letter)
}

async fn is_made(class: CauseClass, status: Option<u16>) {
    let Some(letter) = letter_of(class).await else { return };
    assert_eq!((letter.cause.class, letter.cause.http_status()), (class, status), "{}", letter.cause);
    assert!(!letter.cause.text.is_empty() && !letter.cause.text.contains('\n'), "{}", letter.cause);
}

macro_rules! each {
    ($($class:ident $name:ident $status:expr;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                is_made(CauseClass::$class, $status).await;
            }
        )*

        #[test]
        fn no_class_is_left_out() {
            assert_eq!([$(CauseClass::$class),*], CauseClass::ALL);
        }
    };
}

each! {
    Gone gone Some(404);
    Forbidden forbidden Some(403);
    NotReadyExpired not_ready_expired Some(404);
    PlanMissing plan_missing Some(200);
    HtmlBlocked html_blocked Some(502);
    BadShape bad_shape None;
    MappingRefused mapping_refused None;
    TooLarge too_large None;
    CrashedWorker crashed_worker None;
    AttemptsSpent attempts_spent Some(500);
    UnknownVersion unknown_version None;
    RemovedByPolicy removed_by_policy None;
}
