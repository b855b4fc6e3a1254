//! Time until a daily plan is done when it arrives during a large backfill. On the local file, and on the RabbitMQ of
//! `UA_TEST_AMQP_URL` and `UA_TEST_AMQP4_URL`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use messages::{Family, Lane, Queue};
use runtime::{Attempt, Broker, Failure, Message, Outbox, Role, Status, Worker, run};
use tokio_util::sync::CancellationToken;

const BACKFILL: usize = 100_000;
const REPLAY: usize = 1_000;
const DAILY: usize = 36;
const PERMITS: usize = 16;
/// Duration of a job, about that of a call.
const CALL: Duration = Duration::from_millis(100);

/// Prints the measurement for each available broker.
pub(crate) async fn daily_in_a_backfill() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let settings = runtime::broker::local::LocalBrokerSettings {
        folder: folder.path().to_owned(),
        ladder: runtime::Ladder::default(),
        documents_limit: 1_000,
    };
    let local = Broker::Local(runtime::broker::Local::open(settings).expect("a file"));
    measure("the local file", &local).await;
    local.close().await;
    for url in crate::pipeline::brokers() {
        let mut settings = runtime::broker::amqp::AmqpSettings::new(url.into());
        settings.prefix = format!("lanes{}", std::process::id());
        let amqp = runtime::broker::Amqp::connect(settings).await.expect("RabbitMQ");
        let broker = Broker::Amqp(amqp.clone());
        measure(&format!("RabbitMQ {}", amqp.version()), &broker).await;
        amqp.remove().await.expect("the queues can be removed");
        broker.close().await;
    }
}

async fn measure(place: &str, broker: &Broker) {
    publish(broker, Lane::Backfill, BACKFILL).await;
    publish(broker, Lane::Replay, REPLAY).await;
    let (calls, stop) = (Arc::<Calls>::default(), CancellationToken::new());
    let role = Role {
        worker: Arc::clone(&calls),
        broker: broker.clone(),
        permits: PERMITS,
        status: Arc::new(Status::new("lanes")),
        stop: stop.clone(),
        grace: Duration::from_secs(10),
    };
    let running = tokio::spawn(run(role, Family::ZOOM_DETAIL));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = calls.done();
    let began = Instant::now();
    publish(broker, Lane::Daily, DAILY).await;
    while calls.of(Lane::Daily) < DAILY {
        assert!(began.elapsed() < Duration::from_secs(300), "the plan is not done in five minutes");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (seconds, after) = (began.elapsed().as_secs_f64(), calls.done());
    stop.cancel();
    running.await.expect("a worker").expect("a worker");
    println!(
        "lanes, {place}: {DAILY} daily jobs that came into {BACKFILL} of a backfill were done in {seconds:.2} s ({PERMITS} at once, {} ms each); meanwhile {} of the backfill and {} replays",
        CALL.as_millis(),
        after[1] - before[1],
        after[2] - before[2],
    );
}

async fn publish(broker: &Broker, lane: Lane, count: usize) {
    let queue = Queue::jobs(Family::ZOOM_DETAIL, lane);
    let body = messages::encode(&lane).expect("a message");
    let numbers: Vec<usize> = (0..count).collect();
    for some in numbers.chunks(2_000) {
        let message = |n: &usize| {
            Message::new(queue.clone(), format!("{lane} {n}"), body.clone(), runtime::clock::now())
        };
        broker.publish(some.iter().map(message).collect()).await.expect("a publish");
    }
}

/// A worker that takes `CALL` per job and counts jobs by lane.
#[derive(Debug, Default)]
struct Calls([AtomicUsize; 3]);

impl Calls {
    fn of(&self, lane: Lane) -> usize {
        self.0[lane as usize].load(Ordering::Relaxed)
    }

    fn done(&self) -> [usize; 3] {
        Lane::ALL.map(|lane| self.of(lane))
    }
}

impl Worker for Calls {
    const NAME: &'static str = "calls";
    type Job = Lane;

    async fn perform(&self, lane: Lane, _: &mut Attempt, _: &mut Outbox) -> Result<(), Failure> {
        tokio::time::sleep(CALL).await;
        self.0[lane as usize].fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
