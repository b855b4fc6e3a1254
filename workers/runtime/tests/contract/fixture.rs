//! A fresh, isolated broker for each case, further handles to it that stand for other processes, and common steps of
//! cases.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use messages::{Family, Lane, Queue};
use runtime::broker::{Amqp, Local, Subscription, amqp, local};
use runtime::{Broker, Consumer, Delivery, Ladder, Message};

/// The rungs of every case, short so that cases do not wait long.
pub(crate) const RUNGS: [Duration; 3] =
    [Duration::from_millis(300), Duration::from_millis(1_000), Duration::from_millis(2_500)];
/// Attempts per message in every case.
pub(crate) const ATTEMPTS: u32 = 4;
/// Maximum number of messages in `ua.documents`.
pub(crate) const DOCUMENTS_LIMIT: usize = 20;
/// Time limit of a case, generous for slow machines.
const CASE_TIME: Duration = Duration::from_secs(120);
/// How long a case waits for an expected event.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long a case waits to see that nothing arrives.
pub(crate) const QUIET: Duration = Duration::from_millis(400);

/// A back end to run a case on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BackEnd {
    /// The local file.
    Local,
    /// RabbitMQ 3.10.
    Amqp3,
    /// RabbitMQ 4.x.
    Amqp4,
    /// A RabbitMQ that a case may stop and start.
    AmqpRestart,
}

impl BackEnd {
    /// All back ends.
    pub(crate) const ALL: [Self; 4] = [Self::Local, Self::Amqp3, Self::Amqp4, Self::AmqpRestart];

    fn variable(self) -> Option<&'static str> {
        match self {
            Self::Local => None,
            Self::Amqp3 => Some("UA_TEST_AMQP_URL"),
            Self::Amqp4 => Some("UA_TEST_AMQP4_URL"),
            Self::AmqpRestart => Some("UA_TEST_AMQP_RESTART_URL"),
        }
    }
}

/// Variable with the folder of the servers that `docker/services/service.sh` started.
pub(crate) const SERVICES: &str = "UA_TEST_SERVICES";

/// Returns the value of a variable that names a server; an empty one counts as unset.
#[expect(clippy::disallowed_methods, reason = "tests find their servers by the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns true when a missing server is a failure.
pub(crate) fn servers_required() -> bool {
    variable("UA_TEST_REQUIRE_SERVERS").as_deref() == Some("1")
}

/// Describes the suite that is skipped because its server is not set.
pub(crate) fn missing(kind: BackEnd) -> Option<String> {
    let name = match kind {
        BackEnd::AmqpRestart if variable(SERVICES).is_none() => SERVICES,
        _ => kind.variable()?,
    };
    variable(name).is_none().then(|| format!("the broker contract on RabbitMQ, {name} is not set"))
}

/// Location of a case's queues.
#[derive(Debug)]
enum QueueLocation {
    Folder(tempfile::TempDir),
    Server(amqp::AmqpSettings),
}

/// A fresh broker, isolated from every other case.
#[derive(Debug)]
pub(crate) struct Fixture {
    place: QueueLocation,
    /// The first handle.
    pub(crate) broker: Broker,
}

