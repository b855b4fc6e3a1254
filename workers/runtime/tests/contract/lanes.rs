//! The order of the lanes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use messages::{Family, Lane, Queue};
use runtime::broker::Subscription;
use runtime::{Attempt, Broker, Consumer, Failure, Message, Outbox, Role, Status, Worker, run};
use tokio_util::sync::CancellationToken;

use crate::fixture::*;

const EACH: usize = 40;

fn lane_of(queue: &Queue) -> Lane {
    Lane::ALL.into_iter().find(|lane| queue.as_str().ends_with(lane.name())).unwrap()
}

async fn three_lanes(broker: &Broker) -> Consumer {
    let queues = Family::ZOOM_DETAIL.queues();
    // The least urgent lane is published first, so that age does not decide.
    for queue in queues.iter().rev() {
        let batch: Vec<Message> = messages(queue, EACH);
        broker.publish(batch).await.unwrap();
    }
    broker.consume(queues.map(|queue| Subscription { queue, prefetch: 100 }).into()).await.unwrap()
}

pub(crate) async fn daily_goes_before_backfill_before_replay(fixture: &Fixture) {
    let mut consumer = three_lanes(&fixture.broker).await;
    // Any lane may be first: its message is the only one known before the others arrive.
    let first = take_one(&mut consumer).await;
    all_are_here(&fixture.broker).await;
    first.ack().await.unwrap();
    // Up to the ninth turn; the tenth belongs to a later lane.
    for _ in 1..8 {
        let delivery = take_one(&mut consumer).await;
        assert_eq!(lane_of(&delivery.message.queue), Lane::Daily);
        delivery.ack().await.unwrap();
    }
    // All at once: the rest of daily, then the other lanes in order.
    let taken = take(&mut consumer, 3 * EACH - 8).await;
    let lanes: Vec<Lane> = taken.iter().map(|delivery| lane_of(&delivery.message.queue)).collect();
    assert!(lanes.is_sorted(), "{lanes:?}");
    for delivery in taken {
        delivery.ack().await.unwrap();
    }
}

pub(crate) async fn the_later_lanes_keep_a_share(fixture: &Fixture) {
    let mut consumer = three_lanes(&fixture.broker).await;
    let mut counts = [0; 3];
    for turn in 0..20 {
        let delivery = take_one(&mut consumer).await;
        if turn == 0 {
            all_are_here(&fixture.broker).await;
        }
        counts[Lane::ALL.iter().position(|lane| *lane == lane_of(&delivery.message.queue)).unwrap()] += 1;
        delivery.ack().await.unwrap();
    }
    // 18, 1 and 1 if every lane has a message in the buffer; otherwise its turn passes to another lane.
    let [daily, backfill, replay] = counts;
    assert!(backfill >= 1 && replay >= 1 && daily >= 12, "of twenty turns: {counts:?}");
}

/// Time for messages to arrive in the buffer over the socket on a busy machine.
const ON_THE_WAY: Duration = Duration::from_secs(1);

/// Waits until messages of every lane have arrived, since RabbitMQ delivers asynchronously.
async fn all_are_here(broker: &Broker) {
    for queue in Family::ZOOM_DETAIL.queues() {
        let sends = broker.depth(&queue).await.unwrap().leased.is_none();
        if sends {
            wait_ready(broker, &queue, 0).await;
        }
    }
    tokio::time::sleep(ON_THE_WAY).await;
}

/// Backfill jobs in the queues when a daily plan is published.
const BACKLOG: usize = 20_000;
/// Jobs of that plan.
const PLAN: usize = 36;
/// Permits of the worker.
const PERMITS: usize = 16;

/// Records the order of started jobs; each takes a moment.
#[derive(Debug, Default)]
struct Diary {
    begun: Mutex<Vec<Lane>>,
}

impl Diary {
    fn lanes(&self) -> Vec<Lane> {
        self.begun.lock().unwrap().clone()
    }

    fn count(&self, lane: Lane) -> usize {
        self.lanes().iter().filter(|begun| **begun == lane).count()
    }
}

impl Worker for Diary {
    const NAME: &'static str = "diary";
    type Job = Lane;

    async fn perform(&self, lane: Lane, _: &mut Attempt, _: &mut Outbox) -> Result<(), Failure> {
        let number = {
            let mut begun = self.begun.lock().unwrap();
            begun.push(lane);
            begun.len() as u64
        };
        // Longer than a broker needs to deliver the next job, like an API call, and of varying length.
        tokio::time::sleep(Duration::from_millis(40 + number % 7 * 10)).await;
        Ok(())
    }
}

/// A running worker of the family, with its diary.
struct Diarist {
    diary: Arc<Diary>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), runtime::RunError>>,
}

impl Diarist {
    fn start(broker: &Broker) -> Self {
        Self::start_with(broker, PERMITS)
    }

    fn start_with(broker: &Broker, permits: usize) -> Self {
        let (diary, stop) = (Arc::<Diary>::default(), CancellationToken::new());
        let role = Role {
            worker: Arc::clone(&diary),
            broker: broker.clone(),
            permits,
            status: Arc::new(Status::new("diary")),
            stop: stop.clone(),
            grace: Duration::from_secs(10),
        };
        Self { diary, stop, running: tokio::spawn(run(role, Family::ZOOM_DETAIL)) }
    }

