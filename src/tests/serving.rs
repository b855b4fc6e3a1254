//! A worker's HTTP server, its waits at the start, and its log as JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use simulator::{Simulator, ZoomSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::drain::port;
use crate::embedded::{sessions_in, true_sessions, truth};
use crate::program::{Program, closed_date, eventually};

fn small() -> ZoomSettings {
    ZoomSettings { meetings_per_day: 60, participants: 6.0, speed: 100.0, ..ZoomSettings::default() }
}

fn log(program: &Program, name: &str) -> String {
    std::fs::read_to_string(program.path().join(name)).unwrap()
}

/// Returns the address of the worker's HTTP server, from its log.
pub(crate) async fn address(program: &Program, name: &str) -> String {
    let mut found = None;
    eventually("it says where it serves", 60, async || {
        let log = log(program, name);
        found =
            log.split_once(" on http://").map(|(_, rest)| rest.split_whitespace().next().unwrap().to_owned());
        found.is_some()
    })
    .await;
    found.unwrap()
}

pub(crate) async fn get(address: &str, path: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{address}{path}")).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// A page of metrics: value by name and labels.
struct Page(BTreeMap<String, f64>);

impl Page {
    /// Reads a page line by line; every line must be valid for Prometheus.
    fn read(text: &str) -> Self {
        let (mut types, mut helped, mut values) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(help.ends_with('.') && help.len() > 10, "{line}");
                assert!(helped.insert(name.to_owned()), "helped twice: {line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                check_name(name, kind);
                assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "typed twice: {line}");
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
                let name = series.split('{').next().unwrap();
                let family = family_of(name, &types);
                assert!(helped.contains(family), "no help: {line}");
                check_labels(series, &types[family]);
                assert!(values.insert(series.to_owned(), value).is_none(), "twice: {line}");
            }
        }
        Self(values)
    }

    fn value(&self, series: &str) -> f64 {
        *self.0.get(series).unwrap_or_else(|| panic!("no {series} among {:#?}", self.0.keys()))
    }

    /// Returns all values of the series with this name and label.
    fn values(&self, name: &str, label: &str) -> Vec<f64> {
        let of = |series: &&String| series.split('{').next() == Some(name) && series.contains(label);
        self.0.keys().filter(of).map(|series| self.0[series]).collect()
    }

    fn sum(&self, name: &str, label: &str) -> f64 {
        self.values(name, label).iter().sum()
    }
}

fn check_name(name: &str, kind: &str) {
    let ours = name.starts_with("ua_") || name == "process_start_time_seconds";
    assert!(ours && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
    assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
    assert!(["counter", "gauge", "histogram"].contains(&kind), "{name} is a {kind}");
    for unit in ["_ms", "_millis", "_minutes", "_kb", "_percent"] {
        assert!(!name.contains(unit), "{name} is in no base unit");
    }
}

/// Returns the family of a sample: a histogram's samples have a suffix each.
fn family_of<'a>(name: &'a str, types: &BTreeMap<String, String>) -> &'a str {
    if types.contains_key(name) {
        return name;
    }
    let stem = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
    let stem = stem.unwrap_or_else(|| panic!("{name} has no type"));
    assert_eq!(types.get(stem).map(String::as_str), Some("histogram"), "{name}");
    stem
}

