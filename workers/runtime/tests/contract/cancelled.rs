//! Cancelled runs: recorded once, visible in every process at once, and their jobs are not started.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use messages::zoom::Task;
use messages::{
    Cause, CauseClass, Document, Family, Job, Lane, Queue, Receipt, ReceiptState, RunId, decode, encode,
};
use runtime::job_context::JobContext;
use runtime::{Attempt, Broker, Failure, Message, Outbox, Role, Status, Worker, run};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fixture::*;

const DOOMED: &str = "20260103T040506789-2026-01-01..2026-01-02";

fn job(day: i8, run: &str, lane: Lane) -> Message {
    let task = Task::Meetings { date: jiff::civil::date(2026, 1, day) };
    let queue = Queue::jobs(task.family(), lane);
    let job = task.into_job(run.into(), lane, now());
    Message::new(queue, job.id.as_str(), encode(&job).unwrap(), now())
}

/// Records the jobs it starts, and handles each as `how` says.
#[derive(Debug)]
struct Diary {
    begun: Mutex<Vec<String>>,
    how: How,
    /// Notified when a job starts.
    begins: Notify,
    /// Notification for which a list waits.
    goes_on: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Succeeds at once.
    Done,
    /// Fails transiently.
    Fails,
    /// Makes a call and never returns.
    Hangs,
    /// Waits for a notification, then plans further jobs.
    Expands,
}

impl Worker for Diary {
    const NAME: &'static str = "diary";
    type Job = Job<Task>;

    async fn perform(
        &self,
        job: Job<Task>,
        attempt: &mut Attempt,
        outbox: &mut Outbox,
    ) -> Result<(), Failure> {
        self.begun.lock().unwrap().push(format!("{} of {}", job.id, job.run));
        self.begins.notify_one();
        match self.how {
            How::Done => Ok(()),
            How::Fails => {
                let cause = Cause::new(CauseClass::AttemptsSpent, "it did not answer");
                Err(Failure::retry_after(RUNGS[0], cause))
            }
            How::Hangs => {
                attempt.calls.heavy += 1;
                std::future::pending().await
            }
            How::Expands => {
                self.goes_on.notified().await;
                let receipts = (1..=9).map(|day| {
                    let task = Task::Webinars { date: jiff::civil::date(2026, 2, day) };
                    task.into_job(job.run.clone(), Lane::Backfill, now()).planned().unwrap()
                });
                let mut ctx = JobContext::new(job.planned().unwrap(), attempt, outbox);
                ctx.plan("page", receipts.collect()).await?;
                ctx.finish(Some(9), 9, Some(9)).await
            }
        }
    }
}

