//! `ua check` and `ua setup --migrate` with the real program on real servers: each bad state is reported with its
//! remedy.

use runtime::broker::{Amqp, amqp};
use runtime::{Broker, Message};
use serde_json::{Value, json};
use simulator::{AccountPlan, Simulator, ZoomSettings};

use crate::program::{Program, eventually};
use crate::servers::{server, unique};

/// A small world whose clock is `ahead` seconds ahead of the real one.
async fn world(ahead: i64, plan: AccountPlan) -> Simulator {
    let now = runtime::clock::now() + jiff::SignedDuration::from_secs(ahead);
    let settings = ZoomSettings { meetings_per_day: 1, now: Some(now), plan, ..ZoomSettings::default() };
    Simulator::start(settings).await.unwrap()
}

/// Runs `ua check`; returns its exit code and lines.
fn check(program: &Program) -> (Option<i32>, Vec<Value>) {
    let ended = program.call(&["check", "--json"]);
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
    (ended.code, ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Returns texts and remedies of the lines about `what` in a state.
fn said(lines: &[Value], what: &str, state: &str) -> String {
    let lines = lines.iter().filter(|line| line["what"] == what && line["state"] == state);
    lines.map(|line| format!("{} → {}\n", line["text"], line["remedy"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_installation_is_well_and_a_check_makes_nothing() {
    let simulator = world(0, AccountPlan::Business).await;
    let program = Program::new().with_account(&simulator, 1.0);
    let before = simulator.ledger_summary().calls;
    let (code, lines) = check(&program);
    assert_eq!(code, Some(0), "{lines:?}");
    assert_eq!(std::fs::read_dir(program.path()).unwrap().count(), 0, "a check makes nothing");
    let calls = simulator.ledger_summary().calls;
    assert_eq!((calls.medium, calls.heavy, calls.resource_intensive), (before.medium + 1, 0, 0));
    assert!(said(&lines, "plan", "well").contains("60 medium calls a second"), "{lines:?}");
    program.call(&["setup"]);
    let ended = program.call(&["check"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    for line in ["✔ local file", "✔ templates", "✔ clock", "✔ disk"] {
        assert!(ended.out.contains(line), "{line} is not in {}", ended.out);
    }
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_an_hour_off_is_found_and_is_the_worlds() {
    for (ahead, words) in [(3_600, "behind"), (-3_600, "ahead of")] {
        let simulator = world(ahead, AccountPlan::Business).await;
        let (code, lines) = check(&Program::new().with_account(&simulator, 1.0));
        assert_eq!(code, Some(1), "{lines:?}");
        let clock = said(&lines, "clock", "failing");
        assert!(clock.contains(words) && clock.contains("NTP"), "{clock}");
        simulator.stop().await;
    }
    let simulator = world(60, AccountPlan::Business).await;
    let (code, lines) = check(&Program::new().with_account(&simulator, 1.0));
    assert_eq!(code, Some(0), "{lines:?}");
    assert!(said(&lines, "clock", "notable").contains("behind"), "{lines:?}");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_plan_and_misspelt_variables_are_worth_knowing() {
    let simulator = world(0, AccountPlan::Pro).await;
    let program = Program::new().with_account(&simulator, 1.0).with("ES_HOSTS", "canary-1");
    std::fs::write(program.path().join(".env"), "ZOOM_QUOTA_SHAER=canary-2\nOTHER=canary-3\n").unwrap();
    let ended = program.call(&["check"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    for part in ["is ZOOM_QUOTA_SHARE meant?", "is ES_HOST meant?", "set ZOOM_PLAN=pro", "! plan"] {
        assert!(ended.out.contains(part), "{part} is not in {}", ended.out);
    }
    assert!(!ended.out.contains("canary") && !ended.out.contains("OTHER"), "{}", ended.out);
    simulator.stop().await;
}

/// A RabbitMQ with separate queues, its management API, and a simulated account.
struct Site {
    url: String,
    management: String,
    prefix: String,
    simulator: Simulator,
}

impl Site {
    async fn new(amqp: &str, management: &str) -> Option<Self> {
        let (url, management) = server(amqp).zip(server(management))?;
        let simulator = world(0, AccountPlan::Business).await;
        Some(Self { url, management, prefix: unique("t"), simulator })
    }

    fn program(&self, limit: usize) -> Program {
        Program::new()
            .with_account(&self.simulator, 1.0)
            .with("AMQP_URL", &self.url)
            .with("UA_QUEUE_PREFIX", &self.prefix)
            .with("UA_DOCUMENTS_LIMIT", limit)
    }

    fn settings(&self, limit: usize) -> amqp::AmqpSettings {
        let mut settings = amqp::AmqpSettings::new(self.url.clone().into());
        settings.prefix.clone_from(&self.prefix);
        settings.documents_limit = limit;
        settings
    }

    async fn manage(&self, method: reqwest::Method, path: &str, body: Value) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/api/{path}", self.management);
        let answer =
            http.request(method, url).header("content-type", "application/json").body(body.to_string());
        answer.send().await.unwrap().error_for_status().unwrap();
    }

    async fn remove(self) {
        let amqp = Amqp::open(self.settings(1)).await.unwrap();
        amqp.remove().await.unwrap();
        Broker::Amqp(amqp).close().await;
        self.simulator.stop().await;
    }
}

/// Different queue arguments are named and migrated without loss, but not while a worker runs.
async fn other_arguments(amqp: &str, management: &str) {
    let Some(site) = Site::new(amqp, management).await else { return };
    let (old, new) = (site.program(2_000), site.program(1_000));
    let (code, lines) = check(&old);
    assert_eq!(code, Some(2), "{lines:?}");
    assert!(said(&lines, "queues", "failing").contains("no queue is there yet"), "{lines:?}");
    let again = said(&check(&old).1, "queues", "failing");
    assert!(again.contains("no queue is there yet"), "a check declares nothing: {again}");
    assert_eq!(old.call(&["setup"]).code, Some(0));
    assert_eq!(check(&old).0, Some(0));

    let documents = messages::Queue::documents();
    let broker = Broker::Amqp(Amqp::connect(site.settings(2_000)).await.unwrap());
    let message = |number| Message::new(documents.clone(), format!("m{number}"), "{}", runtime::clock::now());
    broker.publish((0..1_500).map(message).collect()).await.unwrap();
    let (code, lines) = check(&new);
    assert_eq!(code, Some(2), "{lines:?}");
    let queues = said(&lines, "queues", "failing");
    for part in ["x-max-length is 2000, wanted 1000", "setup --migrate", "UA_DOCUMENTS_LIMIT"] {
        assert!(queues.contains(part), "{queues}");
    }
    let refused = new.call(&["setup"]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("setup --migrate"), "{}", refused.err);

    let worker = old.start(&["work", "zoom"], "worker.log");
    eventually("a migration beside a worker is refused", 60, async || {
        let refused = new.call(&["setup", "--migrate"]);
        refused.code == Some(2) && refused.err.contains(&format!("process {}", worker.id()))
    })
    .await;
    assert_eq!(worker.terminate(), Some(0));
    eventually("a migration is done once nobody works", 60, async || {
        new.call(&["setup", "--migrate"]).code == Some(0)
    })
    .await;
    let again = new.call(&["setup", "--migrate", "--json"]);
    let report: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(report["migrated"], json!([]), "{}", again.err);
    let (code, lines) = check(&new);
    assert_eq!(code, Some(0), "{lines:?}");
    let depth = broker.depth(&documents).await.unwrap();
    assert_eq!(depth.ready, 1_500, "what exceeds the smaller bound is kept, too");
    broker.close().await;
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_arguments_are_named_and_put_right_on_rabbitmq_3() {
    other_arguments("UA_TEST_AMQP_URL", "UA_TEST_AMQP_MANAGEMENT_URL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_arguments_are_named_and_put_right_on_rabbitmq_4() {
    other_arguments("UA_TEST_AMQP4_URL", "UA_TEST_AMQP4_MANAGEMENT_URL").await;
}

/// The missing rights of a user are named; reading works.
async fn few_rights(amqp: &str, management: &str) {
    let Some(site) = Site::new(amqp, management).await else { return };
    assert_eq!(site.program(1_000).call(&["setup"]).code, Some(0));
    let user = unique("u");
    let account = json!({"password": "canary-password", "tags": ""});
    site.manage(reqwest::Method::PUT, &format!("users/{user}"), account).await;
    let begin = site.url.find("://").unwrap() + 3;
    let end = site.url.find('@').unwrap();
    let url = format!("{}{user}:canary-password{}", &site.url[..begin], &site.url[end..]);
    let program = site.program(1_000).with("AMQP_URL", url);
    let everything = format!("^{}.*", site.prefix);
    for (rights, code, missing) in [
        (["", &everything, &everything], Some(2), vec!["may not declare"]),
        (["", "", &everything], Some(2), vec!["may not declare", "may not publish"]),
        ([&everything, &everything, &everything], Some(0), vec![]),
        ([&everything, &everything, ""], Some(2), vec!["may not take"]),
    ] {
        let rights = json!({"configure": rights[0], "write": rights[1], "read": rights[2]});
        site.manage(reqwest::Method::PUT, &format!("permissions/%2F/{user}"), rights.clone()).await;
        let (found, lines) = check(&program);
        assert_eq!(found, code, "{rights}: {lines:?}");
        let told = said(&lines, "rights", "failing");
        assert_eq!(told.matches("may not").count(), missing.len(), "{rights}: {told}");
        assert!(missing.iter().all(|part| told.contains(part)), "{rights}: {told}");
        assert!(!told.contains("canary") && !told.contains(&user), "{told}");
    }
    let none = json!({"configure": "", "write": "", "read": ""});
    site.manage(reqwest::Method::PUT, &format!("permissions/%2F/{user}"), none).await;
    for words in [&["setup"][..], &["setup", "--migrate"]] {
        let ended = program.call(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {}", ended.err);
        assert!(ended.err.contains("a missing right (`ua check` names it)"), "{words:?}: {}", ended.err);
    }
    site.manage(reqwest::Method::DELETE, &format!("users/{user}"), json!({})).await;
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_few_rights_is_told_on_rabbitmq_3() {
    few_rights("UA_TEST_AMQP_URL", "UA_TEST_AMQP_MANAGEMENT_URL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_few_rights_is_told_on_rabbitmq_4() {
    few_rights("UA_TEST_AMQP4_URL", "UA_TEST_AMQP4_MANAGEMENT_URL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_management_api_tells_of_alarms_and_policies() {
    let Some(site) = Site::new("UA_TEST_AMQP_URL", "UA_TEST_AMQP_MANAGEMENT_URL").await else { return };
    let program = site.program(1_000).with("AMQP_MANAGEMENT_URL", &site.management);
    assert_eq!(program.call(&["setup"]).code, Some(0));
    let (code, lines) = check(&program);
    assert_eq!(code, Some(0), "{lines:?}");
    assert!(said(&lines, "alarms", "well").contains("none on 1 node"), "{lines:?}");
    let policy = json!({
        "pattern": format!("^{}.dead$", site.prefix), "definition": {"max-length": 5}, "apply-to": "queues"
    });
    let path = format!("policies/%2F/{}", site.prefix);
    site.manage(reqwest::Method::PUT, &path, policy).await;
    eventually("the policy is seen", 30, async || {
        let (code, lines) = check(&program);
        let told = said(&lines, "queues", "failing");
        code == Some(2) && told.contains("sets max-length of 1 queue to 5: it destroys messages")
    })
    .await;
    site.manage(reqwest::Method::DELETE, &path, json!({})).await;
    for wrong in
        [site.management.replace("guest:guest@", "guest:canary@"), "http://u:canary@127.0.0.1:9".to_owned()]
    {
        let (code, lines) = check(&site.program(1_000).with("AMQP_MANAGEMENT_URL", wrong));
        assert_eq!(code, Some(0), "what is beside is not needed: {lines:?}");
        let told = said(&lines, "management", "notable");
        assert!(told.contains("AMQP_MANAGEMENT_URL") && !told.contains("canary"), "{told}");
    }
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_and_blocks_of_elasticsearch_7_are_named() {
    templates_and_blocks_are_named("UA_TEST_ES_7").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_and_blocks_of_elasticsearch_9_are_named() {
    templates_and_blocks_are_named("UA_TEST_ES_9").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_and_blocks_of_opensearch_2_are_named() {
    templates_and_blocks_are_named("UA_TEST_OS_2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_and_blocks_of_opensearch_3_are_named() {
    templates_and_blocks_are_named("UA_TEST_OS_3").await;
}

async fn templates_and_blocks_are_named(variable: &str) {
    let Some(search) = server(variable) else { return };
    let (simulator, prefix) = (world(0, AccountPlan::Business).await, format!("{}-", unique("t")));
    let program = Program::new()
        .with_account(&simulator, 1.0)
        .with("ES_HOST", &search)
        .with("UA_INDEX_PREFIX", &prefix);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let put = async |path: String, body: Value| {
        let request = http.put(format!("{search}/{path}")).header("content-type", "application/json");
        request.body(body.to_string()).send().await.unwrap().error_for_status().unwrap();
    };
    let (code, lines) = check(&program);
    assert_eq!(code, Some(2), "{lines:?}");
    let templates = said(&lines, "templates", "failing");
    assert!(templates.contains("meetings is missing") && templates.contains("ua setup"), "{templates}");
    assert_eq!(program.call(&["setup"]).code, Some(0));
    let (code, lines) = check(&program);
    assert_eq!(code, Some(0), "{lines:?}");
    assert!(said(&lines, "rights", "well").contains("no index yet"), "{lines:?}");

    let other = json!({"index_patterns": [format!("{prefix}meetings-*")], "priority": 600});
    put(format!("_index_template/{prefix}ua-meetings"), other).await;
    let (code, lines) = check(&program);
    assert_eq!(code, Some(2), "{lines:?}");
    assert!(said(&lines, "templates", "failing").contains("meetings is another one"), "{lines:?}");
    assert_eq!(program.call(&["setup"]).code, Some(0));

    put(format!("{prefix}harvests"), json!({})).await;
    let (code, lines) = check(&program);
    assert_eq!(code, Some(0), "{lines:?}");
    assert!(said(&lines, "rights", "well").contains("proven without writing"), "{lines:?}");
    let count = http.get(format!("{search}/{prefix}harvests/_count")).send().await.unwrap();
    let count: Value = serde_json::from_str(&count.text().await.unwrap()).unwrap();
    assert_eq!(count["count"], 0, "nothing was written");

    for block in ["write", "read_only"] {
        put(format!("{prefix}harvests/_settings"), json!({ format!("index.blocks.{block}"): true })).await;
        let (code, lines) = check(&program);
        assert_eq!(code, Some(1), "{block}: {lines:?}");
        let told = said(&lines, "blocks", "failing");
        assert!(told.contains(&format!("{prefix}harvests takes no writes (blocks.{block})")), "{told}");
        put(format!("{prefix}harvests/_settings"), json!({ format!("index.blocks.{block}"): null })).await;
    }
    assert_eq!(check(&program).0, Some(0));

    let post = async |path: String| {
        http.post(format!("{search}/{path}")).send().await.unwrap().error_for_status().unwrap();
    };
    post(format!("{prefix}harvests/_close")).await;
    let (code, lines) = check(&program);
    assert_eq!(code, Some(1), "{lines:?}");
    assert!(said(&lines, "indices", "failing").contains(&format!("closed: {prefix}harvests")), "{lines:?}");
    post(format!("{prefix}harvests/_open")).await;

    let limit = json!({"settings": {"index.mapping.total_fields.limit": 5}});
    let other = json!({"index_patterns": [format!("{prefix}sess*")], "priority": 600, "template": limit});
    put(format!("_index_template/{prefix}others"), other).await;
    let (code, lines) = check(&program);
    assert_eq!(code, Some(2), "{lines:?}");
    let told = said(&lines, "templates", "failing");
    assert!(told.contains(&format!("{prefix}others (priority 600)")) && told.contains("below 200"), "{told}");
    for words in [&["setup"][..], &["work", "index"], &["run"]] {
        let ended = program.call(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {}", ended.err);
        assert!(ended.err.contains(&format!("{prefix}others")), "{words:?}: {}", ended.err);
    }
    http.delete(format!("{search}/_index_template/{prefix}others")).send().await.unwrap();
    let settings = store::elasticsearch::ElasticsearchSettings {
        prefix,
        ..store::elasticsearch::ElasticsearchSettings::new(search.as_str())
    };
    let store = store::Store::Elasticsearch(store::Elasticsearch::new(settings).unwrap());
    store.wipe_prefix().await.unwrap();
    simulator.stop().await;
}
