//! The console: its pages show what the commands show, only to permitted clients, and change nothing.

use messages::{Cause, CauseClass, Family, Lane, Queue};
use reqwest::{Method, Response};
use runtime::Message;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use simulator::{Simulator, ZoomSettings};

use crate::dlq::DeskFixture;
use crate::program::{Program, Running, closed_date, eventually};
use crate::runs::ago;
use crate::servers::{Site, server};
use crate::serving::{address, get};
use crate::user::User;

/// Starts a console on a free port of this machine.
async fn serve(program: &Program) -> (Running, String) {
    let console = program.start(&["console", "--listen", "0"], "console.log");
    let address = address(program, "console.log").await;
    (console, address)
}

async fn ask(method: Method, url: &str, headers: &[(&str, &str)]) -> Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.request(method, url);
    let with = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| request.header(*name, *value);
    headers.iter().fold(request, with).send().await.unwrap()
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// Returns a page; checks that it is a complete HTML page.
async fn page(address: &str, path: &str) -> String {
    let answer = ask(Method::GET, &format!("http://{address}{path}"), &[("accept", "text/html")]).await;
    assert_eq!(
        (answer.status().as_u16(), &*header(&answer, "content-type")),
        (200, "text/html; charset=utf-8")
    );
    let text = answer.text().await.unwrap();
    assert!(text.starts_with("<!doctype html>") && text.trim_end().ends_with("</html>"), "{path}: {text}");
    text
}

