//! Peers that refuse for a while: a load balancer in front of a search engine, and a broker without free connections.
//! The role holds, logs it once, and continues by itself.

use serde_json::{Value, json};
use simulator::{Simulator, ZoomSettings};

use crate::gate::Gate;
use crate::program::{Program, Running, eventually};
use crate::servers::{searched, server, unique};
use crate::serving::{address, get};

const SPEED: f64 = 100.0;

fn succeed(program: &Program, words: &[&str]) -> String {
    let ended = program.call(words);
    assert_eq!(ended.code, Some(0), "{words:?}: {}\n{}", ended.out, ended.err);
    ended.out
}

fn log(program: &Program) -> String {
    std::fs::read_to_string(program.path().join("work.log")).unwrap()
}

/// Returns the worker's report of its index role.
fn index(program: &Program) -> Value {
    let status: Value = serde_json::from_str(&succeed(program, &["status", "--json"])).unwrap();
    let roles =
        status["workers"].as_array().unwrap().iter().flat_map(|worker| worker["roles"].as_array().unwrap());
    let mut index = roles.filter(|role| role["name"] == "index");
    index.next().cloned().unwrap_or_default()
}

fn ago(days: i32) -> String {
    ua::receipts::read::today().saturating_sub(jiff::Span::new().days(days)).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_for_a_while_is_waited_for_at_the_start_and_held_later() {
    let Some(search) = server("UA_TEST_ES_9") else { return };
    let settings =
        ZoomSettings { meetings_per_day: 10, participants: 3.0, speed: SPEED, ..ZoomSettings::default() };
    let simulator = Simulator::start(settings).await.unwrap();
    let (gate, url) = Gate::before(&search).await;
    let prefix = format!("{}-", unique("refused"));
    // The operator's commands bypass the gate.
    let site = |host: &str, data: &str| {
        Program::new()
            .with_account(&simulator, SPEED)
            .with("ES_HOST", host)
            .with("UA_INDEX_PREFIX", &prefix)
            .with("UA_DATA_DIR", data)
            .with("UA_HTTP", "127.0.0.1:0")
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let (operator, program) = (site(&search, &data), site(&url, &data));
    succeed(&operator, &["setup"]);
    gate.deny(404, "");
    let mut worker = program.start(&["work", "all"], "work.log");
    eventually("it is refused some times", 60, async || gate.denials() >= 3).await;
    assert!(worker.is_running(), "{}", log(&program));
    gate.open();
    let address = address(&program, "work.log").await;
    eventually("it works", 60, async || get(&address, "/readyz").await.0 == 200).await;
    for (days, status) in [(1, 401), (2, 404), (3, 403)] {
        held_and_over(&operator, &gate, (days, status), &address).await;
        assert!(worker.is_running(), "{}", log(&program));
    }
    let said = log(&program);
    assert_eq!(said.matches("index is on hold").count(), 3, "once per change: {said}");
    assert_eq!(worker.terminate(), Some(0), "{said}");
    searched(&search, &prefix).wipe_prefix().await.unwrap();
    simulator.stop().await;
}

/// Bulks of a date are refused: the role reports it everywhere, backs off, and continues.
async fn held_and_over(operator: &Program, gate: &Gate, (days, status): (i32, u16), address: &str) {
    gate.deny(status, "/_bulk");
    succeed(operator, &["plan", "--date", &ago(days), "--yes"]);
    eventually("the role is refused again", 60, async || gate.denials() >= 3).await;
    let role = index(operator);
    assert_eq!(role["trouble"]["refused"], true, "{role}");
    let why = role["trouble"]["why"].as_str().unwrap().to_owned();
    assert!(why.contains(&status.to_string()), "{why}");
    let (code, page) = get(address, "/readyz").await;
    assert!(code == 503 && page.contains("index is on hold"), "{code} {page}");
    let metrics = get(address, "/metrics").await.1;
    assert!(metrics.contains("ua_role_refused{role=\"index\"} 1\n"), "{metrics}");
    assert!(succeed(operator, &["status"]).contains("index is on hold: "));
    gate.open();
    let said = operator.call(&["resume", "index"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    eventually("the date is complete", 90, async || {
        let runs = succeed(operator, &["runs", "--limit", "1", "--json"]);
        let run: Value = serde_json::from_str(runs.lines().next().unwrap_or("null")).unwrap();
        run["waiting"] == 0 && run["complete"].as_u64() > Some(0)
    })
    .await;
    eventually("it is ready", 60, async || get(address, "/readyz").await.0 == 200).await;
}

/// A separate virtual host of RabbitMQ.
struct Vhost {
    management: String,
    name: String,
}

impl Vhost {
    async fn made(management: &str) -> Self {
        let vhost = Self { management: management.to_owned(), name: unique("vhost") };
        vhost.put("vhosts", "", json!({})).await;
        vhost.put("permissions", "/guest", json!({"configure": ".*", "write": ".*", "read": ".*"})).await;
        vhost
    }

    /// Limits the number of connections; -1 means no limit.
    async fn limit(&self, connections: i64) {
        self.put("vhost-limits", "/max-connections", json!({ "value": connections })).await;
    }

    async fn put(&self, what: &str, rest: &str, body: Value) {
        let url = format!("{}/api/{what}/{}{rest}", self.management, self.name);
        let put = http().put(url).header("content-type", "application/json").body(body.to_string());
        let status = put.send().await.unwrap().status();
        assert!(status.is_success(), "{what}: {status}");
    }

    async fn remove(self) {
        let url = format!("{}/api/vhosts/{}", self.management, self.name);
        assert!(http().delete(url).send().await.unwrap().status().is_success());
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_connections_is_waited_for_and_named() {
    let servers = server("UA_TEST_AMQP_URL").zip(server("UA_TEST_AMQP_MANAGEMENT_URL"));
    let Some((amqp, management)) = servers else { return };
    let vhost = Vhost::made(&management).await;
    vhost.limit(0).await;
    let url = amqp.replace("%2f", &vhost.name);
    let program = Program::new().with("AMQP_URL", &url).with("UA_HTTP", "127.0.0.1:0");
    let ended = program.call(&["check"]);
    assert!(ended.out.contains("limit of connections") && ended.out.contains("limits"), "{}", ended.out);
    succeed_without_broker(&program);
    let mut worker: Running = program.start(&["work", "index"], "work.log");
    eventually("it says what it waits for", 60, async || {
        log(&program).contains("reached its limit of connections")
    })
    .await;
    assert!(worker.is_running(), "{}", log(&program));
    vhost.limit(-1).await;
    let address = address(&program, "work.log").await;
    eventually("it works", 60, async || get(&address, "/readyz").await.0 == 200).await;
    assert_eq!(worker.terminate(), Some(0), "{}", log(&program));
    vhost.remove().await;
}

/// Creates the local store, which the worker needs, without a connection to the broker.
fn succeed_without_broker(program: &Program) {
    let local = Program::new().with("UA_DATA_DIR", program.path().join("ua-data").display());
    succeed(&local, &["setup"]);
}
