//! The quota of a fleet over RabbitMQ, apart from its rate: a spent day and its end, and several accounts at once, each
//! with separate rates for lists and for details.

use std::time::Duration;

use jiff::{Span, Timestamp};
use messages::Receipt;
use serde_json::Value;
use simulator::{Simulator, ZoomSettings};
use store::Store;

use crate::accounts::{account, table};
use crate::program::{Program, Running, closed_date, eventually};
use crate::servers::{server, unique};

/// Maximum detail calls in progress of two processes.
const IN_HAND: u64 = 2 * 16;

fn succeed(program: &Program, words: &[&str]) -> String {
    let ended = program.call(words);
    assert_eq!(ended.code, Some(0), "{words:?}: {}\n{}", ended.out, ended.err);
    ended.out
}

fn json(program: &Program, words: &[&str]) -> Value {
    serde_json::from_str(succeed(program, words).lines().last().unwrap()).unwrap()
}

fn ago(days: i32) -> jiff::civil::Date {
    ua::receipts::read::today().saturating_sub(Span::new().days(days))
}

/// Starts two fetching processes, one of which also indexes.
fn fleet(program: &Program) -> Vec<Running> {
    let roles = [&["work", "zoom", "index"][..], &["work", "zoom"]];
    roles.iter().enumerate().map(|(place, words)| program.start(words, &format!("{place}.log"))).collect()
}

/// Number of calls that count against the day.
fn daily(simulator: &Simulator) -> u64 {
    let calls = simulator.ledger_summary().calls;
    calls.heavy + calls.resource_intensive
}

async fn receipts(program: &Program, from: i32, to: i32) -> Vec<Receipt> {
    let settings =
        store::local::LocalStoreSettings { folder: program.path().join("ua-data"), prefix: String::new() };
    let store = Store::Local(store::Local::open(settings).unwrap());
    let mut found = Vec::new();
    ua::receipts::read::receipts(&store, ago(from), ago(to), |receipt| found.push(receipt)).await.unwrap();
    found
}

async fn complete(program: &Program, from: i32, to: i32, jobs: u64) {
    eventually("every job is complete", 60, async || {
        let receipts = receipts(program, from, to).await;
        receipts.iter().filter(|receipt| receipt.state.name() == "complete").count() as u64 == jobs
    })
    .await;
    let receipts = receipts(program, from, to).await;
    let again: Vec<_> = receipts.iter().filter(|receipt| receipt.attempts != 1).collect();
    assert!(again.is_empty(), "no pause costs an attempt: {again:?}");
}

async fn removed(amqp: &str, prefix: &str, accounts: &[&str]) {
    let mut settings = runtime::broker::amqp::AmqpSettings::new(amqp.into());
    settings.prefix = prefix.to_owned();
    let amqp = runtime::broker::Amqp::open(settings).await.unwrap();
    amqp.remove().await.unwrap();
    for account in accounts {
        amqp.remove_lead(&format!("quota.zoom.{account}")).await.unwrap();
    }
}

