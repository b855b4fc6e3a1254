//! `ua status`: workers and their holds, advice, and the output when a server is unavailable.

use serde_json::Value;
use simulator::{Simulator, ZoomSettings};

use crate::program::{Program, closed_date, eventually};
use crate::servers::{server, unique};
use crate::user::User;

fn status(program: &Program) -> Value {
    let ended = program.call(&["status", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

/// Returns the workers' process ids and their roles.
fn workers(status: &Value) -> Vec<(u64, Vec<String>)> {
    let roles = |worker: &Value| {
        let roles = worker["roles"].as_array().unwrap().iter();
        roles.map(|role| role["name"].as_str().unwrap().to_owned()).collect()
    };
    let workers = status["workers"].as_array().unwrap().iter();
    workers.map(|worker| (worker["pid"].as_u64().unwrap(), roles(worker))).collect()
}

async fn small() -> Simulator {
    let settings =
        ZoomSettings { meetings_per_day: 60, participants: 4.0, speed: 2.0, ..ZoomSettings::default() };
    Simulator::start(settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workers_of_all_processes_are_named_with_their_holds() {
    let simulator = small().await;
    let program = Program::new().with_account(&simulator, 2.0);
    assert_eq!(program.call(&["plan", "--date", &closed_date(), "--yes"]).code, Some(0));
    assert_eq!(workers(&status(&program)), []);
    let waits = program.call(&["status"]).out;
    assert!(waits.contains("no worker is running"), "{waits}");
    assert!(waits.contains("1 job of zoom.list and no worker: start `ua work zoom`"), "{waits}");

    let fetching = program.start(&["work", "zoom"], "zoom.log");
    let indexing = program.start(&["work", "index"], "index.log");
    let mut expected = vec![
        (u64::from(fetching.id()), vec!["zoom.list".to_owned(), "zoom.detail".to_owned()]),
        (u64::from(indexing.id()), vec!["index".to_owned(), "index.dead".to_owned()]),
    ];
    expected.sort();
    eventually("both processes are listed", 60, async || {
        let mut found = workers(&status(&program));
        found.sort();
        found == expected
    })
    .await;
    eventually("something was fetched", 60, async || simulator.ledger_summary().calls.heavy > 5).await;
    simulator.stop().await;
    eventually("the hold is told in words", 60, async || {
        let told = program.call(&["status"]).out;
        told.contains("zoom.detail is on hold: zoom's api cannot be reached; ")
            && told.contains(" messages waiting; tries again ")
    })
    .await;
    fetching.kill();
    eventually("the dead are not listed", 30, async || workers(&status(&program)).len() == 1).await;
    assert_eq!(indexing.terminate(), Some(0));
    assert_eq!(workers(&status(&program)), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_told_with_what_waits_behind_it() {
    let simulator = small().await;
    let program = Program::new().with_account(&simulator, 2.0);
    assert_eq!(program.call(&["plan", "--date", &closed_date(), "--yes"]).code, Some(0));
    let paused = program.call(&["pause", "heavy", "--until", "2h", "--why", "moving house"]);
    assert_eq!(paused.code, Some(0), "{}", paused.err);
    let left = program.call(&["status"]).out;
    let line =
        left.lines().find(|line| line.starts_with("zoom main: heavy: paused until ")).unwrap_or_default();
    assert!(line.contains("(moving house)") && line.ends_with(", as it was left"), "{left}");
    assert_eq!(status(&program)["quota"][0]["keeper"], Value::Null);
    let worker = program.start(&["work", "all"], "work.log");
    eventually("the pause and its jobs are told", 60, async || {
        let told = program.call(&["status"]).out;
        let line = told.lines().find(|line| line.starts_with("zoom main: heavy: paused until "));
        // A worker's report lags behind: its hold appears later than the pause.
        let held = told.contains("the quota bounds zoom.detail (heavy: paused until ");
        held && line.is_some_and(|line| {
            // The jobs of the list, without those that are being requeued.
            !line.contains(" 0 jobs waiting") && line.contains(" jobs waiting; resumes in 1 h 5")
        })
    })
    .await;
    let told = program.call(&["status"]).out;
    assert!(told.contains("(moving house)") && told.contains("zoom main: resource-intensive: "), "{told}");
    assert_eq!(simulator.ledger_summary().calls.heavy, 0);
    let quota = status(&program)["quota"][0].clone();
    assert_eq!(
        (&quota["source"], &quota["account"]),
        (&Value::from("zoom"), &Value::from("main")),
        "{quota}"
    );
    assert_eq!(worker.terminate(), Some(0));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_does_not_hide_the_other() {
    let program = Program::new();
    assert_eq!(program.call(&["setup"]).code, Some(0));
    let program = program.with("AMQP_URL", "amqp://guest:canary@127.0.0.1:9/%2f");
    let ended = program.call(&["status"]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.out.contains("nothing was harvested in the last days"), "{}", ended.out);
    assert!(ended.out.contains("not known: what the broker knows"), "{}", ended.out);
    assert!(ended.err.contains("AMQP_URL") && !(ended.out + &ended.err).contains("canary"), "{}", ended.err);

    let program = Program::new().with("ES_HOST", "127.0.0.1:9");
    let ended = program.call(&["status", "--json"]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(report["days"], Value::Null);
    assert_eq!(report["away"][0]["what"], "store");
    assert!(report["queues"].as_array().unwrap().len() > 10, "{report}");
    assert_eq!(report["workers"], serde_json::json!([]));
    assert_eq!(report["advice"]["bound"], "nothing");
}

/// A user who may read and call, but not declare.
#[tokio::test(flavor = "multi_thread")]
async fn over_rabbitmq_status_needs_no_right_to_declare() {
    for (amqp, management) in [
        ("UA_TEST_AMQP_URL", "UA_TEST_AMQP_MANAGEMENT_URL"),
        ("UA_TEST_AMQP4_URL", "UA_TEST_AMQP4_MANAGEMENT_URL"),
    ] {
        let (Some(amqp), Some(management)) = (server(amqp), server(management)) else { continue };
        let prefix = unique("t");
        let write = format!(r"^{prefix}\.roll$");
        let reader = User::made(&amqp, &management, &prefix, ["^$", &write, ".*"]).await;
        let looking = Program::new().with("AMQP_URL", &reader.url).with("UA_QUEUE_PREFIX", &prefix);
        let ended = looking.call(&["status"]);
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.contains("ua setup"), "{}", ended.err);

        let simulator = small().await;
        let working = Program::new()
            .with_account(&simulator, 2.0)
            .with("AMQP_URL", &amqp)
            .with("UA_QUEUE_PREFIX", &prefix);
        let worker = working.start(&["work", "all"], "work.log");
        let id = u64::from(worker.id());
        eventually("the reader sees the worker", 60, async || {
            let ended = looking.call(&["status", "--json"]);
            ended.code == Some(0)
                && workers(&serde_json::from_str(&ended.out).unwrap()).iter().any(|(pid, _)| *pid == id)
        })
        .await;
        assert_eq!(worker.terminate(), Some(0));
        assert_eq!(workers(&status(&looking)), []);
        assert_eq!(working.call(&["pause", "heavy", "--why", "moving house"]).code, Some(0));
        let looking = looking.with_account(&simulator, 2.0);
        for _ in 0..3 {
            let told = looking.call(&["status"]).out;
            let line = "zoom main: heavy: paused until it is resumed (moving house); ";
            assert!(
                told.lines().any(|told| told.starts_with(line) && told.ends_with(", as it was left")),
                "{told}"
            );
        }
        simulator.stop().await;
        reader.remove(&amqp).await;
    }
}