/// Runs a case on a back end, and cleans up whatever its outcome.
pub(crate) async fn run(kind: BackEnd, case: impl AsyncFnOnce(&Fixture)) {
    if let Some(missing) = missing(kind) {
        assert!(!servers_required(), "left out: {missing}");
        eprintln!("left out: {missing}");
        return;
    }
    let fixture = Fixture::open(kind).await;
    let case = AssertUnwindSafe(tokio::time::timeout(CASE_TIME, case(&fixture))).catch_unwind();
    let outcome = case.await;
    fixture.remove().await;
    match outcome {
        Ok(in_time) => in_time.expect("the case did not end in time"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

impl Fixture {
    /// Opens a fresh broker of a kind whose server is set.
    pub(crate) async fn open(kind: BackEnd) -> Self {
        let place = match kind.variable() {
            None => QueueLocation::Folder(tempfile::tempdir().unwrap()),
            Some(name) => QueueLocation::Server(settings(&variable(name).unwrap())),
        };
        let broker = open(&place).await;
        Self { place, broker }
    }

    /// Opens another handle to the same queues, like another process.
    pub(crate) async fn another(&self) -> Broker {
        open(&self.place).await
    }

    /// Settings of this case's queues, for cases that run only on a server.
    pub(crate) fn settings(&self) -> &amqp::AmqpSettings {
        match &self.place {
            QueueLocation::Server(settings) => settings,
            QueueLocation::Folder(_) => panic!("the local broker has no such settings"),
        }
    }

    async fn remove(self) {
        self.broker.close().await;
        if let QueueLocation::Server(settings) = self.place {
            let sweeper = Amqp::connect(settings).await.unwrap();
            sweeper.remove().await.unwrap();
            for name in [crate::lead::NAME, "fleet.second"] {
                sweeper.remove_lead(name).await.unwrap();
            }
            Broker::Amqp(sweeper).close().await;
        }
    }
}

/// Settings for queues with a unique prefix.
pub(crate) fn settings(url: &str) -> amqp::AmqpSettings {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut settings = amqp::AmqpSettings::new(url.into());
    settings.prefix = format!("test-{}-{}-{count}", std::process::id(), now().as_millisecond());
    settings.ladder = ladder();
    settings.documents_limit = DOCUMENTS_LIMIT;
    settings.connection_name = "contract suite".to_owned();
    settings
}

fn ladder() -> Ladder {
    Ladder { rungs: RUNGS.into(), attempts: ATTEMPTS }
}

async fn open(place: &QueueLocation) -> Broker {
    match place {
        QueueLocation::Folder(folder) => {
            let folder = folder.path().to_owned();
            let settings =
                local::LocalBrokerSettings { folder, ladder: ladder(), documents_limit: DOCUMENTS_LIMIT };
            Broker::Local(Local::open(settings).unwrap())
        }
        QueueLocation::Server(settings) => Broker::Amqp(Amqp::connect(settings.clone()).await.unwrap()),
    }
}

/// The queue that most cases use.
pub(crate) fn jobs() -> Queue {
    Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily)
}

/// The time in whole milliseconds, as every broker stores it.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millisecond(runtime::clock::now().as_millisecond()).unwrap()
}

/// Creates a message with a unique id and body.
pub(crate) fn message(queue: &Queue, number: usize) -> Message {
    Message::new(queue.clone(), format!("m{number}"), format!("body of m{number}"), now())
}

/// Creates the messages `m0`, `m1`, ...
pub(crate) fn messages(queue: &Queue, count: usize) -> Vec<Message> {
    (0..count).map(|number| message(queue, number)).collect()
}

/// Starts to consume from one queue.
pub(crate) async fn consume(broker: &Broker, queue: &Queue, prefetch: u16) -> Consumer {
    broker.consume(vec![Subscription { queue: queue.clone(), prefetch }]).await.unwrap()
}

/// Takes exactly one delivery; panics if none arrives.
pub(crate) async fn take_one(consumer: &mut Consumer) -> Delivery {
    let mut taken = tokio::time::timeout(PATIENCE, consumer.take(1)).await.expect("nothing to take").unwrap();
    assert_eq!(taken.len(), 1);
    taken.remove(0)
}

/// Takes exactly `count` deliveries without settling them; panics if fewer arrive.
pub(crate) async fn take(consumer: &mut Consumer, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let more = tokio::time::timeout(PATIENCE, consumer.take(count - taken.len())).await;
        let more = more.unwrap_or_else(|_| panic!("{} of {count} came", taken.len())).unwrap();
        taken.extend(more);
    }
    taken
}

/// Takes and acks `count` deliveries; returns their ids in order. Panics if fewer arrive.
pub(crate) async fn drain(consumer: &mut Consumer, count: usize) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let more = tokio::time::timeout(PATIENCE, consumer.take(count - seen.len())).await;
        let more = more.unwrap_or_else(|_| panic!("{} of {count} came: {seen:?}", seen.len())).unwrap();
        for delivery in more {
            seen.push(delivery.message.headers.message_id.clone());
            delivery.ack().await.unwrap();
        }
    }
    seen
}

/// Asserts that nothing arrives.
pub(crate) async fn assert_quiet(consumer: &mut Consumer) {
    if let Ok(taken) = tokio::time::timeout(QUIET, consumer.take(1)).await {
        panic!("nothing was expected, but there came {taken:?}");
    }
}

/// The ids `m0`, `m1`, ...
pub(crate) fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("m{number}")).collect()
}

/// The ids of deliveries.
pub(crate) fn ids_of(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| delivery.message.headers.message_id.clone()).collect()
}

/// The ids in sorted order.
pub(crate) fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

/// Waits until `count` messages are ready in a queue, since brokers count with a delay.
pub(crate) async fn wait_ready(broker: &Broker, queue: &Queue, count: u64) {
    let begin = std::time::Instant::now();
    loop {
        let ready = broker.depth(queue).await.unwrap().ready;
        if ready == count {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "{ready} messages in {queue}, not {count}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
