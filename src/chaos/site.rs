//! Environment of the harness: a simulated account and Opencast, real servers, a folder, and the program's variables.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use messages::ReceiptState;
use reqwest::Method;
use runtime::Broker;
use serde::Deserialize;
use simulator::opencast::Opencast;
use simulator::{Simulator, Source, ZoomSettings};
use store::{DocumentKind, Query, Store};

use crate::balancer::Balancer;
use crate::lectures;
use crate::meddling::{send, text};

/// Quota of the simulated account, as a multiple of Zoom's.
const SPEED: f64 = 2.0;
/// Maximum time of a command.
const LONGEST: Duration = Duration::from_secs(600);
/// Number of further dates for cancels, policies and clocks, and days between the newest of them and the run's first
/// date.
const MORE_DATES: i64 = 8;
const LONG_AGO: i64 = 20;
/// Number of harvested dates.
const DATES: i64 = 3;
/// Meetings per date and per second of the storm: enough to use the quota until the end.
const MEETINGS: u64 = 13;
/// Limit of the documents queue: so low that it is full whenever the index roles are down.
const DOCUMENTS: usize = 100;
const FAULTS: [&str; 8] = [
    "429=0.02",
    "500=0.02",
    "reset=0.01",
    "502-html=0.005",
    "truncated-json=0.005",
    "timeout=0.002",
    "gone=0.01",
    "forbidden=0.01",
];

/// The program with its environment.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) folder: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Program {
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ua"));
        command.args(words).env_clear().current_dir(&self.folder).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Output of `ua plan`.
#[derive(Debug, Deserialize)]
pub(crate) struct Plan {
    pub(crate) run: String,
    pub(crate) jobs: u64,
}

/// Everything that remains while roles start and end.
pub(crate) struct Site {
    pub(crate) program: Program,
    pub(crate) simulator: Simulator,
    pub(crate) opencast: Opencast,
    pub(crate) dates: Vec<Date>,
    pub(crate) store: Store,
    pub(crate) broker: Broker,
    pub(crate) search: String,
    /// The load balancer between the program and Elasticsearch.
    pub(crate) balancer: Balancer,
    /// RabbitMQ's management API, with its password.
    pub(crate) management: String,
    /// Prefixes of the run's queues and indices.
    pub(crate) queues: String,
    pub(crate) indices: String,
    /// Uuid of a meeting whose document the load balancer always refuses.
    pub(crate) refused: String,
    /// The name of RabbitMQ in the servers' script.
    pub(crate) rabbitmq: &'static str,
    /// The folder of the servers' script.
    pub(crate) servers: String,
    folder: tempfile::TempDir,
}

#[expect(clippy::disallowed_methods, reason = "a harness learns from the environment where the servers are")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run docker/chaos.sh"))
}

impl Site {
    /// Creates a site on RabbitMQ 3 or 4.
    pub(crate) async fn new(seed: u64, length: Duration, rabbitmq: u64) -> Self {
        midnight_is_far().await;
        let simulator = Simulator::start(world(seed, length)).await.unwrap();
        let opencast = lectures::start(seed, length).await;
        let (rabbitmq, amqp, management) = match rabbitmq {
            3 => ("rabbitmq-3", variable("UA_TEST_AMQP_URL"), variable("UA_TEST_AMQP_MANAGEMENT_URL")),
            4 => ("rabbitmq-4", variable("UA_TEST_AMQP4_URL"), variable("UA_TEST_AMQP4_MANAGEMENT_URL")),
            other => panic!("--rabbitmq takes 3 or 4, not {other}"),
        };
        let search = variable("UA_TEST_ES_9");
        let yesterday = ua::receipts::read::today().saturating_sub(jiff::Span::new().days(1));
        let first = yesterday.saturating_sub(jiff::Span::new().days(DATES - 1));
        let dates: Vec<Date> =
            first.series(jiff::Span::new().days(1)).take_while(|date| *date <= yesterday).collect();
        let mut uuids = simulator.truth(first, Source::Dashboard).ids.unwrap().meeting_uuids;
        uuids.sort();
        let refused = uuids.swap_remove(uuids.len() / 2);
        let balancer = Balancer::before(&search, &refused).await;
        let (queues, indices) =
            (format!("chaos{}", std::process::id()), format!("chaos{}-", std::process::id()));
        let folder = tempfile::tempdir().unwrap();
        let account = simulator.credentials();
        let mut environment = vec![
            ("ZOOM_ACCOUNT_ID", account.account_id),
            ("ZOOM_CLIENT_ID", account.client_id),
            ("ZOOM_CLIENT_SECRET", account.client_secret),
            ("ZOOM_API_URL", simulator.api_url()),
            ("ZOOM_OAUTH_URL", simulator.oauth_url()),
            ("ZOOM_QUOTA_SPEED", SPEED.to_string()),
            ("AMQP_URL", amqp.clone()),
            ("UA_QUEUE_PREFIX", queues.clone()),
            ("UA_DOCUMENTS_LIMIT", DOCUMENTS.to_string()),
            ("AMQP_MANAGEMENT_URL", management.clone()),
            ("ES_HOST", balancer.url.clone()),
            ("UA_INDEX_PREFIX", indices.clone()),
            // One index per date: an id is unique only within its index, so that duplicates show.
            ("UA_INDEX_SPLIT", "day".to_owned()),
            // Plans every minute during the storm: documents that are held or in progress must not be fetched twice.
            ("UA_SCHEDULE", "* * * * *".to_owned()),
        ];
        environment.extend(lectures::environment(&opencast));
        let program = Program { folder: folder.path().to_owned(), environment };
        succeed(&program, &["setup"]);
        let site = Self {
            program,
            simulator,
            opencast,
            dates,
            store: Store::Elasticsearch(
                store::Elasticsearch::new(store::elasticsearch::ElasticsearchSettings {
                    prefix: indices.clone(),
                    ..store::elasticsearch::ElasticsearchSettings::new(&search)
                })
                .unwrap(),
            ),
            broker: broker(&amqp, queues.clone()).await,
            search,
            balancer,
            management,
            queues,
            indices,
            refused,
            rabbitmq,
            servers: variable("UA_TEST_SERVICES"),
            folder,
        };
        site.make_indices().await;
        site
    }

