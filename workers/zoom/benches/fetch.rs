//! The fetch side alone: a day listed and its meetings fetched through the worker loop and the local broker, from a
//! simulator whose quota is a hundred times Zoom's. Prints the rate held and the calls over quota.
#![allow(
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
use simulator::{Settings, Simulator};
use tokio_util::sync::CancellationToken;
use zoom::{Config, DetailWorker, ListWorker, Plan, Zoom};

const SPEED: f64 = 100.0;
const MEETINGS: u32 = 30_000;
/// 80 % of 40 calls a second, a hundred times as fast.
const ALLOWED: f64 = 3_200.0;

fn main() {
    // The simulator has a runtime of its own, as it would have in another process.
    let apart = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let settings = Settings {
        hosts: 500,
        meetings_per_day: MEETINGS,
        participants: 3.0,
        plan: simulator::Plan::Business,
        speed: SPEED,
        ..Settings::default()
    };
    let simulator = apart.block_on(Simulator::start(settings)).unwrap();
    let here = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let rate = here.block_on(harvest(&simulator));
    let ledger = simulator.ledger_summary();
    println!("rate held: {rate:.0} heavy calls/s of {ALLOWED:.0} allowed ({:.1} %)", 100.0 * rate / ALLOWED);
    println!(
        "over quota: {} of {} heavy calls; peak {} in a second",
        ledger.over, ledger.calls.heavy, ledger.peak.heavy_per_second
    );
}

/// Heavy calls a second between the first and the last tenth of the details.
async fn harvest(simulator: &Simulator) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let ladder = Ladder::default();
    let settings = local::Settings { folder: folder.path().to_owned(), ladder, documents_limit: 20_000 };
    let broker = Broker::Local(local::Local::open(settings).unwrap());
    let zoom = Arc::new(Zoom::new(config(simulator)).unwrap());
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
    while broker.depth(&details).await.unwrap().ready < u64::from(MEETINGS) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let (begin, processor) = (Instant::now(), processor_seconds());
    let detail = tokio::spawn(runtime::run(
        role(DetailWorker(Arc::clone(&zoom)), &broker, 256, "zoom.detail", &stop),
        Family::ZOOM_DETAIL,
    ));
    // In the place of the index role.
    let (drained, drain_stop) = (broker.clone(), stop.clone());
    let drain = tokio::spawn(async move {
        while drain_stop.run_until_cancelled(tokio::time::sleep(Duration::from_millis(100))).await.is_some() {
            drained.purge(&Queue::documents()).await.unwrap();
        }
    });
    let (tenth, mut mark) = (u64::from(MEETINGS / 10), None);
    let rate = loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let done = zoom.calls().heavy;
        match mark {
            None if done >= tenth => mark = Some((done, Instant::now())),
            Some((first, since)) if done >= 9 * tenth => {
                break (done - first) as f64 / since.elapsed().as_secs_f64();
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
    rate
}

fn config(simulator: &Simulator) -> Config {
    let known = simulator.credentials();
    Config {
        api_url: simulator.api_url(),
        oauth_url: simulator.oauth_url(),
        plan: Plan::Business,
        quota_speed: SPEED,
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

/// Seconds of processor time this process has used so far.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}
