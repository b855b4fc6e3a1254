//! The main job on real servers: RabbitMQ, and Elasticsearch or OpenSearch, with faults and a `kill -9`. The
//! environment names the servers; `docker/test.sh` starts them and requires all of them.

use std::collections::BTreeSet;
use std::io::Write as _;

use simulator::{Simulator, Source, ZoomSettings};

use crate::program::{Program, closed_date, eventually};

/// Returns the URL in `name`, or `None` after printing what is skipped; fails when servers are required.
#[expect(clippy::disallowed_methods, reason = "tests learn from the environment where the servers are")]
pub(crate) fn server(name: &str) -> Option<String> {
    let url = std::env::var(name).ok();
    if url.is_none() {
        assert!(
            std::env::var("UA_TEST_REQUIRE_SERVERS").is_err(),
            "{name} is not set, and servers are required"
        );
        // Write directly: the test harness hides the output of macros when a test passes.
        let _ = writeln!(std::io::stderr(), "left out: what needs the server of {name}");
    }
    url
}

pub(crate) fn unique(what: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("{what}-{}-{}", std::process::id(), now.as_nanos() % 1_000_000_000)
}

pub(crate) struct Site {
    pub(crate) program: Program,
    pub(crate) store: store::Store,
}

/// Returns the store at `host` with `prefix`.
pub(crate) fn searched(host: &str, prefix: &str) -> store::Store {
    let settings = store::elasticsearch::ElasticsearchSettings {
        host: host.to_owned(),
        user: None,
        password: None,
        api_key: None,
        ca_cert: None,
        prefix: prefix.to_owned(),
        request_timeout: std::time::Duration::from_secs(30),
    };
    store::Store::Elasticsearch(store::Elasticsearch::new(settings).unwrap())
}

impl Site {
    fn new(simulator: &Simulator, speed: f64, amqp: &str, search: &str) -> Self {
        Self::with(Program::new().with_account(simulator, speed), amqp, search)
    }

    /// Adds the servers to `program`.
    pub(crate) fn with(program: Program, amqp: &str, search: &str) -> Self {
        let (queues, indices) = (unique("t"), format!("{}-", unique("t")));
        let store = searched(search, &indices);
        let program = program
            .with("AMQP_URL", amqp)
            .with("UA_QUEUE_PREFIX", queues)
            .with("ES_HOST", search)
            .with("UA_INDEX_PREFIX", indices)
            .with("UA_DATA_DIR", "never-made");
        Self { program, store }
    }

