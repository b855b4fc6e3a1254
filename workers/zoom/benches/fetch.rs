//! Benchmark of fetching: lists a day and fetches its meetings through the worker loop and the local broker. First from
//! a simulator with 100 times Zoom's quota, then for a minute from one with Zoom's quota. Prints the call rate and the
//! calls over quota.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends when anything goes wrong"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use messages::zoom::Task;
use messages::{Family, Lane, Queue, RunId, encode};
use runtime::broker::local;
use runtime::{Broker, Ladder, Message, Role, Status, clock};
use secrecy::SecretString;
use simulator::{Simulator, ZoomSettings};
use tokio_util::sync::CancellationToken;
use zoom::{Config, DetailWorker, ListWorker, Zoom, ZoomPlan};

/// Parameters of one measurement.
struct Course {
    speed: f64,
    meetings: u32,
    permits: usize,
    /// Heavy calls before the measurement starts, and during it.
    before: u64,
    counted: u64,
}

impl Course {
    /// Returns the allowed heavy calls per second: 80 % of 40, multiplied by the speed.
    fn allowed(&self) -> f64 {
        32.0 * self.speed
    }
}

fn main() {
    // The simulator has its own runtime, as in a separate process.
    let apart = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let here = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for course in [
        Course { speed: 100.0, meetings: 30_000, permits: 256, before: 3_000, counted: 24_000 },
        Course { speed: 1.0, meetings: 2_100, permits: 16, before: 100, counted: 60 * 32 },
    ] {
        let settings = ZoomSettings {
            hosts: 500,
            meetings_per_day: course.meetings,
            participants: 3.0,
            plan: simulator::AccountPlan::Business,
            speed: course.speed,
            ..ZoomSettings::default()
        };
        let simulator = apart.block_on(Simulator::start(settings)).unwrap();
        let (rate, seconds) = here.block_on(harvest(&simulator, &course));
        let (ledger, allowed) = (simulator.ledger_summary(), course.allowed());
        println!(
            "speed {}: {rate:.1} heavy calls/s of {allowed:.0} allowed held for {seconds:.1} s ({:.1} %); {} of {} calls over quota, peak {} in a second",
            course.speed,
            100.0 * rate / allowed,
            ledger.over,
            ledger.calls.heavy,
            ledger.peak.heavy_per_second
        );
        apart.block_on(simulator.stop());
    }
}

/// Returns the heavy calls per second during the measurement, and its seconds.
async fn harvest(simulator: &Simulator, course: &Course) -> (f64, f64) {
    let folder = tempfile::tempdir().unwrap();
    let ladder = Ladder::default();
    let settings =
        local::LocalBrokerSettings { folder: folder.path().to_owned(), ladder, documents_limit: 20_000 };
    let broker = Broker::Local(local::Local::open(settings).unwrap());
    let zoom = Arc::new(Zoom::new(config(simulator, course.speed)).unwrap());
    let stop = CancellationToken::new();
    let list = tokio::spawn(runtime::run(
        role(ListWorker(Arc::clone(&zoom)), &broker, 2, "zoom.list", &stop),
        Family::ZOOM_LIST,
    ));
    let date = jiff::tz::Offset::UTC.to_datetime(clock::now()).date().yesterday().unwrap();
    let job = Task::Meetings { date }.into_job(RunId::from("bench"), Lane::Daily, clock::now());
    let queue = Queue::jobs(Family::ZOOM_LIST, Lane::Daily);
    let message = Message::new(queue, job.id.as_str(), encode(&job).unwrap(), clock::now());
    broker.publish(vec![message]).await.unwrap();
    let details = Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily);
    while broker.depth(&details).await.unwrap().ready < u64::from(course.meetings) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let (begin, processor) = (Instant::now(), processor_seconds());
    let detail = tokio::spawn(runtime::run(
        role(DetailWorker(Arc::clone(&zoom)), &broker, course.permits, "zoom.detail", &stop),
        Family::ZOOM_DETAIL,
    ));
    // Replaces the index role.
    let (drained, drain_stop) = (broker.clone(), stop.clone());
    let drain = tokio::spawn(async move {
        while drain_stop.run_until_cancelled(tokio::time::sleep(Duration::from_millis(100))).await.is_some() {
            drained.purge(&Queue::documents()).await.unwrap();
        }
    });
    let mut mark = None;
    let held = loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let done = zoom.calls().heavy;
        match mark {
            None if done >= course.before => mark = Some((done, Instant::now())),
            Some((first, since)) if done >= first + course.counted => {
                let seconds = since.elapsed().as_secs_f64();
                break ((done - first) as f64 / seconds, seconds);
            }
            _ => {}
        }
    };
    let used = (processor_seconds() - processor) / begin.elapsed().as_secs_f64();
    println!("processors used, simulator included: {used:.2}");
    stop.cancel();
    drain.await.unwrap();
    list.await.unwrap().unwrap();
    detail.await.unwrap().unwrap();
    held
}

fn config(simulator: &Simulator, speed: f64) -> Config {
    let known = simulator.credentials();
    Config {
        api_url: simulator.api_url(),
        oauth_url: simulator.oauth_url(),
        plan: ZoomPlan::Business,
        quota_speed: speed,
        ..Config::new(known.account_id, known.client_id, SecretString::from(known.client_secret))
    }
}

fn role<W>(
    worker: W,
    broker: &Broker,
    permits: usize,
    name: &'static str,
    stop: &CancellationToken,
) -> Role<W> {
    Role {
        worker: Arc::new(worker),
        broker: broker.clone(),
        permits,
        status: Arc::new(Status::new(name)),
        stop: stop.clone(),
        grace: Duration::from_secs(5),
    }
}

/// Returns the CPU seconds of this process so far.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}