fn check_labels(series: &str, kind: &str) {
    let Some((_, labels)) = series.split_once('{') else { return };
    for label in labels.trim_end_matches('}').split("\",") {
        let (name, value) = label.split_once("=\"").unwrap();
        let known = [
            "role", "outcome", "class", "source", "endpoint", "status", "queue", "state", "doing", "by",
            "account",
        ];
        let known = known.contains(&name)
            || name == "version"
            || name == "verdict"
            || (name == "le" && kind == "histogram");
        assert!(known, "{series}: who bounds the label {name}?");
        assert!(value.len() < 60, "{series}: {value} is no class of anything");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_move_by_exactly_what_was_done() {
    let simulator = Simulator::start(small()).await.unwrap();
    let program =
        Program::new().with_account(&simulator, 100.0).with("UA_HTTP", "0").with("UA_RAW_DAYS", "0");
    assert_eq!(program.call(&["plan", "--date", &closed_date(), "--yes"]).code, Some(0));
    let worker = program.start(&["work", "all"], "work.log");
    let address = address(&program, "work.log").await;
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let truth = truth(&simulator);
    let jobs = truth.meetings as f64;
    eventually("all is done and counted", 120, async || {
        let (status, text) = get(&address, "/metrics").await;
        assert_eq!(status, 200);
        let done = "ua_jobs_settled_total{role=\"index\",outcome=\"done\"}";
        text.contains(done) && sessions_in(&program) == true_sessions(&truth) && {
            let page = Page::read(&text);
            page.sum("ua_jobs_settled_total", "role=\"zoom.detail\"") == jobs
                && page.sum("ua_queue_messages", "") == 0.0
        }
    })
    .await;
    let text = get(&address, "/metrics").await.1;
    for canary in [simulator.credentials().client_secret.as_str(), "example.edu", "@"] {
        assert!(!text.contains(canary), "{canary:?} is shown");
    }
    let page = Page::read(&text);
    assert_eq!(page.value("ua_jobs_settled_total{role=\"zoom.list\",outcome=\"done\"}"), 1.0);
    assert_eq!(page.value("ua_jobs_settled_total{role=\"zoom.detail\",outcome=\"done\"}"), jobs);
    assert_eq!(page.value("ua_job_duration_seconds_count{role=\"zoom.detail\"}"), jobs);
    let calls = simulator.ledger_summary().calls;
    assert_eq!(page.value("ua_api_calls_total{source=\"zoom\",class=\"heavy\"}"), calls.heavy as f64);
    assert_eq!(page.sum("ua_api_request_duration_seconds_count", "participants"), calls.heavy as f64);
    assert_eq!(
        page.value("ua_quota_wait_seconds_count{source=\"zoom\",class=\"heavy\"}"),
        calls.heavy as f64
    );
    // A detail job's receipt is written twice: when its list plans it, and when it is done.
    let written = documents_in(&program) as f64 + jobs;
    let verdicts = ["indexed", "stale"].map(|verdict| page.sum("ua_documents_total", verdict));
    assert_eq!(verdicts.iter().sum::<f64>(), written);
    assert_eq!(page.sum("ua_documents_total", ""), written);
    assert!(page.0.len() > 100, "few figures: {:#?}", page.0.keys());
    assert_eq!(page.sum("ua_bulk_documents_sum", ""), page.sum("ua_documents_total", ""));
    assert_eq!(page.sum("ua_dead_letters_total", "") + page.sum("ua_retries_total", ""), 0.0);
    assert_eq!(page.value("ua_useful_workers{role=\"zoom.detail\"}"), 0.0, "nothing is left to do");
    assert_eq!(page.value("ua_workers{role=\"zoom.detail\"}"), 1.0);
    assert_eq!(page.value("ua_flow_bound{by=\"nothing\"}"), 1.0);
    assert_eq!(page.value("ua_broker_reachable"), 1.0);
    let account = "source=\"zoom\",account=\"main\"";
    let used = calls.heavy + calls.resource_intensive;
    assert_eq!(page.value(&format!("ua_quota_day_used_calls{{{account}}}")), used as f64);
    // 80 % of 60,000, at 100 times the speed.
    assert_eq!(
        page.sum("ua_quota_day_used_calls", "") + page.sum("ua_quota_day_left_calls", ""),
        4_800_000.0
    );
    assert_eq!(page.value(&format!("ua_quota_calls_per_second{{{account},class=\"heavy\"}}")), 3_200.0);
    assert_eq!(page.sum("ua_quota_paused", ""), 0.0);
    assert_eq!(get(&address, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(get(&address, "/readyz").await, (200, "ok\n".to_owned()));
    assert_eq!(get(&address, "/").await.0, 404);
    assert_eq!(worker.terminate(), Some(0));
    simulator.stop().await;
}

fn documents_in(program: &Program) -> i64 {
    let file = rusqlite::Connection::open(program.path().join("ua-data/ua.db")).unwrap();
    file.query_row("select count(*) from documents where index_name not like 'runs%'", [], |row| row.get(0))
        .unwrap()
}

/// Returns the raw answer to a raw request.
pub(crate) async fn raw(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A server that refuses a request may reset the connection after its answer.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_requests_that_name_the_server_are_answered() {
    let program = Program::new().with("UA_HTTP", "0, ua.example.org").with("UA_SCHEDULE", "");
    let worker = program.start(&["work", "index"], "work.log");
    let address = address(&program, "work.log").await;
    let port = address.rsplit_once(':').unwrap().1.to_owned();
    for path in ["/metrics", "/healthz", "/readyz"] {
        let status = async |head: &str| {
            let answer = raw(&address, &format!("GET {head}\r\nConnection: close\r\n\r\n")).await;
            answer.split(' ').nth(1).unwrap_or_default().to_owned()
        };
        eventually("it is ready", 60, async || {
            status(&format!("{path} HTTP/1.1\r\nHost: localhost")).await == "200"
        })
        .await;
        for (head, wanted) in [
            (format!("{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}"), "200"),
            (format!("{path} HTTP/1.1\r\nHost: 10.42.0.7:9464"), "200"),
            (format!("{path} HTTP/1.1\r\nHost: [::1]:{port}"), "200"),
            (format!("{path} HTTP/1.1\r\nHost: UA.example.org"), "200"),
            (format!("http://localhost:{port}{path} HTTP/1.1\r\nHost: localhost:{port}"), "200"),
            (format!("{path} HTTP/1.1\r\nHost: evil.example"), "421"),
            (format!("{path} HTTP/1.1\r\nHost: localhost.evil.example:{port}"), "421"),
            (format!("{path} HTTP/1.1\r\nHost: localhost\r\nHost: localhost"), "400"),
            (format!("{path} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example"), "400"),
            (format!("{path} HTTP/1.1"), "400"),
            (format!("http://evil.example{path} HTTP/1.1\r\nHost: localhost"), "421"),
            (format!("http://127.0.0.1{path} HTTP/1.1\r\nHost: localhost"), "400"),
            (format!("{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9"), "413"),
            (format!("{path} HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(20_000)), "431"),
        ] {
            assert_eq!(status(&head).await, wanted, "{head:.200}");
        }
    }
    let post = "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert!(raw(&address, post).await.starts_with("HTTP/1.1 405"));
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_send_nothing_keep_neither_descriptors_nor_others_out() {
    let program = Program::new().with("UA_HTTP", "0");
    let worker = program.start(&["work", "index"], "work.log");
    let address = address(&program, "work.log").await;
    let mut silent = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(&*address).await.unwrap();
        if number % 2 == 0 {
            // An incomplete request.
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost:").await.unwrap();
        }
        silent.push(stream);
    }
    assert_eq!(get(&address, "/healthz").await, (200, "ok\n".to_owned()));
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", worker.id())).unwrap().count();
    assert!(descriptors < 150, "{descriptors} descriptors with 300 connections");
    // The server closes all of them in the end.
    let mut nothing = Vec::new();
    for stream in &mut silent {
        let _ =
            tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut nothing)).await.unwrap();
    }
    assert_eq!(get(&address, "/healthz").await.0, 200);
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_and_dead_letters_are_counted_by_class() {
    let faults = vec!["gone=0.2".parse().unwrap(), "truncated-json=0.05".parse().unwrap()];
    // With this seed, no call of the list fails, and some calls of details do.
    let simulator = Simulator::start(ZoomSettings { faults, seed: 7, ..small() }).await.unwrap();
    let gone = truth(&simulator).ids.as_ref().unwrap().gone.len() as f64;
    let program = Program::new().with_account(&simulator, 100.0).with("UA_HTTP", "127.0.0.1:0");
    let worker = program.start(&["work", "all"], "work.log");
    let address = address(&program, "work.log").await;
    eventually("every count is there at nought, or no alert would see its first rise", 60, async || {
        let page = Page::read(&get(&address, "/metrics").await.1);
        let dead = page.values("ua_dead_letters_total", "role=\"zoom.detail\"");
        let verdicts = page.values("ua_documents_total", "");
        (dead.len(), verdicts.len()) == (messages::CauseClass::ALL.len(), 7)
            && dead.iter().chain(&verdicts).all(|value| *value == 0.0)
    })
    .await;
    assert_eq!(program.call(&["plan", "--date", &closed_date(), "--yes"]).code, Some(0));
    eventually("all that is gone is dead, and something was tried again", 120, async || {
        let page = Page::read(&get(&address, "/metrics").await.1);
        page.sum("ua_dead_letters_total", "class=\"gone\"") == gone
            && page.sum("ua_retries_total", "class=\"bad-shape\"") > 0.0
    })
    .await;
    assert!(gone > 0.0);
    assert_eq!(worker.terminate(), Some(0));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_away_at_the_start_is_waited_for() {
    let simulator = Simulator::start(small()).await.unwrap();
    let program = Program::new().with_account(&simulator, 100.0).with("UA_HTTP", "0");
    let port = port(&simulator);
    assert_eq!(program.call(&["plan", "--date", &closed_date(), "--yes"]).code, Some(0));
    simulator.stop().await;
    let worker = program.start(&["work", "all"], "work.log");
    let address = address(&program, "work.log").await;
    eventually("it says what it waits for", 60, async || {
        log(&program, "work.log").contains("waiting for zoom")
    })
    .await;
    assert_eq!(get(&address, "/readyz").await, (503, "waiting for zoom\n".to_owned()));
    assert_eq!(get(&address, "/healthz").await.0, 200, "waiting is no illness");
    let simulator = Simulator::start(ZoomSettings { port, ..small() }).await.unwrap();
    let truth = truth(&simulator);
    eventually("all sessions are held", 120, async || sessions_in(&program) == true_sessions(&truth)).await;
    assert_eq!(get(&address, "/readyz").await, (200, "ok\n".to_owned()));
    assert_eq!(worker.terminate(), Some(0));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_refused_at_the_start_are_waited_for_and_named() {
    let simulator = Simulator::start(small()).await.unwrap();
    let wrong = Program::new()
        .with_account(&simulator, 1.0)
        .with("ZOOM_CLIENT_SECRET", "wrong-canary")
        .with("UA_HTTP", "127.0.0.1:0")
        // The refusal is found although the broker is unavailable as well.
        .with("AMQP_URL", "amqp://guest:guest@127.0.0.1:9/%2f");
    let mut worker = wrong.start(&["work", "zoom"], "work.log");
    let log = || std::fs::read_to_string(wrong.path().join("work.log")).unwrap();
    eventually("the refusal is named", 60, async || log().contains("ZOOM_CLIENT_SECRET")).await;
    let address = address(&wrong, "work.log").await;
    let (status, why) = get(&address, "/readyz").await;
    assert!(status == 503 && why.contains("zoom"), "{status} {why}");
    assert!(worker.is_running(), "it may pass");
    assert_eq!(log().matches("ZOOM_CLIENT_SECRET").count(), 1, "said once: {}", log());
    assert!(!log().contains("canary"), "{}", log());
    assert_eq!(worker.terminate(), Some(0));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let ended = Program::new().with_account(&simulator, 1.0).with("UA_HTTP", port).call(&["work", "index"]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("UA_HTTP") && ended.err.contains(&port.to_string()), "{}", ended.err);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_json_lines_carries_job_attempt_and_role() {
    let faults = vec!["429=0.3".parse().unwrap()];
    let simulator = Simulator::start(ZoomSettings { faults, ..small() }).await.unwrap();
    let program =
        Program::new().with_account(&simulator, 100.0).with("UA_LOG", "debug").with("UA_LOG_FORMAT", "json");
    let ended = program.call(&["run", "--date", &closed_date()]);
    let mut jobs = BTreeSet::new();
    for line in ended.err.lines().filter(|line| line.starts_with('{')) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
        let spans = line["spans"].as_array().cloned().unwrap_or_default();
        for span in spans.iter().filter(|span| span["name"] == "job") {
            assert!(span["attempt"].as_u64() > Some(0), "{span}");
            assert!(["zoom.list", "zoom.detail"].contains(&span["role"].as_str().unwrap()), "{span}");
            jobs.insert(span["job.id"].as_str().unwrap().to_owned());
        }
    }
    assert!(jobs.len() > 5, "only {jobs:?} were named in {}", ended.err);
    simulator.stop().await;
}
