//! The worker loop and the batch loop on the local broker: each outcome and how its message is settled.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use messages::{Cause, CauseClass, Family, Lane, Queue};
use runtime::broker::{Subscription, local};
use runtime::{
    Attempt, BatchLimits, BatchWorker, Broker, Failure, Ladder, Message, Outbox, Policy, Role, RunError,
    Status, Worker, clock, run, run_batches,
};
use tokio_util::sync::CancellationToken;

/// The behaviour that a test's job requests.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
enum Ask {
    Succeed,
    Retry,
    Reject,
    Hold,
    HoldForAYear,
    Refuse,
    Halt,
    Panic,
    TakeLong,
}

/// Does what its jobs request, and counts them.
#[derive(Debug, Default)]
struct Obedient {
    performed: AtomicU32,
    /// Number of calls recorded by earlier attempts.
    known: AtomicU64,
    well: AtomicBool,
    accepts: AtomicBool,
}

impl Worker for Obedient {
    const NAME: &'static str = "obedient";
    type Job = Ask;

    async fn perform(&self, job: Ask, attempt: &mut Attempt, outbox: &mut Outbox) -> Result<(), Failure> {
        self.performed.fetch_add(1, Ordering::SeqCst);
        if attempt.number > 1 {
            self.known.fetch_add(attempt.calls.heavy, Ordering::SeqCst);
        }
        attempt.calls.heavy += 10;
        let cause = |text: &str| Cause::new(CauseClass::AttemptsSpent, text);
        match job {
            Ask::Succeed => {
                outbox.send(Message::new(Queue::documents(), "made", &b"made"[..], clock::now())).await?;
                Ok(())
            }
            Ask::Retry if attempt.number > 1 => Ok(()),
            Ask::Retry => Err(Failure::retry(cause("not yet"))),
            Ask::Reject => Err(Failure::reject(Cause::new(CauseClass::Gone, "gone for good"))),
            Ask::Hold if self.well.load(Ordering::SeqCst) => Ok(()),
            Ask::Hold => Err(Failure::hold(None, "the sky is falling".to_owned())),
            Ask::HoldForAYear if self.accepts.load(Ordering::SeqCst) => Ok(()),
            Ask::HoldForAYear => {
                let until = clock::now().checked_add(jiff::SignedDuration::from_hours(8_760)).ok();
                Err(Failure::hold(until, "the api asks to be let alone".to_owned()))
            }
            Ask::Refuse if self.accepts.load(Ordering::SeqCst) => Ok(()),
            Ask::Refuse => Err(Failure::refused("the store does not accept the credentials (401)")),
            Ask::Halt => Err(Failure::Halt { cause: "set X".to_owned() }),
            Ask::Panic if attempt.number > 1 => Ok(()),
            Ask::Panic => panic!("a fault in a worker"),
            Ask::TakeLong => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Ok(())
            }
        }
    }

    async fn healthy(&self) -> bool {
        self.well.load(Ordering::SeqCst)
    }
}

struct Stage {
    _folder: tempfile::TempDir,
    broker: Broker,
    stop: CancellationToken,
}

fn queue() -> Queue {
    Queue::jobs(Family::ZOOM_LIST, Lane::Daily)
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = local::LocalBrokerSettings {
            folder: folder.path().to_owned(),
            ladder: Ladder { rungs: vec![Duration::from_millis(100)], attempts: 3 },
            documents_limit: 100,
        };
        let broker = Broker::Local(local::Local::open(settings).unwrap());
        Self { _folder: folder, broker, stop: CancellationToken::new() }
    }

    async fn publish(&self, asks: &[Ask]) {
        let message = |(n, ask): (usize, &Ask)| {
            Message::new(queue(), format!("job {n}"), messages::encode(ask).unwrap(), clock::now())
        };
        self.broker.publish(asks.iter().enumerate().map(message).collect()).await.unwrap();
    }

    fn role<W>(&self, worker: Arc<W>, permits: usize) -> (Role<W>, Arc<Status>) {
        self.role_with(worker, permits, Policy::ROLE)
    }

    fn role_with<W>(&self, worker: Arc<W>, permits: usize, policy: Policy) -> (Role<W>, Arc<Status>) {
        let status = Arc::new(Status::with_policy("test", policy));
        let role = Role {
            worker,
            broker: self.broker.clone(),
            permits,
            status: Arc::clone(&status),
            stop: self.stop.clone(),
            grace: Duration::from_millis(200),
        };
        (role, status)
    }

    async fn take_from(&self, queue: Queue, max: usize) -> Vec<runtime::Delivery> {
        let mut consumer = self.broker.consume(vec![Subscription { queue, prefetch: 100 }]).await.unwrap();
        tokio::time::timeout(Duration::from_secs(5), consumer.take(max)).await.unwrap().unwrap()
    }
}

async fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..500 {
        if is() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never came true: {what}");
}

#[tokio::test]
async fn success_retry_reject_and_panic_are_settled_each_in_its_way() {
    let stage = Stage::new();
    stage.publish(&[Ask::Succeed, Ask::Retry, Ask::Reject, Ask::Panic]).await;
    stage.broker.publish(vec![Message::new(queue(), "rubbish", &b"\xff{"[..], clock::now())]).await.unwrap();
    let worker = Arc::new(Obedient::default());
    let (role, status) = stage.role(Arc::clone(&worker), 2);
    let running = tokio::spawn(run(role, Family::ZOOM_LIST));
    eventually("three done, two dead", || {
        let now = status.snapshot();
        (now.done, now.retried, now.rejected, now.in_flight) == (3, 2, 2, 0)
    })
    .await;
    stage.stop.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(worker.known.load(Ordering::SeqCst), 20, "what an attempt called goes on with its job");
    let made = stage.take_from(Queue::documents(), 10).await;
    assert_eq!(made.len(), 1);
    let mut dead: Vec<_> = stage
        .take_from(Queue::dead(), 10)
        .await
        .iter()
        .map(|delivery| {
            let headers = delivery.message.headers.clone();
            (headers.message_id, headers.cause.unwrap().class, headers.origin.unwrap())
        })
        .collect();
    dead.sort();
    let expected = [("job 2", CauseClass::Gone), ("rubbish", CauseClass::BadShape)];
    assert_eq!(dead, expected.map(|(id, class)| (id.to_owned(), class, queue())));
}