    async fn wait_for(&self, what: &str, is: impl Fn(&Diary) -> bool) {
        let begun = std::time::Instant::now();
        while !is(&self.diary) {
            assert!(begun.elapsed() < PATIENCE * 3, "never came: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}

async fn publish(broker: &Broker, lane: Lane, count: usize) {
    let queue = Queue::jobs(Family::ZOOM_DETAIL, lane);
    let body = messages::encode(&lane).unwrap();
    let all: Vec<Message> =
        (0..count).map(|n| Message::new(queue.clone(), format!("{lane} {n}"), body.clone(), now())).collect();
    for some in all.chunks(5_000) {
        broker.publish(some.to_vec()).await.unwrap();
    }
}

pub(crate) async fn a_daily_plan_does_not_wait_for_a_backfill(fixture: &Fixture) {
    publish(&fixture.broker, Lane::Backfill, BACKLOG).await;
    let diarist = Diarist::start(&fixture.broker);
    diarist.wait_for("the backfill is under way", |diary| diary.lanes().len() >= 300).await;
    publish(&fixture.broker, Lane::Daily, PLAN).await;
    let arrived = diarist.diary.lanes().len();
    diarist.wait_for("the plan is begun", |diary| diary.count(Lane::Daily) == PLAN).await;
    diarist.stop.cancel();
    let lanes = diarist.diary.lanes();
    let first = lanes.iter().position(|lane| *lane == Lane::Daily).unwrap();
    let last = lanes.iter().rposition(|lane| *lane == Lane::Daily).unwrap();
    // Jobs started until the plan has arrived, and then the share of the later lanes.
    let before = first.saturating_sub(arrived);
    let between = lanes[first..last].iter().filter(|lane| **lane == Lane::Backfill).count();
    assert!(before < 2_000, "{before} of {BACKLOG} go before the first of the plan");
    assert!(between < PLAN, "{between} go between {PLAN} of the plan");
    diarist.stop().await;
}

pub(crate) async fn later_lanes_do_not_starve_and_take_no_more_than_their_share(fixture: &Fixture) {
    publish(&fixture.broker, Lane::Backfill, 400).await;
    publish(&fixture.broker, Lane::Replay, 400).await;
    publish(&fixture.broker, Lane::Daily, 800).await;
    wait_ready(&fixture.broker, &Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily), 800).await;
    let diarist = Diarist::start(&fixture.broker);
    diarist.wait_for("most of the daily work is begun", |diary| diary.count(Lane::Daily) >= 500).await;
    diarist.stop.cancel();
    let counts = Lane::ALL.map(|lane| diarist.diary.count(lane));
    let [daily, backfill, replay] = counts;
    assert!(backfill >= daily / 100 && replay >= daily / 100, "some starve: {counts:?}");
    assert!(backfill + replay <= daily / 2, "they take more than a small share: {counts:?}");
    diarist.stop().await;
}

/// With few permits, every other job may be an urgent one on the extra permit. Later lanes still get their turns.
pub(crate) async fn later_lanes_have_their_turns_where_permits_are_few(fixture: &Fixture) {
    for lane in [Lane::Backfill, Lane::Replay, Lane::Daily] {
        publish(&fixture.broker, lane, 100).await;
    }
    wait_ready(&fixture.broker, &Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily), 100).await;
    let diarist = Diarist::start_with(&fixture.broker, 1);
    diarist.wait_for("most of the daily work is begun", |diary| diary.count(Lane::Daily) >= 80).await;
    diarist.stop.cancel();
    let counts = Lane::ALL.map(|lane| diarist.diary.count(lane));
    let [_, backfill, replay] = counts;
    assert!(backfill >= 1 && replay >= 1, "some starve: {counts:?}");
    diarist.stop().await;
}

/// Permits of a worker of long lists.
const LISTS: usize = 2;

/// Jobs that last until the end of the test, like lists with few calls.
#[derive(Debug, Default)]
struct Lists {
    begun: Mutex<Vec<Lane>>,
}

impl Worker for Lists {
    const NAME: &'static str = "lists";
    type Job = Lane;

    async fn perform(&self, lane: Lane, _: &mut Attempt, _: &mut Outbox) -> Result<(), Failure> {
        self.begun.lock().unwrap().push(lane);
        std::future::pending().await
    }
}

pub(crate) async fn a_daily_job_has_a_permit_when_all_are_taken(fixture: &Fixture) {
    publish(&fixture.broker, Lane::Backfill, 10).await;
    let (lists, stop) = (Arc::<Lists>::default(), CancellationToken::new());
    let role = Role {
        worker: Arc::clone(&lists),
        broker: fixture.broker.clone(),
        permits: LISTS,
        status: Arc::new(Status::new("lists")),
        stop: stop.clone(),
        grace: Duration::from_millis(100),
    };
    let running = tokio::spawn(run(role, Family::ZOOM_DETAIL));
    let begun = async |count: usize| {
        let all = || lists.begun.lock().unwrap().clone();
        let waiting = async {
            while all().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("nothing is begun");
        tokio::time::sleep(QUIET).await;
        all()
    };
    assert_eq!(
        begun(LISTS).await,
        [Lane::Backfill; LISTS],
        "the permit that is left is for urgent jobs alone"
    );
    publish(&fixture.broker, Lane::Daily, 2).await;
    assert_eq!(begun(LISTS + 1).await, [Lane::Backfill, Lane::Backfill, Lane::Daily], "one and no more");
    stop.cancel();
    running.await.unwrap().unwrap();
}