/// Returns the visible text of a page.
fn shown(page: &str) -> String {
    let (_, body) = page.split_once("<main>").unwrap();
    let mut text = String::new();
    for piece in body.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, text)| text));
        text.push(' ');
    }
    for (entity, sign) in [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")] {
        text = text.replace(entity, sign);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns lines of JSON as values, without the time of a quota's status.
fn values(lines: &str) -> Vec<Value> {
    let mut values: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for quota in values.iter_mut().filter_map(|value| value.get_mut("quota")?.as_array_mut()).flatten() {
        quota["at"].take();
    }
    values
}

/// Checks that a page and its command show and print the same. Repeats requests whose answers change every second.
async fn same(program: &Program, address: &str, path: &str, words: &[&str]) {
    let sign = if path.contains('?') { '&' } else { '?' };
    let url = format!("http://{address}{path}");
    let words_of_json: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    let (mut printed, mut served) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        served = values(&ask(Method::GET, &format!("{url}{sign}json"), &[]).await.text().await.unwrap());
        printed = values(&program.call(&words_of_json).out);
        if printed == served {
            break;
        }
    }
    assert_eq!(served, printed, "{path}");
    assert!(!served.is_empty(), "{path}");
    let accepted = ask(Method::GET, &url, &[("accept", "application/json")]).await;
    assert_eq!(accepted.status(), 200);
    assert!(header(&accepted, "content-type").ends_with("json"), "{path}");
    assert!(accepted.text().await.unwrap().starts_with('{'), "{path}");
    let shown = shown(&page(address, path).await);
    let mut compared = 0;
    let told = program.call(words).out;
    // Compare each cell of tables and each other line, except a rate and its remainder, which change every second.
    let lines = told.lines().filter(|line| !line.contains(['─', '═']) && !line.starts_with("rate"));
    for cell in lines.flat_map(|line| line.split("  ")) {
        let cell = cell.trim_matches(['│', ' ']).trim_end_matches(':');
        assert!(shown.contains(cell), "{path} does not show {cell:?}: {shown}");
        compared += usize::from(!cell.is_empty());
    }
    assert!(compared > 8, "{path} says hardly anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_shows_what_its_command_prints() {
    let faults = vec!["gone=0.2".parse().unwrap()];
    let settings = ZoomSettings {
        meetings_per_day: 40,
        participants: 4.0,
        speed: 100.0,
        faults,
        ..ZoomSettings::default()
    };
    let simulator = Simulator::start(settings).await.unwrap();
    let program = Program::new().with_account(&simulator, 100.0);
    assert_eq!(program.call(&["run", "--date", &closed_date()]).code, Some(3), "something is gone");
    assert_eq!(program.call(&["plan", "--date", &ago(2), "--yes"]).code, Some(0));
    let paused = program.call(&["pause", "heavy", "--until", "2h", "--why", "<moving> house"]);
    assert_eq!(paused.code, Some(0), "{}", paused.err);
    let (console, address) = serve(&program).await;
    assert!(address.starts_with("127.0.0.1:"), "{address}");

    same(&program, &address, "/", &["status"]).await;
    same(&program, &address, "/runs", &["runs"]).await;
    same(&program, &address, "/runs?limit=1", &["runs", "--limit", "1"]).await;
    let newest = program.call(&["runs", "--limit", "1", "--json"]).out;
    let newest: Value = serde_json::from_str(&newest).unwrap();
    let run = newest["run"].as_str().unwrap();
    same(&program, &address, &format!("/runs/{run}"), &["status", "--run", run]).await;
    same(&program, &address, "/dead", &["dlq", "list"]).await;
    let listed = program.call(&["dlq", "list", "--json"]).out;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let letter = &listed["letters"][0];
    let (id, uuid) = (letter["id"].as_str().unwrap(), letter["meeting_uuid"].as_str().unwrap());
    let encoded: String = uuid.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let filters = format!(
        "/dead?class=gone&source=zoom&queue=ua.jobs.zoom.detail.daily&date={}&uuid={encoded}&since=1d&state=all&limit=5",
        closed_date()
    );
    let flags = "dlq list --class gone --source zoom --queue ua.jobs.zoom.detail.daily --since 1d --state all --limit 5";
    let date = closed_date();
    let words: Vec<&str> = flags.split(' ').chain(["--date", &date, "--uuid", uuid]).collect();
    same(&program, &address, &filters, &words).await;
    let page = page(&address, "/dead?class=gone").await;
    assert!(page.contains("<option selected>gone</option>"), "{page}");
    // The list links to the address of each letter.
    let (_, link) = page.split_once("href=\"/dead/").unwrap();
    let path = format!("/dead/{}", link.split('"').next().unwrap());
    same(&program, &address, &path, &["dlq", "show", id]).await;
    assert_eq!(console.terminate(), Some(0));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_is_shown_and_not_obeyed() {
    let evil = "<script>alert(1)</script>\"'><img src=x>";
    let place = DeskFixture::local();
    let queue = Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily);
    let seen = "2026-01-05T00:00:00Z".parse().unwrap();
    let message = Message::new(queue, format!("zoom:{evil}"), format!("body {evil}"), seen);
    place.file(&[message.into_dead(Cause::new(CauseClass::BadShape, format!("cause {evil}")))]).await;
    let (console, address) = serve(&place.program).await;
    let list = page(&address, "/dead").await;
    let (_, link) = list.split_once("href=\"/dead/").unwrap();
    let letter = page(&address, &format!("/dead/{}", link.split('"').next().unwrap())).await;
    for (page, words) in [(&list, &["zoom:", "cause "][..]), (&letter, &["zoom:", "cause ", "body "])] {
        assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
        for word in words {
            assert!(
                page.contains(&format!("{word}&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;")),
                "{page}"
            );
        }
    }
    let filtered = page(&address, "/dead?queue=%22%3E%3Cscript%3E").await;
    assert!(
        filtered.contains("value=\"&#34;&#62;&#60;script&#62;\"") && !filtered.contains("<script"),
        "{filtered}"
    );
    assert_eq!(console.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_reads_it_and_nobody_changes_anything_by_it() {
    let program = Program::new();
    let console = program.start(&["console", "--listen", "0", "--name", "ua.example.org"], "console.log");
    let address = address(&program, "console.log").await;
    let at = |path: &str| format!("http://{address}{path}");
    for (path, status, says) in [
        ("/nowhere", 404, "no such page"),
        ("/runs/none", 404, "there is no run"),
        ("/dead/none", 404, "no dead letter"),
        ("/?class=gone", 400, "no parameters"),
        ("/dead?class=none", 400, "gone, forbidden"),
        ("/dead?limit=5000", 400, "limit takes 0 to 1000"),
        ("/dead?colour=red", 400, "no parameter"),
        ("/runs?limit=0", 400, "limit"),
    ] {
        let answer = ask(Method::GET, &at(path), &[]).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(says) && text.contains("class=\"trouble\""), "{path}: {text}");
        let answer = ask(Method::GET, &at(path), &[("accept", "application/json")]).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        let told: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert!(told["error"].as_str().unwrap().contains(says) && told["next_step"].is_string(), "{told}");
    }
    let long = ask(Method::GET, &at(&format!("/dead?queue={}", "x".repeat(5_000))), &[]).await;
    assert_eq!(long.status(), 414);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        for path in ["/", "/runs", "/dead/none", "/nowhere"] {
            let answer = ask(method.clone(), &at(path), &[]).await;
            assert_eq!(
                (answer.status().as_u16(), &*header(&answer, "allow")),
                (405, "GET, HEAD"),
                "{method} {path}"
            );
        }
        assert_eq!(ask(method, &at("/metrics"), &[]).await.status(), 405);
    }
    for (host, status) in [
        ("evil.example", 421),
        ("localhost.evil.example:80", 421),
        ("localhost", 200),
        ("ua.example.org", 200),
        ("[::1]:9465", 200),
    ] {
        assert_eq!(
            ask(Method::GET, &at("/dead"), &[("host", host)]).await.status().as_u16(),
            status,
            "{host}"
        );
    }
    let whole = ask(Method::GET, &at("/dead"), &[]).await;
    let head = ask(Method::HEAD, &at("/dead"), &[]).await;
    assert_eq!(
        (head.status(), header(&head, "content-length")),
        (whole.status(), header(&whole, "content-length"))
    );
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!((&*header(&whole, name), &*header(&head, name)), (value, value), "{name}");
        assert_eq!(header(&ask(Method::GET, &at("/nowhere"), &[]).await, name), value);
    }
    assert_eq!(head.text().await.unwrap(), "");
    let policy = header(&whole, "content-security-policy");
    let text = whole.text().await.unwrap();
    let (_, style) = text.split_once("<style>").unwrap();
    let hash = Sha256::digest(style.split_once("</style>").unwrap().0);
    let hash = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, hash);
    assert!(policy.contains(&format!("style-src 'sha256-{hash}';")), "{policy}");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(get(&address, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(get(&address, "/readyz").await, (200, "ok\n".to_owned()));
    assert_eq!(console.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_that_is_away_does_not_hide_the_other() {
    let program = Program::new();
    assert_eq!(program.call(&["setup"]).code, Some(0));
    let program = program.with("AMQP_URL", "amqp://guest:canary@127.0.0.1:9/%2f");
    let (console, address) = serve(&program).await;
    let status = page(&address, "/").await;
    for words in ["Not known: what the broker knows", "AMQP_URL", "nothing is lost", "nothing was harvested"]
    {
        assert!(status.contains(words), "{words:?} is missing: {status}");
    }
    assert!(page(&address, "/dead").await.contains("no dead letters"));
    assert!(page(&address, "/runs").await.contains("nothing was planned yet"));
    assert_eq!(get(&address, "/readyz").await, (503, "waiting for the broker\n".to_owned()));
    assert_eq!(get(&address, "/healthz").await.0, 200, "waiting is no illness");
    eventually("the log says so once", 30, async || {
        let log = std::fs::read_to_string(program.path().join("console.log")).unwrap();
        log.matches("waiting for the broker: RabbitMQ (AMQP_URL)").count() == 1
    })
    .await;
    assert_eq!(console.terminate(), Some(0));
    let log = std::fs::read_to_string(program.path().join("console.log")).unwrap();
    assert!(!(log + &status).contains("canary"));

    let program = Program::new().with("ES_HOST", "127.0.0.1:9");
    let (console, address) = serve(&program).await;
    let status = page(&address, "/").await;
    for words in ["Not known: what the store knows", "ES_HOST", "jobs zoom.detail"] {
        assert!(status.contains(words), "{words:?} is missing: {status}");
    }
    assert!(!status.contains("nothing to do"), "a store that is away is something to do: {status}");
    for path in ["/runs", "/runs/none", "/dead", "/dead/none"] {
        let (code, text) = get(&address, path).await;
        assert_eq!(code, 503, "{path}");
        assert!(
            text.contains("what the store knows is not known") && text.contains("ua check"),
            "{path}: {text}"
        );
    }
    assert_eq!(get(&address, "/readyz").await.0, 503);
    assert_eq!(console.terminate(), Some(0));
}

/// With a user who may read and call but not declare, all waiting messages stay in their queues.
#[tokio::test(flavor = "multi_thread")]
async fn over_rabbitmq_and_elasticsearch_the_console_only_looks() {
    let servers = ["UA_TEST_AMQP_URL", "UA_TEST_AMQP_MANAGEMENT_URL", "UA_TEST_ES_9"].map(server);
    let [Some(amqp), Some(management), Some(search)] = servers else { return };
    let simulator =
        Simulator::start(ZoomSettings { meetings_per_day: 30, ..ZoomSettings::default() }).await.unwrap();
    let site = Site::with(Program::new().with_account(&simulator, 1.0), &amqp, &search);
    let working = &site.program;
    site.succeed(&["setup"]);
    site.succeed(&["plan", "--from", &ago(4), "--to", &ago(2), "--yes"]);
    let prefix = working.value("UA_QUEUE_PREFIX").to_owned();
    let write = format!(r"^{prefix}\.roll$");
    let reader = User::made(&amqp, &management, &prefix, ["^$", &write, ".*"]).await;
    let looking = Program::new()
        .with("AMQP_URL", &reader.url)
        .with("UA_QUEUE_PREFIX", &prefix)
        .with("ES_HOST", &search)
        .with("UA_INDEX_PREFIX", working.value("UA_INDEX_PREFIX"));
    let (console, address) = serve(&looking).await;
    for _ in 0..3 {
        let told: Value = serde_json::from_str(&get(&address, "/?json").await.1).unwrap();
        assert_eq!(told["away"], serde_json::json!([]), "{told}");
        let queues = told["queues"].as_array().unwrap();
        let sum = |field: &str| queues.iter().filter_map(|queue| queue[field].as_u64()).sum::<u64>();
        assert_eq!((sum("ready"), sum("consumers")), (3, 0), "{told}");
    }
    same(&looking, &address, "/", &["status"]).await;
    same(&looking, &address, "/runs", &["runs"]).await;
    assert!(page(&address, "/dead").await.contains("no dead letters"));
    let worker = working.start(&["work", "zoom"], "work.log");
    let id = format!("/{}", worker.id());
    eventually("the worker is on the page", 60, async || page(&address, "/").await.contains(&id)).await;
    eventually("it can look, and counts", 30, async || {
        get(&address, "/readyz").await.0 == 200
            && get(&address, "/metrics").await.1.contains("ua_workers{role=\"zoom.detail\"} 1")
    })
    .await;
    assert_eq!(worker.terminate(), Some(0));
    assert_eq!(console.terminate(), Some(0));
    assert!(!looking.path().join("ua-data").exists(), "with both servers nothing is written locally");
    simulator.stop().await;
    site.store.wipe_prefix().await.unwrap();
    reader.remove(&amqp).await;
}