#[tokio::test]
async fn a_hold_counts_no_attempt_and_ends_when_the_dependency_is_well() {
    let stage = Stage::new();
    stage.publish(&[Ask::Hold]).await;
    let worker = Arc::new(Obedient::default());
    let (role, status) = stage.role(Arc::clone(&worker), 1);
    let running = tokio::spawn(run(role, Family::ZOOM_LIST));
    eventually("the hold is said", || status.snapshot().hold.is_some()).await;
    assert_eq!(status.snapshot().hold.unwrap().why, "the sky is falling");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(worker.performed.load(Ordering::SeqCst), 1, "a held worker takes nothing");
    worker.well.store(true, Ordering::SeqCst);
    eventually("done", || status.snapshot().done == 1).await;
    assert_eq!((status.snapshot().retried, status.snapshot().requeued), (0, 1));
    assert_eq!(status.snapshot().hold, None);
    stage.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_halt_ends_the_worker_and_the_job_is_still_there() {
    let stage = Stage::new();
    stage.publish(&[Ask::Halt]).await;
    let (role, _) = stage.role(Arc::new(Obedient::default()), 1);
    let error = run(role, Family::ZOOM_LIST).await.unwrap_err();
    assert!(matches!(&error, RunError::Halted(cause) if cause == "set X"), "{error}");
    let left = stage.take_from(queue(), 1).await;
    assert_eq!(left[0].message.headers.attempt, 0);
}

/// A role policy with milliseconds instead of minutes.
const QUICK: Policy = Policy {
    first: Duration::from_millis(1),
    longest: Duration::from_millis(8),
    refused_for: Duration::from_millis(50),
    answers: 5,
};

fn accepting(accepts: bool) -> Arc<Obedient> {
    Arc::new(Obedient { well: true.into(), accepts: accepts.into(), ..Obedient::default() })
}

#[tokio::test]
async fn a_refusal_is_held_said_and_over_without_a_restart() {
    let stage = Stage::new();
    stage.publish(&[Ask::Refuse]).await;
    let worker = accepting(false);
    let (role, status) = stage.role(Arc::clone(&worker), 1);
    let running = tokio::spawn(run(role, Family::ZOOM_LIST));
    eventually("the refusal is said", || status.snapshot().hold.is_some_and(|hold| hold.next.is_some()))
        .await;
    let hold = status.snapshot().hold.unwrap();
    assert!(hold.refused && hold.why.contains("(401)"), "{hold:?}");
    worker.accepts.store(true, Ordering::SeqCst);
    eventually("done", || status.snapshot().done == 1).await;
    assert_eq!((status.snapshot().retried, status.snapshot().rejected), (0, 0));
    stage.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_role_that_is_refused_from_its_start_ends_and_keeps_the_job() {
    let stage = Stage::new();
    stage.publish(&[Ask::Refuse]).await;
    let worker = accepting(false);
    let (role, _) = stage.role_with(Arc::clone(&worker), 1, QUICK);
    let error = run(role, Family::ZOOM_LIST).await.unwrap_err();
    assert!(matches!(&error, RunError::Halted(cause) if cause.contains("(401)")), "{error}");
    assert!(worker.performed.load(Ordering::SeqCst) >= QUICK.answers);
    assert_eq!(stage.take_from(queue(), 1).await[0].message.headers.attempt, 0);
}

#[tokio::test]
async fn after_the_first_success_a_refusal_is_always_a_hold() {
    let stage = Stage::new();
    let worker = accepting(false);
    let (role, status) = stage.role_with(Arc::clone(&worker), 1, QUICK);
    let running = tokio::spawn(run(role, Family::ZOOM_LIST));
    stage.publish(&[Ask::Succeed]).await;
    eventually("one is done", || status.snapshot().done == 1).await;
    stage.publish(&[Ask::Refuse]).await;
    let many = u64::from(QUICK.answers) * 10;
    eventually("it is refused far longer than at a start", || status.snapshot().requeued > many).await;
    assert!(!running.is_finished());
    worker.accepts.store(true, Ordering::SeqCst);
    eventually("it goes on", || status.snapshot().done == 2).await;
    stage.stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_order_lifts_a_hold_whatever_its_cause() {
    let stage = Stage::new();
    let answering = stage.broker.clone();
    let identity = runtime::presence::Identity::of_this_process("1", clock::now());
    tokio::spawn(
        async move { answering.serve_presence(|| identity.info("working", &[], clock::now())).await },
    );
    for ask in [Ask::HoldForAYear, Ask::Refuse] {
        stage.publish(&[ask]).await;
        let worker = accepting(false);
        let minutes =
            Policy { first: Duration::from_secs(600), longest: Duration::from_secs(600), ..Policy::ROLE };
        let (mut role, status) = stage.role_with(Arc::clone(&worker), 1, minutes);
        role.stop = CancellationToken::new();
        let stop = role.stop.clone();
        let running = tokio::spawn(run(role, Family::ZOOM_LIST));
        eventually("it is on hold", || status.snapshot().hold.is_some_and(|hold| hold.next.is_some())).await;
        worker.accepts.store(true, Ordering::SeqCst);
        stage.broker.lift(vec!["another".to_owned()]).await.unwrap();
        stage.broker.lift(vec!["test".to_owned()]).await.unwrap();
        eventually("done", || status.snapshot().done == 1).await;
        stop.cancel();
        running.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_job_that_outlasts_the_grace_is_requeued() {
    let stage = Stage::new();
    stage.publish(&[Ask::TakeLong]).await;
    let (role, status) = stage.role(Arc::new(Obedient::default()), 1);
    let running = tokio::spawn(run(role, Family::ZOOM_LIST));
    eventually("it is under way", || status.snapshot().in_flight == 1).await;
    stage.stop.cancel();
    tokio::time::timeout(Duration::from_secs(3), running).await.unwrap().unwrap().unwrap();
    assert_eq!(stage.take_from(queue(), 1).await[0].message.headers.attempt, 0);
}

/// Returns for each message the verdict that its body names.
#[derive(Debug, Default)]
struct Judge {
    batches: AtomicU32,
    verdicts_short: AtomicU32,
}

impl BatchWorker for Judge {
    const NAME: &'static str = "judge";

    async fn perform(&self, batch: &[Message], _outbox: &mut Outbox) -> Vec<Result<(), Failure>> {
        self.batches.fetch_add(1, Ordering::SeqCst);
        let missing = usize::try_from(self.verdicts_short.swap(0, Ordering::SeqCst)).unwrap();
        let judge = |message: &Message| match &message.body[..] {
            b"retry" if message.headers.attempt == 0 => {
                Err(Failure::retry(Cause::new(CauseClass::AttemptsSpent, "busy")))
            }
            b"reject" => Err(Failure::reject(Cause::new(CauseClass::BadShape, "no"))),
            _ => Ok(()),
        };
        batch.iter().map(judge).take(batch.len() - missing).collect()
    }
}

async fn judged(judge: Judge, bodies: &[&'static [u8]], limits: BatchLimits) -> (runtime::Snapshot, u32) {
    let stage = Stage::new();
    let message = |body: &&'static [u8]| Message::new(Queue::documents(), "m", *body, clock::now());
    stage.broker.publish(bodies.iter().map(message).collect()).await.unwrap();
    let judge = Arc::new(judge);
    let (role, status) = stage.role(Arc::clone(&judge), 2);
    let running = tokio::spawn(run_batches(role, Queue::documents(), limits));
    let all = bodies.len() as u64;
    eventually("all settled", || status.snapshot().done + status.snapshot().rejected == all).await;
    stage.stop.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(stage.broker.depth(&Queue::documents()).await.unwrap().ready, 0);
    (status.snapshot(), judge.batches.load(Ordering::SeqCst))
}

#[tokio::test]
async fn each_message_of_a_batch_is_settled_by_its_own_verdict() {
    let limits = BatchLimits { linger: Duration::from_millis(50), ..BatchLimits::default() };
    let (counts, batches) = judged(Judge::default(), &[b"ok", b"reject", b"retry", b"ok"], limits).await;
    assert_eq!((counts.done, counts.rejected, counts.retried), (3, 1, 1));
    assert_eq!(batches, 2, "one batch, and one for the retry");
}

#[tokio::test]
async fn a_wrong_number_of_verdicts_settles_nothing_as_done() {
    let judge = Judge { verdicts_short: AtomicU32::new(1), ..Judge::default() };
    let limits = BatchLimits { linger: Duration::from_millis(50), ..BatchLimits::default() };
    let (counts, _) = judged(judge, &[b"ok", b"ok", b"ok"], limits).await;
    assert_eq!((counts.done, counts.retried), (3, 3));
}

/// Longer than a test may take, so that waiting for it fails the test.
const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn a_batch_is_closed_by_a_lull() {
    let limits = BatchLimits { linger: LONG, lull: Duration::from_millis(50), ..BatchLimits::default() };
    let (counts, _) = judged(Judge::default(), &[b"ok", b"ok", b"ok"], limits).await;
    assert_eq!(counts.done, 3);
}

#[tokio::test]
async fn a_batch_is_closed_by_its_linger() {
    let limits = BatchLimits { linger: Duration::from_millis(50), lull: LONG, ..BatchLimits::default() };
    let (counts, _) = judged(Judge::default(), &[b"ok", b"ok", b"ok"], limits).await;
    assert_eq!(counts.done, 3);
}

#[tokio::test]
async fn a_batch_is_closed_by_count() {
    let limits = BatchLimits { messages: 2, linger: LONG, lull: LONG, ..BatchLimits::default() };
    let (_, batches) = judged(Judge::default(), &[&b"ok"[..]; 6], limits).await;
    assert_eq!(batches, 3);
}

#[tokio::test]
async fn a_batch_is_closed_by_bytes() {
    const BODY: &[u8] = &[b'x'; 4_096];
    let limits = BatchLimits { bytes: 3 * 4_096, linger: LONG, lull: LONG, ..BatchLimits::default() };
    let (counts, batches) = judged(Judge::default(), &[BODY; 16], limits).await;
    assert_eq!(counts.done, 16);
    assert!(batches >= 2, "{batches} batches");
}