    /// Creates the index of sessions of each date: a foreign template would apply to an index created later.
    async fn make_indices(&self) {
        let more = (0..MORE_DATES).map(|number| self.further_date(number));
        for date in self.dates.iter().copied().chain(more) {
            let name = format!("{}sessions-{}", self.indices, date.strftime("%Y.%m.%d"));
            send(Method::PUT, &format!("{}/{name}", self.search), None).await;
        }
    }

    /// Publishes the jobs.
    pub(crate) fn plan(&self) {
        let (first, last) = (self.dates[0].to_string(), self.dates[self.dates.len() - 1].to_string());
        succeed(&self.program, &["plan", "--from", &first, "--to", &last, "--yes"]);
    }

    /// Returns a date that neither the run nor a schedule plans.
    pub(crate) fn further_date(&self, number: i64) -> Date {
        self.dates[0].saturating_sub(jiff::Span::new().days(LONG_AGO + number))
    }

    /// Plans the meetings of a date. Errors describe what went wrong.
    pub(crate) async fn plan_date(&self, date: Date) -> Result<Plan, String> {
        let words = ["plan", "--source", "zoom", "--date", &date.to_string(), "--yes", "--json"];
        let planned = self.quietly(&words).await;
        serde_json::from_slice(&planned.stdout).map_err(|_| format!("ua plan: {}", text(&planned)))
    }

    /// Returns true when the list of a date is read: its details are published, and no list publishes them again.
    pub(crate) async fn is_listed(&self, date: Date) -> bool {
        let lists = Query::all(DocumentKind::Harvests).with("kind", "meetings").with("date", date);
        let read = lists.with("state", ReceiptState::Complete.name());
        self.store.refresh().await.is_ok() && self.store.count(&read).await.is_ok_and(|lists| lists > 0)
    }

    /// Runs a command to its end while the load balancer only forwards.
    pub(crate) async fn quietly(&self, words: &[impl AsRef<str>]) -> Output {
        self.quietly_for(words, LONGEST).await.unwrap()
    }

    /// Like [`Site::quietly`], for at most `patience`; `None` when the command was ended by that.
    pub(crate) async fn quietly_for(&self, words: &[impl AsRef<str>], patience: Duration) -> Option<Output> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let was_moody = self.balancer.be_moody(false);
        let mut command = tokio::process::Command::from(self.program.command(&words));
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let ended = tokio::time::timeout(patience, command.output()).await;
        self.balancer.be_moody(was_moody);
        ended.ok().map(Result::unwrap)
    }

    /// Removes what the run has left, except the logs of a failed run.
    pub(crate) async fn clean(self, well: bool) {
        let Self { simulator, opencast, store, broker, folder, .. } = self;
        simulator.stop().await;
        opencast.stop().await;
        broker.close().await;
        if well {
            store.wipe_prefix().await.unwrap();
        } else {
            println!("logs of the roles are left in {}", folder.keep().display());
        }
    }
}

/// The schedule plans yesterday: if the day changed during the run, it would plan another date.
async fn midnight_is_far() {
    let midnight =
        TimeZone::UTC.to_timestamp(ua::receipts::read::today().tomorrow().unwrap().at(0, 0, 0, 0)).unwrap();
    let left = Duration::try_from(midnight.duration_since(runtime::clock::now())).unwrap_or_default();
    if left < LONGEST {
        println!("chaos: midnight UTC is waited for, {} s", left.as_secs());
        tokio::time::sleep(left + Duration::from_secs(1)).await;
    }
}

fn world(seed: u64, length: Duration) -> ZoomSettings {
    // By then the last of yesterday's meetings has ended, those over midnight included: the truth is final.
    let noon = TimeZone::UTC.to_timestamp(ua::receipts::read::today().at(12, 0, 0, 0)).unwrap();
    ZoomSettings {
        now: Some(noon.max(runtime::clock::now())),
        seed,
        meetings_per_day: u32::try_from(length.as_secs() * MEETINGS).unwrap(),
        participants: 5.0,
        speed: SPEED,
        faults: FAULTS.iter().map(|fault| fault.parse().unwrap()).collect(),
        // A fourth failure would delay the next attempt by 10 minutes, longer than the calm.
        faults_in_a_row: Some(3),
        fault_timeout: Duration::from_secs(5),
        ..ZoomSettings::default()
    }
}

async fn broker(url: &str, prefix: String) -> Broker {
    let settings = runtime::broker::amqp::AmqpSettings {
        prefix,
        documents_limit: DOCUMENTS,
        ..runtime::broker::amqp::AmqpSettings::new(url.into())
    };
    Broker::Amqp(runtime::broker::Amqp::connect(settings).await.unwrap())
}

fn succeed(program: &Program, words: &[&str]) {
    let output = program.command(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}
