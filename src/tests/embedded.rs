//! The whole pipeline without a server, with the real binary: once, twice, with faults, and with `kill -9`.

use std::collections::BTreeSet;

use simulator::{Simulator, Source, Truth, ZoomSettings};

use crate::program::{Program, closed_date, eventually};

async fn world(settings: ZoomSettings) -> Simulator {
    Simulator::start(ZoomSettings { speed: 100.0, ..settings }).await.unwrap()
}

fn small() -> ZoomSettings {
    ZoomSettings { meetings_per_day: 60, participants: 8.0, ..ZoomSettings::default() }
}

pub(crate) fn truth(simulator: &Simulator) -> Truth {
    simulator.truth(closed_date().parse().unwrap(), Source::Dashboard)
}

pub(crate) fn sessions_in(program: &Program) -> BTreeSet<String> {
    let file = rusqlite::Connection::open(program.path().join("ua-data/ua.db")).unwrap();
    let mut rows = file.prepare("select id from documents where index_name like 'sessions-%'").unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

pub(crate) fn true_sessions(truth: &Truth) -> BTreeSet<String> {
    truth.ids.as_ref().unwrap().session_ids.iter().cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_harvested_once_and_planning_it_again_costs_nothing() {
    let simulator = world(small()).await;
    let program = Program::new().with_account(&simulator, 100.0);
    let first = program.call(&["run", "--date", &closed_date(), "--json"]);
    assert_eq!(first.code, Some(0), "{}", first.err);
    let receipt: serde_json::Value = serde_json::from_str(first.out.lines().last().unwrap()).unwrap();
    let truth = truth(&simulator);
    assert_eq!(receipt["complete"], true);
    assert_eq!(receipt["meetings"], truth.meetings);
    assert_eq!(receipt["sessions"], truth.sessions);
    assert_eq!(receipt["expected_sessions"], truth.sessions);
    assert_eq!(receipt["dates"], serde_json::json!([closed_date()]));
    assert_eq!(sessions_in(&program), true_sessions(&truth));
    let calls = simulator.ledger_summary().calls;
    assert_eq!(receipt["calls"]["heavy"], calls.heavy);

    let second = program.call(&["run", "--date", &closed_date(), "--json"]);
    assert_eq!(second.code, Some(0), "{}", second.err);
    assert_eq!(simulator.ledger_summary().calls.heavy, calls.heavy, "a covered date costs no call");
    let forced = program.call(&["run", "--date", &closed_date(), "--force"]);
    assert_eq!(forced.code, Some(0), "{}", forced.err);
    assert_eq!(simulator.ledger_summary().calls.heavy, calls.heavy * 2);
    assert_eq!(sessions_in(&program), true_sessions(&truth), "a second harvest doubles nothing");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_prints_the_price_and_publishes_nothing() {
    let simulator = world(small()).await;
    let program = Program::new().with_account(&simulator, 100.0);
    let ended = program.call(&["plan", "--date", &closed_date(), "--dry-run", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let price: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(price["jobs"], 1, "{price}");
    let status = program.call(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status.out).unwrap();
    let ready: u64 =
        status["queues"].as_array().unwrap().iter().map(|queue| queue["ready"].as_u64().unwrap()).sum();
    assert_eq!(ready, 0);
    assert_eq!(simulator.ledger_summary().calls.heavy, 0);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_meeting_is_harvested_by_its_uuid() {
    let simulator = world(small()).await;
    let truth = truth(&simulator);
    let uuids = &truth.ids.as_ref().unwrap().meeting_uuids;
    // A uuid that must be encoded twice is the harder case.
    let uuid = uuids.iter().find(|uuid| uuid.starts_with('/') || uuid.contains("//")).unwrap();
    let program = Program::new().with_account(&simulator, 100.0);
    let ended = program.call(&["run", "--meeting-uuid", uuid, "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let expected: BTreeSet<String> =
        true_sessions(&truth).into_iter().filter(|id| id.starts_with(&format!("{uuid}/"))).collect();
    assert!(!expected.is_empty());
    assert_eq!(sessions_in(&program), expected);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_go_to_stdout_and_only_the_calls_are_kept() {
    let simulator = world(small()).await;
    let program = Program::new().with_account(&simulator, 100.0);
    let ended = program.call(&["run", "--date", &closed_date(), "--destination", "stdout"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let lines: Vec<serde_json::Value> =
        ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: BTreeSet<String> = lines
        .iter()
        .filter(|line| line["_index"].as_str().unwrap().starts_with("sessions-"))
        .map(|line| line["_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, true_sessions(&truth(&simulator)));
    assert!(lines.iter().all(|line| line["_version"].as_i64().unwrap() > 0 && line["_source"].is_object()));
    let quota = program.call(&["quota", "--json"]);
    let quota: serde_json::Value = serde_json::from_str(&quota.out).unwrap();
    assert!(quota["meters"][2]["used"].as_u64().unwrap() > 0, "the calls count for the day: {quota}");
    assert_eq!(program.call(&["runs", "--json"]).out.trim(), "", "no run is kept");
    assert!(sessions_in(&program).is_empty(), "no document is kept");
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_that_is_gone_is_a_dead_letter_and_stops_nobody() {
    let faults = vec!["gone=0.1".parse().unwrap()];
    let simulator = world(ZoomSettings { faults, ..small() }).await;
    let truth = truth(&simulator);
    let gone = truth.ids.as_ref().unwrap().gone.len();
    assert!(gone > 0, "the world has no meeting that is gone");
    let program = Program::new().with_account(&simulator, 100.0);
    let ended = program.call(&["run", "--date", &closed_date(), "--json"]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    let receipt: serde_json::Value = serde_json::from_str(ended.out.lines().last().unwrap()).unwrap();
    assert_eq!(receipt["dead"], gone);
    let dead = program.call(&["dlq", "list", "--json", "--limit", "1000"]);
    let dead: serde_json::Value = serde_json::from_str(&dead.out).unwrap();
    let letters = dead["letters"].as_array().unwrap();
    assert_eq!(letters.len(), gone);
    assert!(letters.iter().all(|letter| letter["cause"]["class"] == "gone"), "{letters:?}");
    assert_eq!((&dead["groups"][0]["class"], &dead["groups"][0]["count"]), (&"gone".into(), &gone.into()));
    let held: BTreeSet<String> = sessions_in(&program);
    let is_gone =
        |id: &String| truth.ids.as_ref().unwrap().gone.iter().any(|uuid| id.starts_with(&format!("{uuid}/")));
    assert_eq!(held, true_sessions(&truth).into_iter().filter(|id| !is_gone(id)).collect());
    simulator.stop().await;
}

/// `ua plan` and `ua work` as separate processes on one file; the worker is killed in the middle.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_loses_nothing() {
    let faults = ["429=0.02", "500=0.02", "reset=0.01"].map(|fault| fault.parse().unwrap()).into();
    let settings =
        ZoomSettings { meetings_per_day: 300, participants: 8.0, faults, ..ZoomSettings::default() };
    let simulator = Simulator::start(ZoomSettings { speed: 5.0, ..settings }).await.unwrap();
    let program = Program::new().with_account(&simulator, 5.0);
    let planned = program.call(&["plan", "--date", &closed_date(), "--yes"]);
    assert_eq!(planned.code, Some(0), "{}", planned.err);
    let worker = program.start(&["work", "all"], "first.log");
    eventually("a hundred details are fetched", 60, async || simulator.ledger_summary().calls.heavy > 100)
        .await;
    worker.kill();
    let held_at_the_kill = sessions_in(&program).len();
    let worker = program.start(&["work", "all"], "second.log");
    let truth = truth(&simulator);
    eventually("all sessions are held", 120, async || sessions_in(&program) == true_sessions(&truth)).await;
    assert!((held_at_the_kill as u64) < truth.sessions, "the kill came too late to prove anything");
    assert_eq!(worker.terminate(), Some(0));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_ends_with_the_reason_when_its_file_is_deleted() {
    let program = Program::new();
    let role = program.start(&["work", "index"], "index.log");
    let (folder, log) = (program.path().join("ua-data"), program.path().join("index.log"));
    let owners = || std::fs::read_dir(folder.join("owners")).is_ok_and(|mut owners| owners.next().is_some());
    eventually("the role has the file open", 60, async || owners() && folder.join("ua.db-wal").exists())
        .await;
    for name in ["ua.db", "ua.db-wal", "ua.db-shm"] {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    let code = role.ended_within(60);
    let said = std::fs::read_to_string(log).unwrap();
    assert!(code.is_some_and(|code| code != 0), "{code:?}: {said}");
    assert!(said.contains("ua.db was deleted or replaced"), "{said}");
}
