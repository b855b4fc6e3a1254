//! Deployment in a container, as a package and on a machine: health, manual pages, servers, credentials.

use std::process::{Command, Stdio};

use simulator::{Simulator, ZoomSettings};

use crate::program::{Program, eventually};
use crate::servers::{server, unique};
use crate::serving::{address, get};

/// Returns a free port.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_asked_for_its_health() {
    let simulator = Simulator::start(ZoomSettings::default()).await.unwrap();
    let program = Program::new().with_account(&simulator, 1.0).with("UA_HTTP", free_port());
    let ended = program.call(&["health"]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("nobody answers") && ended.err.contains("UA_HTTP"), "{}", ended.err);
    let worker = program.start(&["work", "all"], "work.log");
    eventually("it is ready", 60, async || program.call(&["health", "--ready"]).code == Some(0)).await;
    assert_eq!(program.call(&["health"]).out, "ok\n");
    let told: serde_json::Value = serde_json::from_str(&program.call(&["health", "--json"]).out).unwrap();
    assert_eq!((told["well"].as_bool(), told["says"].as_str()), (Some(true), Some("ok")));
    assert_eq!(worker.terminate(), Some(0));
    assert_eq!(program.call(&["health"]).code, Some(1));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_waits_is_alive_and_not_ready() {
    let simulator = Simulator::start(ZoomSettings::default()).await.unwrap();
    let program = Program::new()
        .with_account(&simulator, 1.0)
        .with("AMQP_URL", "amqp://guest:guest@127.0.0.1:9/%2f")
        .with("UA_HTTP", format!("0.0.0.0:{}", free_port()));
    let worker = program.start(&["work", "index"], "work.log");
    eventually("it says what it waits for", 60, async || {
        let ended = program.call(&["health", "--ready"]);
        assert_eq!(ended.code, Some(1), "{}", ended.out);
        ended.err.contains("waiting for the broker")
    })
    .await;
    assert_eq!(program.call(&["health"]).code, Some(0), "waiting is no illness");
    let address = address(&program, "work.log").await;
    let metrics = get(&address, "/metrics").await.1;
    assert!(metrics.contains("\nua_broker_reachable 0\n"), "an alert has to see it: {metrics}");
    assert_eq!(worker.terminate(), Some(0));
    simulator.stop().await;
}