    pub(crate) async fn ids(&self, kind: store::DocumentKind) -> BTreeSet<String> {
        for _ in 0..50 {
            match self.try_ids(kind).await {
                Ok(ids) => return ids,
                // A new index answers 503 for a moment.
                Err(store::StoreError::Away(_) | store::StoreError::Busy(_)) => {
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the store was away for ten seconds");
    }

    async fn try_ids(&self, kind: store::DocumentKind) -> Result<BTreeSet<String>, store::StoreError> {
        let (query, mut ids, mut after) = (store::Query::all(kind), BTreeSet::new(), None);
        self.store.refresh().await?;
        loop {
            let (hits, next) = self.store.scan(&query, 2_000, after).await?;
            ids.extend(hits.into_iter().map(|hit| hit.id));
            match next {
                Some(next) => after = Some(next),
                None => return Ok(ids),
            }
        }
    }

    pub(crate) fn succeed(&self, words: &[&str]) -> String {
        let ended = self.program.call(words);
        assert_eq!(ended.code, Some(0), "{words:?}: {}\n{}", ended.out, ended.err);
        ended.out
    }
}

/// Setup, plan, work, `kill -9` and restart in the middle: the index ends equal to the truth.
async fn main_job(amqp: &str, search: &str) {
    let (Some(amqp), Some(search)) = (server(amqp), server(search)) else { return };
    let faults = ["429=0.02", "500=0.02", "reset=0.01"].map(|fault| fault.parse().unwrap()).into();
    let settings = ZoomSettings {
        meetings_per_day: 200,
        participants: 8.0,
        speed: 5.0,
        faults,
        ..ZoomSettings::default()
    };
    let simulator = Simulator::start(settings).await.unwrap();
    let site = Site::new(&simulator, 5.0, &amqp, &search);
    site.succeed(&["setup"]);
    site.succeed(&["check"]);
    site.succeed(&["plan", "--date", &closed_date(), "--yes"]);
    let worker = site.program.start(&["work", "all"], "first.log");
    eventually("some details are fetched", 60, async || simulator.ledger_summary().calls.heavy > 60).await;
    worker.kill();
    let at_the_kill = site.ids(store::DocumentKind::Sessions).await.len() as u64;
    let worker = site.program.start(&["work", "all"], "second.log");
    let truth = simulator.truth(closed_date().parse().unwrap(), Source::Dashboard);
    assert!(at_the_kill < truth.sessions, "the kill came too late to prove anything");
    let ids = truth.ids.as_ref().unwrap();
    let sessions: BTreeSet<String> = ids.session_ids.iter().cloned().collect();
    eventually("the index holds every session", 120, async || {
        site.ids(store::DocumentKind::Sessions).await == sessions
    })
    .await;
    let meetings: BTreeSet<String> = ids.meeting_uuids.iter().cloned().collect();
    assert_eq!(site.ids(store::DocumentKind::Meetings).await, meetings);
    eventually("every receipt is complete", 30, async || {
        site.store.refresh().await.unwrap();
        let receipts = store::Query::all(store::DocumentKind::Harvests);
        let complete = site.store.count(&receipts.clone().with("state", "complete")).await.unwrap();
        complete == truth.meetings + 1 && site.store.count(&receipts).await.unwrap() == complete
    })
    .await;
    assert_eq!(worker.terminate(), Some(0));
    let again = site.succeed(&["plan", "--date", &closed_date(), "--json"]);
    let price: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(price["jobs"], 0, "a covered date is not planned again: {price}");
    assert_eq!(simulator.ledger_summary().first_over, [], "no call over quota");
    assert!(!site.program.path().join("never-made").exists(), "with both servers nothing is written locally");
    site.store.wipe_prefix().await.unwrap();
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn main_job_on_rabbitmq_3_and_elasticsearch_9() {
    main_job("UA_TEST_AMQP_URL", "UA_TEST_ES_9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn main_job_on_rabbitmq_4_and_elasticsearch_7() {
    main_job("UA_TEST_AMQP4_URL", "UA_TEST_ES_7").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn main_job_on_rabbitmq_3_and_opensearch_2() {
    main_job("UA_TEST_AMQP_URL", "UA_TEST_OS_2").await;
}

/// `ua run` on shared servers ends by receipts, because RabbitMQ does not report leased messages.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_over_rabbitmq_4_and_opensearch_3_ends_complete() {
    let (Some(amqp), Some(search)) = (server("UA_TEST_AMQP4_URL"), server("UA_TEST_OS_3")) else { return };
    let settings =
        ZoomSettings { meetings_per_day: 60, participants: 8.0, speed: 50.0, ..ZoomSettings::default() };
    let simulator = Simulator::start(settings).await.unwrap();
    let site = Site::new(&simulator, 50.0, &amqp, &search);
    let out = site.succeed(&["run", "--date", &closed_date(), "--json"]);
    let receipt: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let truth = simulator.truth(closed_date().parse().unwrap(), Source::Dashboard);
    assert_eq!(receipt["sessions"], truth.sessions, "{receipt}");
    assert_eq!(site.ids(store::DocumentKind::Sessions).await.len() as u64, truth.sessions);
    site.store.wipe_prefix().await.unwrap();
    simulator.stop().await;
}

/// A run is cancelled on RabbitMQ while workers continue: no message of another run is lost or stuck.
async fn cancelled(amqp: &str, search: &str) {
    let (Some(amqp), Some(search)) = (server(amqp), server(search)) else { return };
    let speed = crate::runs::SPEED;
    let settings =
        ZoomSettings { meetings_per_day: 150, participants: 5.0, speed, ..ZoomSettings::default() };
    let simulator = Simulator::start(settings).await.unwrap();
    let site = Site::new(&simulator, speed, &amqp, &search);
    site.succeed(&["setup"]);
    crate::runs::cancelled_in_the_middle(&site.program, &simulator).await;
    assert_eq!(site.ids(store::DocumentKind::Sessions).await, crate::runs::sessions_of_the_dates(&simulator));
    site.store.wipe_prefix().await.unwrap();
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_on_rabbitmq_3_and_elasticsearch_9() {
    cancelled("UA_TEST_AMQP_URL", "UA_TEST_ES_9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_on_rabbitmq_4_and_elasticsearch_9() {
    cancelled("UA_TEST_AMQP4_URL", "UA_TEST_ES_9").await;
}

/// One of two schedulers on RabbitMQ leads, and the other takes over after a kill.
async fn scheduled(amqp: &str, search: &str) {
    let (Some(amqp), Some(search)) = (server(amqp), server(search)) else { return };
    let simulator = Simulator::start(ZoomSettings { speed: 100.0, ..ZoomSettings::default() }).await.unwrap();
    let (missed, firing) = crate::schedule::missed();
    let mut site = Site::new(&simulator, 100.0, &amqp, &search);
    site.program = site.program.with("UA_SCHEDULE", firing);
    site.succeed(&["setup"]);
    crate::schedule::one_leads_and_one_takes_over(&site.program, &site.store, missed).await;
    site.store.wipe_prefix().await.unwrap();
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_schedulers_on_rabbitmq_3_and_elasticsearch_9() {
    scheduled("UA_TEST_AMQP_URL", "UA_TEST_ES_9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_schedulers_on_rabbitmq_4_and_elasticsearch_9() {
    scheduled("UA_TEST_AMQP4_URL", "UA_TEST_ES_9").await;
}