struct Working {
    diary: Arc<Diary>,
    status: Arc<Status>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn work(broker: &Broker, how: How) -> Working {
    let begun = Mutex::default();
    let diary = Arc::new(Diary { begun, how, begins: Notify::new(), goes_on: Notify::new() });
    let (status, stop) = (Arc::new(Status::new("diary")), CancellationToken::new());
    let role = Role {
        worker: Arc::clone(&diary),
        broker: broker.clone(),
        permits: 2,
        status: Arc::clone(&status),
        stop: stop.clone(),
        grace: Duration::from_secs(5),
    };
    let task = tokio::spawn(async move { run(role, Family::ZOOM_LIST).await.unwrap() });
    Working { diary, status, stop, task }
}

impl Working {
    async fn end(self) -> Vec<String> {
        self.stop.cancel();
        self.task.await.unwrap();
        self.diary.begun.lock().unwrap().clone()
    }
}

/// Waits for `count` messages of receipts, and returns their receipts.
async fn receipts(broker: &Broker, count: usize) -> Vec<Receipt> {
    let mut consumer = consume(broker, &Queue::documents(), 50).await;
    let mut found = Vec::new();
    for delivery in take(&mut consumer, count).await {
        if let Document::Receipts(some) = decode(&delivery.message.body).unwrap() {
            found.extend(some);
        }
        delivery.ack().await.unwrap();
    }
    found
}

async fn eventually(what: &str, is: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn a_cancelled_run_is_known_to_every_process_at_once(fixture: &Fixture) {
    let (other, doomed) = (fixture.another().await, RunId::from(DOOMED));
    let innocent = [RunId::from("20260103T040506789-2026-01-01"), "x".into(), "".into(), "ü*#. ".into()];
    assert!(!other.is_cancelled(&doomed).await.unwrap());
    for _ in 0..2 {
        fixture.broker.cancel(&doomed).await.unwrap();
        for broker in [&fixture.broker, &other] {
            // Queries change nothing, however many.
            for _ in 0..5 {
                assert!(broker.is_cancelled(&doomed).await.unwrap());
            }
            for run in &innocent {
                assert!(!broker.is_cancelled(run).await.unwrap(), "{run}");
            }
        }
    }
    fixture.broker.cancel(&innocent[3]).await.unwrap();
    assert!(other.is_cancelled(&innocent[3]).await.unwrap());
    other.close().await;
    let later = fixture.another().await;
    assert!(later.is_cancelled(&doomed).await.unwrap(), "it is kept");
    later.forget_cancelled(&[doomed.clone(), "never".into()]).await.unwrap();
    assert!(!fixture.broker.is_cancelled(&doomed).await.unwrap());
    assert!(fixture.broker.is_cancelled(&innocent[3]).await.unwrap());
    let long = RunId::from("x".repeat(300).as_str());
    assert!(!fixture.broker.is_cancelled(&long).await.unwrap());
}

pub(crate) async fn jobs_of_a_cancelled_run_are_settled_and_not_begun(fixture: &Fixture) {
    let broker = &fixture.broker;
    broker.cancel(&DOOMED.into()).await.unwrap();
    let mut replayed = job(4, DOOMED, Lane::Replay);
    replayed.headers.replays = 1;
    let jobs = vec![
        job(1, DOOMED, Lane::Daily),
        job(2, "other", Lane::Daily),
        job(3, DOOMED, Lane::Backfill),
        replayed,
    ];
    let planned = jobs[0].headers.first_seen;
    broker.publish(jobs).await.unwrap();
    let working = work(broker, How::Done);
    let mut found = receipts(broker, 3).await;
    found.sort_by(|one, other| one.job_id.as_str().cmp(other.job_id.as_str()));
    assert_eq!(found.len(), 3);
    for (receipt, day) in found.iter().zip([1, 3, 4]) {
        assert_eq!(receipt.job_id.as_str(), format!("zoom:meetings:2026-01-0{day}"));
        assert_eq!((receipt.state, receipt.run.as_str()), (ReceiptState::Cancelled, DOOMED));
        assert!(receipt.version() > receipt.planned_at.as_millisecond(), "newer than its plan");
    }
    assert!(found[0].version() <= planned.as_millisecond() + 1_000, "a later plan's receipt is newer");
    let status = Arc::clone(&working.status);
    eventually("all are settled", || status.snapshot().done == 4).await;
    assert_eq!(working.end().await, ["zoom:meetings:2026-01-02 of other"]);
}

pub(crate) async fn a_retry_of_a_cancelled_run_is_not_begun(fixture: &Fixture) {
    let broker = &fixture.broker;
    broker.publish(vec![job(1, DOOMED, Lane::Daily)]).await.unwrap();
    let working = work(broker, How::Fails);
    let status = Arc::clone(&working.status);
    eventually("it is parked", || status.snapshot().retried == 1).await;
    broker.cancel(&DOOMED.into()).await.unwrap();
    let found = receipts(broker, 1).await;
    assert_eq!((found[0].state, found[0].attempts), (ReceiptState::Cancelled, 1));
    assert_eq!(working.end().await.len(), 1, "it was begun once, before the cancel");
}

pub(crate) async fn a_job_in_progress_stops_with_its_run(fixture: &Fixture) {
    let broker = &fixture.broker;
    broker.publish(vec![job(1, DOOMED, Lane::Daily), job(2, "other", Lane::Daily)]).await.unwrap();
    let working = work(broker, How::Hangs);
    let status = Arc::clone(&working.status);
    eventually("both are in progress", || status.snapshot().runs.len() == 2).await;
    fixture.another().await.cancel(&DOOMED.into()).await.unwrap();
    let found = receipts(broker, 1).await;
    assert_eq!((found[0].state, found[0].run.as_str()), (ReceiptState::Cancelled, DOOMED));
    assert_eq!(found[0].calls.heavy, 1, "the call that was made counts");
    eventually("only the other is in progress", || {
        status.snapshot().runs.keys().map(RunId::as_str).eq(["other"])
    })
    .await;
    assert_eq!((status.snapshot().done, status.snapshot().retried), (1, 0));
    working.stop.cancel();
    working.task.abort();
}

pub(crate) async fn a_list_of_a_cancelled_run_publishes_nothing(fixture: &Fixture) {
    let broker = &fixture.broker;
    broker.publish(vec![job(1, DOOMED, Lane::Daily)]).await.unwrap();
    let working = work(broker, How::Expands);
    working.diary.begins.notified().await;
    broker.cancel(&DOOMED.into()).await.unwrap();
    // The list continues before it is stopped. Still, the jobs it plans are not published.
    working.diary.goes_on.notify_one();
    let status = Arc::clone(&working.status);
    eventually("it is settled", || status.snapshot().done == 1).await;
    let found = receipts(broker, 1).await;
    let own = found.iter().find(|receipt| receipt.kind == "meetings");
    assert!(own.is_none_or(|own| own.state == ReceiptState::Cancelled), "{own:?}");
    assert_eq!(broker.depth(&Queue::jobs(Family::ZOOM_LIST, Lane::Backfill)).await.unwrap().ready, 0);
    assert_eq!(working.end().await.len(), 1);
}
