//! Runs: price, progress, and cancellation, also while workers run.

use std::collections::BTreeSet;

use serde_json::Value;
use simulator::{Simulator, Source, ZoomSettings};

use crate::bad_input::refused;
use crate::program::{Program, eventually};

/// Returns the UTC date `days` ago.
pub(crate) fn ago(days: i32) -> String {
    ua::receipts::read::today().saturating_sub(jiff::Span::new().days(days)).to_string()
}

pub(crate) fn json(program: &Program, words: &[&str]) -> Value {
    let ended = program.call(words);
    assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.err);
    serde_json::from_str(ended.out.lines().last().unwrap_or_else(|| panic!("{words:?} says nothing")))
        .unwrap()
}

pub(crate) fn plan(program: &Program, from: i32, to: i32) -> (String, Value) {
    let plan = json(program, &["plan", "--from", &ago(from), "--to", &ago(to), "--yes", "--json"]);
    (plan["run"].as_str().unwrap().to_owned(), plan)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_shows_its_price_beside_what_was_used() {
    let settings =
        ZoomSettings { meetings_per_day: 30, participants: 5.0, speed: 100.0, ..ZoomSettings::default() };
    let simulator = Simulator::start(settings).await.unwrap();
    let program = Program::new().with_account(&simulator, 100.0);
    // Two days of history, then the estimate of a third.
    assert_eq!(program.call(&["run", "--from", &ago(9), "--to", &ago(8)]).code, Some(0));
    let dry = program.call(&["plan", "--date", &ago(2), "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{}", dry.err);
    for word in
        ["resource-intensive", "heavy", "quota day", "at the earliest", "1 list estimated", "calls a detail"]
    {
        assert!(dry.out.contains(word), "the price does not say {word:?}: {}", dry.out);
    }
    let (run, plan) = plan(&program, 2, 2);
    let priced = plan["price"]["heavy"].as_u64().unwrap();
    assert!(priced > 0 && plan["price"]["guessed"] == 0, "{plan}");
    let before = json(&program, &["status", "--run", &run, "--json"]);
    assert_eq!((&before["progress"]["waiting"], &before["done"]), (&1.into(), &0.into()), "{before}");
    assert!(before["expected"].as_u64().unwrap() > 1, "what the list will bring counts: {before}");
    let listed = json(&program, &["runs", "--limit", "1", "--json"]);
    assert_eq!((&listed["expected"], &listed["done"]), (&before["expected"], &0.into()), "{listed}");
    let calls = simulator.ledger_summary().calls;
    let worker = program.start(&["work", "all"], "work.log");
    eventually("the run is done", 60, async || {
        json(&program, &["status", "--run", &run, "--json"])["progress"]["waiting"] == 0
    })
    .await;
    assert_eq!(worker.terminate(), Some(0));
    let after = json(&program, &["status", "--run", &run, "--json"]);
    let used = simulator.ledger_summary().calls;
    assert_eq!(after["progress"]["calls"]["heavy"], used.heavy - calls.heavy, "{after}");
    assert_eq!(
        after["progress"]["calls"]["resource_intensive"],
        used.resource_intensive - calls.resource_intensive
    );
    let truth = simulator.truth(ago(2).parse().unwrap(), Source::Dashboard);
    assert_eq!(after["progress"]["complete"], truth.meetings + 1, "{after}");
    let shown = program.call(&["status", "--run", &run]);
    for word in ["done", "price", "used", "jobs a minute"] {
        assert!(shown.out.contains(word), "it does not say {word:?}: {}", shown.out);
    }
    let runs = program.call(&["runs", "--json"]);
    let newest: Value = serde_json::from_str(runs.out.lines().next().unwrap()).unwrap();
    assert_eq!((newest["run"].as_str(), &newest["waiting"]), (Some(run.as_str()), &0.into()), "{newest}");
    assert_eq!(newest["calls"], after["progress"]["calls"], "the list says what was used, too");
    assert_eq!((&newest["done"], &newest["expected"]), (&after["done"], &after["expected"]), "{newest}");
    assert_eq!(runs.out.lines().count(), 2, "{}", runs.out);
    // With `--force` the jobs belong to the new run, and the old run reports it.
    let again = json(&program, &["plan", "--date", &ago(2), "--force", "--json"]);
    assert_eq!(again["price"]["known"], 1);
    let spent = used.heavy + used.resource_intensive;
    let left = again["price"]["per_day"].as_u64().unwrap() - spent;
    assert_eq!(again["price"]["left_today"], left, "what today's calls have left: {again}");
    assert_eq!(json(&program, &["status", "--run", &run, "--json"])["taken_over"], 1);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_are_shown_by_the_run_by_the_list_of_runs_and_by_its_status() {
    let scopes = Some(vec!["dashboard:read:admin".to_owned()]);
    let world =
        ZoomSettings { meetings_per_day: 4, participants: 2.0, speed: 100.0, ..ZoomSettings::default() };
    let simulator = Simulator::start(ZoomSettings { scopes, ..world }).await.unwrap();
    let program = Program::new().with_account(&simulator, 100.0);
    let ended = program.call(&["run", "--date", &ago(2), "--json"]);
    assert_eq!(ended.code, Some(0), "a finding makes nothing incomplete: {}", ended.err);
    let summary: Value = serde_json::from_str(ended.out.lines().last().unwrap()).unwrap();
    let finding = &summary["findings"][0];
    assert_eq!((&finding["code"], &finding["jobs"]), (&"host-ids".into(), &1.into()), "{summary}");
    assert_eq!(summary["dropped_fields"], serde_json::json!({}), "{summary}");
    assert!(ended.err.contains("finding: host-ids (1 job)"), "{}", ended.err);
    let listed = json(&program, &["runs", "--json"]);
    assert_eq!(listed["findings"], 1, "{listed}");
    let run = listed["run"].as_str().unwrap();
    let shown = program.call(&["status", "--run", run]);
    assert!(shown.out.contains("finding: host-ids (1 job)"), "{}", shown.out);
    assert_eq!(json(&program, &["status", "--run", run, "--json"])["findings"], summary["findings"]);
    simulator.stop().await;
}

/// Quota speed in the tests that cancel a run.
pub(crate) const SPEED: f64 = 1.5;

/// Cancels a run in the middle, on the servers of `program`.
pub(crate) async fn cancelled_in_the_middle(program: &Program, simulator: &Simulator) {
    let (doomed, _) = plan(program, 12, 10);
    let (other, _) = plan(program, 5, 5);
    let worker = program.start(&["work", "all"], "cancel.log");
    // Slow enough to cancel in the middle on every machine.
    let slowed = program.call(&["quota", "set", "heavy=10%"]);
    assert_eq!(slowed.code, Some(0), "{}", slowed.err);
    eventually("lists are read and some details fetched", 90, async || {
        simulator.ledger_summary().calls.heavy > 10
    })
    .await;
    // Jobs in progress are finished; the next call takes out the jobs that they published.
    eventually("nothing of the run is left", 120, async || {
        let ended = program.call(&["cancel", &doomed, "--yes", "--json"]);
        assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.err);
        ended.code == Some(0)
    })
    .await;
    let ended = json(program, &["status", "--run", &doomed, "--json"]);
    let (taken, done) = (&ended["progress"]["cancelled"], &ended["progress"]["complete"]);
    assert!(taken.as_u64() > Some(0), "the cancel came too late to prove anything: {ended}");
    assert_eq!(
        (&ended["progress"]["waiting"], ended["state"].as_str()),
        (&0.into(), Some("cancelled")),
        "{ended}"
    );
    let sped = program.call(&["quota", "set", "heavy=default"]);
    assert_eq!(sped.code, Some(0), "{}", sped.err);
    eventually("the other run is done", 180, async || {
        json(program, &["status", "--run", &other, "--json"])["progress"]["waiting"] == 0
    })
    .await;
    let unharmed = json(program, &["status", "--run", &other, "--json"]);
    let truth = simulator.truth(ago(5).parse().unwrap(), Source::Dashboard);
    assert_eq!(unharmed["progress"]["complete"], truth.meetings + 1, "{unharmed}");
    let still = json(program, &["status", "--run", &doomed, "--json"]);
    assert_eq!(&still["progress"]["complete"], done, "nothing more of it is done: {still}");
    // A new plan publishes exactly the jobs that were taken out.
    let (again, plan) = plan(program, 12, 10);
    assert!(plan["jobs"].as_u64() > Some(0), "{plan}");
    eventually("the new run is done", 300, async || {
        json(program, &["status", "--run", &again, "--json"])["progress"]["waiting"] == 0
    })
    .await;
    assert_eq!(worker.terminate(), Some(0));
}

/// Returns the account's sessions of the dates that [`cancelled_in_the_middle`] plans.
pub(crate) fn sessions_of_the_dates(simulator: &Simulator) -> BTreeSet<String> {
    let ids = [12, 11, 10, 5]
        .map(|days| simulator.truth(ago(days).parse().unwrap(), Source::Dashboard).ids.unwrap());
    ids.into_iter().flat_map(|ids| ids.session_ids).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_while_workers_go_on_and_planned_again() {
    let settings =
        ZoomSettings { meetings_per_day: 150, participants: 5.0, speed: SPEED, ..ZoomSettings::default() };
    let simulator = Simulator::start(settings).await.unwrap();
    let program = Program::new().with_account(&simulator, SPEED);
    cancelled_in_the_middle(&program, &simulator).await;
    assert_eq!(crate::embedded::sessions_in(&program), sessions_of_the_dates(&simulator));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_nobody_works_on_is_cancelled_at_once_and_costs_nothing() {
    let simulator = Simulator::start(ZoomSettings { speed: 100.0, ..ZoomSettings::default() }).await.unwrap();
    let program = Program::new().with_account(&simulator, 100.0);
    let (run, _) = plan(&program, 4, 2);
    refused(&program, &["cancel", &run], &["3 jobs of run", "--yes"]);
    let cancelled = json(&program, &["cancel", &run, "--yes", "--json"]);
    assert_eq!((&cancelled["taken"], &cancelled["left"]), (&3.into(), &0.into()), "{cancelled}");
    let again = json(&program, &["cancel", &run, "--yes", "--json"]);
    assert_eq!(again["taken"], 0, "once more changes nothing");
    let (_, plan) = plan(&program, 4, 2);
    assert_eq!(plan["jobs"], 3, "what was cancelled is not held: {plan}");
    assert_eq!(simulator.ledger_summary().calls.heavy, 0);
    simulator.stop().await;
}

#[test]
fn a_run_that_is_none_is_said_so() {
    let program = Program::new();
    refused(&program, &["status", "--run", "nothing"], &["\"nothing\"", "ua runs"]);
    refused(&program, &["cancel", "nothing", "--yes"], &["\"nothing\"", "ua runs"]);
    refused(&program, &["cancel"], &["RUN"]);
    refused(&program, &["runs", "--limit", "0"], &["--limit"]);
    let none = program.call(&["runs"]);
    assert_eq!(none.code, Some(0), "{}", none.err);
    assert!(none.out.contains("nothing was planned yet"), "{}", none.out);
}