async fn control(simulator: &Simulator, body: Value) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.post(format!("{}/_control", simulator.url())).body(body.to_string()).send().await;
    assert!(answer.unwrap().status().is_success(), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_day_holds_the_fleet_until_it_ends_and_the_next_begins_at_nought() {
    const SPEED: f64 = 5.0;
    const MEETINGS: u32 = 900;
    let Some(amqp) = server("UA_TEST_AMQP_URL") else { return };
    let settings = ZoomSettings {
        meetings_per_day: MEETINGS,
        participants: 2.0,
        hosts: 60,
        speed: SPEED,
        ..ZoomSettings::default()
    };
    let simulator = Simulator::start(settings).await.unwrap();
    let prefix = unique("day");
    let program = Program::new()
        .with_account(&simulator, SPEED)
        .with("AMQP_URL", &amqp)
        .with("UA_QUEUE_PREFIX", &prefix)
        .with("UA_DOCUMENTS_LIMIT", 1_000_000);
    succeed(&program, &["plan", "--date", &closed_date(), "--yes"]);
    let fleet = fleet(&program);
    let calls = || daily(&simulator);
    eventually("both processes make calls", 40, async || {
        calls() > 50 && simulator.ledger_summary().by_token.len() >= 2
    })
    .await;

    // The account's day ends in 12 s, and other apps have spent it.
    let day = ua::receipts::read::today();
    control(&simulator, serde_json::json!({ "now": format!("{day}T23:59:48Z") })).await;
    let midnight = runtime::clock::now() + Span::new().seconds(12);
    eventually("its clock is known", 20, async || {
        json(&program, &["quota", "--json"])["skew_ms"].as_i64() != Some(0)
    })
    .await;
    assert_eq!(simulator.ledger_summary().first_over, [], "no call over quota");
    control(&simulator, serde_json::json!({ "used_today": (60_000.0 * SPEED) as u64 })).await;
    eventually("status tells of the spent day", 20, async || told_of_the_spent_day(&program, midnight)).await;
    let (over, made) = (simulator.ledger_summary().over, calls());
    assert!((1..=IN_HAND).contains(&over), "{over} calls were refused");
    assert_eq!(simulator.ledger_summary().by_status.get(&429), Some(&over), "those that were under way");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(calls(), made, "calls are made in the pause");

    // The fleet continues by itself, with a count from 0.
    eventually("calls are made in the new day", 40, async || calls() > made).await;
    assert!(runtime::clock::now() >= midnight, "before the day has ended");
    complete(&program, 2, 2, u64::from(MEETINGS) + 1).await;
    let news = json(&program, &["quota", "--json"]);
    assert_eq!(news["day"], day.tomorrow().unwrap().to_string(), "{news}");
    let (used, of_today) = (news["meters"][2]["used"].as_u64().unwrap(), calls() - made);
    // The count includes calls in progress.
    assert!((of_today..=of_today + IN_HAND).contains(&used), "{used} counted, {of_today} made: {news}");
    let ledger = simulator.ledger_summary();
    assert_eq!(ledger.over, over, "no further call over quota");
    for process in fleet {
        assert_eq!(process.terminate(), Some(0));
    }
    removed(&amqp, &prefix, &["main"]).await;
    simulator.stop().await;
}

/// Returns true when status shows class, end and waiting jobs of the spent day, which both classes share.
fn told_of_the_spent_day(program: &Program, midnight: Timestamp) -> bool {
    let status = json(program, &["status", "--json"]);
    let meters = &status["quota"][0]["meters"];
    let spent = |place: usize| {
        let pause = &meters[place]["pause"];
        let until: Option<Timestamp> = pause["until"].as_str().and_then(|until| until.parse().ok());
        let at_midnight = until.is_some_and(|until| until.duration_since(midnight).as_secs().abs() <= 5);
        at_midnight && pause["why"].as_str().unwrap_or_default().starts_with("daily limit, ")
    };
    let told = succeed(program, &["status"]);
    let line =
        told.lines().find(|line| line.starts_with("zoom main: heavy: paused until ")).unwrap_or_default();
    let counted = line.contains(" of 240,000 used") && !line.contains(" 0 jobs waiting");
    spent(2) && spent(3) && counted && line.contains(" jobs waiting; resumes in ")
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_have_quotas_of_their_own_and_lists_a_rate_beside_details() {
    const SPEED: f64 = 8.0;
    /// Allowed list calls per second: 80 % of 20 per minute, times the speed.
    const LISTS: f64 = 20.0 / 60.0 * SPEED * 0.8;
    const DATES: i32 = 12;
    let Some(amqp) = server("UA_TEST_AMQP_URL") else { return };
    let world = |seed| ZoomSettings {
        seed,
        meetings_per_day: 40,
        participants: 2.0,
        speed: SPEED,
        ..ZoomSettings::default()
    };
    let (main, clinic) = (account("main", world(1)).await, account("clinic", world(2)).await);
    let prefix = unique("accounts");
    let program = Program::new()
        .with("ZOOM_ACCOUNTS_FILE", "accounts.toml")
        .with("ZOOM_QUOTA_SPEED", SPEED)
        .with("AMQP_URL", &amqp)
        .with("UA_QUEUE_PREFIX", &prefix)
        .with("UA_DOCUMENTS_LIMIT", 1_000_000);
    let text = table("main", &main) + &table("clinic", &clinic);
    std::fs::write(program.path().join("accounts.toml"), text).unwrap();
    // Two dates each: lists of one account wait behind those of the other, and both have some in progress.
    for first in (2..=DATES + 1).step_by(2) {
        let (from, to) = (ago(first + 1).to_string(), ago(first).to_string());
        succeed(&program, &["plan", "--from", &from, "--to", &to, "--yes"]);
    }
    let fleet = fleet(&program);
    let of = |simulator: &Simulator| simulator.ledger_summary().calls;
    eventually("both processes make calls to both accounts", 40, async || {
        [&main, &clinic].iter().all(|account| account.ledger_summary().by_token.len() >= 2)
    })
    .await;

    // Lists have their own rate in each account, regardless of concurrent details.
    let (began, before) = (std::time::Instant::now(), [of(&main), of(&clinic)]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (seconds, after) = (began.elapsed().as_secs_f64(), [of(&main), of(&clinic)]);
    for (before, after) in before.iter().zip(after) {
        let lists = after.resource_intensive - before.resource_intensive;
        let most = (LISTS * seconds).ceil() as u64 + 1;
        assert!((2..=most).contains(&lists), "{lists} lists in {seconds:.1} s, {most} at the most");
        assert!(after.heavy - before.heavy > 10 * lists, "details go beside: {before:?} {after:?}");
    }

    // A pause of one account's details does not affect the other account, and ends by itself.
    succeed(&program, &["pause", "heavy", "--account", "clinic", "--until", "4s", "--why", "exams"]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = [of(&main), of(&clinic)];
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let after = [of(&main), of(&clinic)];
    assert_eq!(after[1].heavy, before[1].heavy, "details are fetched in a pause");
    assert!(after[0].heavy > before[0].heavy, "the other account goes on: {before:?} {after:?}");

    eventually("status says that the quota bounds the lists", 20, async || {
        let advice = json(&program, &["status", "--json"])["advice"].clone();
        let mut roles = advice["roles"].as_array().unwrap().iter();
        let bound = roles.any(|role| role["role"] == "zoom.list" && role["bound"] == "quota");
        bound && succeed(&program, &["status"]).contains("the quota bounds zoom.list at ")
    })
    .await;

    let jobs = 2 * DATES as u64 * (40 + 1);
    complete(&program, DATES + 1, 2, jobs).await;
    let receipts = receipts(&program, DATES + 1, 2).await;
    for (label, account) in [("main", &main), ("clinic", &clinic)] {
        let own = receipts.iter().filter(|receipt| receipt.job_id.account() == label);
        let told: u64 = own.map(|receipt| receipt.calls.heavy + receipt.calls.resource_intensive).sum();
        assert_eq!(told, daily(account), "{label}: its receipts tell of every call");
        assert_eq!(account.ledger_summary().first_over, [], "{label}: no call over quota");
        let news = json(&program, &["quota", "--account", label, "--json"]);
        assert_eq!(news["meters"][2]["used"], told, "{label}: {news}");
    }
    for process in fleet {
        assert_eq!(process.terminate(), Some(0));
    }
    removed(&amqp, &prefix, &["main", "clinic"]).await;
    main.stop().await;
    clinic.stop().await;
}