/// An unavailable store must not show as an unavailable broker, because an alert would name the wrong server.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_waits_for_the_store_has_its_broker() {
    let Some(amqp) = server("UA_TEST_AMQP_URL") else { return };
    let program = Program::new()
        .with("AMQP_URL", amqp)
        .with("UA_QUEUE_PREFIX", unique("storeless"))
        .with("ES_HOST", "http://127.0.0.1:9")
        .with("UA_HTTP", "127.0.0.1:0");
    let worker = program.start(&["work", "index"], "work.log");
    let address = address(&program, "work.log").await;
    eventually("it waits for the store", 60, async || {
        get(&address, "/readyz").await == (503, "waiting for the store\n".to_owned())
    })
    .await;
    let metrics = get(&address, "/metrics").await.1;
    assert!(metrics.contains("\nua_broker_reachable 1\n"), "{metrics}");
    assert_eq!(worker.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_whose_source_is_not_there_is_refused_or_idles_where_that_is_wished() {
    let program = Program::new().with("UA_HTTP", free_port()).with("AMQP_URL", "amqp://127.0.0.1:9/%2f");
    let refused = program.call(&["work", "opencast"]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    let half = Program::new().with("ZOOM_ACCOUNT_ID", "x").call(&["work", "zoom", "--if-configured"]);
    assert_eq!(half.code, Some(2), "{}", half.err);
    assert!(half.err.contains("ZOOM_CLIENT_ID"), "{}", half.err);
    let worker = program.start(&["work", "opencast", "zoom", "--if-configured"], "work.log");
    eventually("it is ready", 60, async || program.call(&["health", "--ready"]).code == Some(0)).await;
    assert_eq!(worker.terminate(), Some(0));
}

#[test]
fn health_needs_to_know_where_to_ask() {
    for program in [Program::new(), Program::new().with("UA_HTTP", "0")] {
        let ended = program.call(&["health"]);
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.contains("UA_HTTP"), "{}", ended.err);
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let program = Program::new();
    assert!(program.call(&["man"]).out.contains(".SH"), "the first page goes to stdout");
    std::fs::create_dir(program.path().join("man1")).unwrap();
    let ended = program.call(&["man", "--to", "man1"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    for name in ["ua", "ua-plan", "ua-work", "ua-dlq", "ua-dlq-replay", "ua-dev-up", "ua-completions"] {
        let page = std::fs::read_to_string(program.path().join(format!("man1/{name}.1"))).unwrap();
        assert!(page.contains(".TH") && page.contains(".SH NAME"), "{name}: {page}");
    }
    let nowhere = program.call(&["man", "--to", "nowhere"]);
    assert_eq!(nowhere.code, Some(2), "{}", nowhere.err);
}

#[test]
fn bash_takes_the_completions() {
    let program = Program::new();
    let script = program.call(&["completions", "bash"]).out;
    std::fs::write(program.path().join("ua.bash"), script).unwrap();
    // As bash does it: set the words so far, then call the completion function for the last one.
    let asked = ". ./ua.bash; COMP_WORDS=(ua dlq re); COMP_CWORD=2; _ua ua re dlq; echo \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    program.prepare(bash.args(["--norc", "-c", asked]));
    let output = bash.stderr(Stdio::inherit()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "replay");
    for shell in ["zsh", "fish"] {
        assert!(program.call(&["completions", shell]).out.contains("replay"), "{shell}");
    }
    assert_eq!(program.call(&["completions", "cobol"]).code, Some(2));
}

#[test]
fn servers_of_ones_own_are_written_once_and_miss_an_engine_in_words() {
    let program = Program::new().with("PATH", "/nowhere");
    let ended = program.call(&["dev", "down"]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("ua dev up"), "{}", ended.err);
    let ended = program.call(&["dev", "init", "--folder", "here"]);
    assert_eq!((ended.code, ended.out.matches("wrote ").count()), (Some(0), 2), "{}", ended.err);
    let kept = std::fs::read(program.path().join("here/.env")).unwrap();
    assert!(program.call(&["dev", "init", "--folder", "here"]).out.contains("stays as it is"));
    assert_eq!(std::fs::read(program.path().join("here/.env")).unwrap(), kept);
    for words in
        [&["dev", "up"][..], &["dev", "logs", "--folder", "here"], &["dev", "down", "--folder", "here"]]
    {
        let ended = program.call(words);
        assert_eq!(ended.code, Some(1), "{words:?}: {}", ended.err);
        assert!(ended.err.contains("docker") && ended.err.contains("ua demo"), "{}", ended.err);
    }
    assert!(!program.path().join("ua-dev").exists(), "nothing is written before an engine is found");
}

#[test]
fn secrets_may_come_as_a_credential_of_systemd() {
    let program = Program::new().with("CREDENTIALS_DIRECTORY", "handed").with("ZOOM_PLAN", "pro");
    std::fs::create_dir(program.path().join("handed")).unwrap();
    let told = |text: &str| {
        std::fs::write(program.path().join("handed/ua.env"), text).unwrap();
        program.call(&["status"])
    };
    assert_eq!(told("ZOOM_PLAN=golden\n").code, Some(0), "the environment wins over the credential");
    let ended = told("UA_INDEX_SPLIT=week\n");
    assert_eq!(ended.code, Some(2), "{}", ended.out);
    assert!(ended.err.contains("UA_INDEX_SPLIT"), "{}", ended.err);
    let ended = told("ZOOM_CLIENT_SECRET='canary\n");
    assert_eq!(ended.code, Some(2), "{}", ended.out);
    assert!(ended.err.contains("handed/ua.env") && !ended.err.contains("canary"), "{}", ended.err);
}
