//! Opencast from end to end: embedded with every generation and both dialects, and on real servers with faults and a
//! `kill -9`.

use std::collections::BTreeSet;

use jiff::civil::Date;
use messages::{MAIN_ACCOUNT, Receipt, ReceiptState};
use serde_json::Value;
use simulator::opencast::{Auth, Dialect, Opencast, OpencastSettings};
use store::{Batch, DocumentKind, Query, Store};

use crate::program::{Program, closed_date, eventually};
use crate::servers::{Site, server};

/// The simulator's clock is the machine's except for the seconds. A day is proven complete at the turn of a minute, so
/// that no test waits long for one.
fn settings() -> OpencastSettings {
    let minute = runtime::clock::now().as_second().div_euclid(60) * 60;
    let now = Some(jiff::Timestamp::from_second(minute + 55).unwrap());
    OpencastSettings { actions_per_day: 2_500, now, ..OpencastSettings::default() }
}

/// A date that is final at any time of day: one that has just ended may still change.
fn date() -> String {
    ua::receipts::read::today().saturating_sub(jiff::Span::new().days(2)).to_string()
}

fn day() -> Date {
    date().parse().unwrap()
}

fn local(program: &Program) -> Store {
    let settings =
        store::local::LocalStoreSettings { folder: program.path().join("data"), prefix: String::new() };
    Store::Local(store::Local::open(settings).unwrap())
}

async fn ids(store: &Store, kind: DocumentKind) -> BTreeSet<String> {
    let (query, mut ids, mut after) = (Query::all(kind), BTreeSet::new(), None);
    loop {
        let (hits, next) = store.scan(&query, 2_000, after).await.unwrap();
        ids.extend(hits.into_iter().map(|hit| hit.id));
        match next {
            Some(next) => after = Some(next),
            None => return ids,
        }
    }
}

fn truth(opencast: &Opencast, day: Date) -> (BTreeSet<String>, BTreeSet<String>) {
    let truth = opencast.truth(day);
    let actions = truth.ids.unwrap().action_ids.iter().map(ToString::to_string).collect();
    (actions, truth.episodes.into_iter().collect())
}

async fn receipt(store: &Store, id: &str) -> Receipt {
    let hit = store.get(DocumentKind::Harvests, id).await.unwrap().unwrap();
    let receipt: Receipt = serde_json::from_str(hit.source.get()).unwrap();
    assert_eq!(receipt.job_id.account(), MAIN_ACCOUNT);
    receipt
}

/// Checks that `ua export attendance` of the held documents equals the truth of the date.
fn attendance_is_true(program: &Program, opencast: &Opencast, day: Date) {
    for (live, column) in [(false, "vod_attendance"), (true, "live_attendance")] {
        let words = ["export", "attendance", "--json", "--live"];
        let ended = program.call(if live { &words } else { &words[..3] });
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let row = |line: &str| {
            let row: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            (text("mpid"), text("huid"), row[column].as_u64().unwrap())
        };
        let told: BTreeSet<_> = ended.out.lines().map(row).collect();
        let truth = opencast.truth(day).attendance.into_iter().filter_map(|one| {
            let percent = if live { one.live } else { one.vod };
            Some((one.mpid, one.huid, u64::from(percent?)))
        });
        assert_eq!(told, truth.collect(), "{column}");
    }
}

/// Makes the border actions of the next date anonymous, so that they count for no attendance.
async fn disown(store: &Store, border: &BTreeSet<String>) {
    let mut batch = Batch::new();
    for id in border {
        let hit = store.get(DocumentKind::Useractions, id).await.unwrap().unwrap();
        let mut action: Value = serde_json::from_str(hit.source.get()).unwrap();
        action["huid"] = "anonymous".into();
        batch
            .push(store.prefix(), DocumentKind::Useractions, hit.index, hit.id, hit.version, &action)
            .unwrap();
    }
    store.bulk(&batch).await.unwrap();
}

/// Runs `ua run` for one date: the file ends equal to the truth.
async fn embedded(settings: OpencastSettings) {
    let dce = settings.dialect == Dialect::Dce;
    let opencast = Opencast::start(settings).await.unwrap();
    let program = Program::new().with_opencast(&opencast).with("UA_DATA_DIR", "data");
    let (day, date) = (day(), date());
    let ended = program.call(&["run", "--source", "opencast", "--date", &date, "--json"]);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.out, ended.err);
    let said: Value = serde_json::from_str(ended.out.lines().last().unwrap()).unwrap();
    let (actions, episodes) = truth(&opencast, day);
    assert_eq!((&said["source"], &said["complete"]), (&"opencast".into(), &true.into()), "{said}");
    let store = local(&program);
    let held = ids(&store, DocumentKind::Useractions).await;
    // The end of a window is the beginning of the next date: actions on the border belong to both.
    let beyond = opencast.truth(day.tomorrow().unwrap()).ids.unwrap().action_ids;
    let beyond: BTreeSet<String> = beyond.iter().map(ToString::to_string).collect();
    let border: BTreeSet<String> = held.intersection(&beyond).cloned().collect();
    assert!(border.is_empty() || dce && border.len() < 3, "{border:?}");
    assert_eq!(held, actions.union(&border).cloned().collect());
    assert_eq!(said["actions"], held.len(), "{said}");
    assert!(ids(&store, DocumentKind::Episodes).await.is_superset(&episodes));
    let receipt = receipt(&store, &format!("opencast:actions:{date}")).await;
    assert_eq!((receipt.state, receipt.got), (ReceiptState::Complete, Some(held.len() as u64)));
    // Everything is held, so that planning again publishes nothing.
    let again = program.call(&["plan", "--date", &date, "--json"]);
    let plan: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!((&plan["jobs"], &plan["covered"][0]), (&0.into(), &(*date).into()), "{plan}");
    let shown = program.call(&["status", "--json"]);
    let status: Value = serde_json::from_str(&shown.out).unwrap();
    let of_date = status["days"].as_array().unwrap().iter().find(|shown| shown["date"] == *date).unwrap();
    let wanted: [Value; 3] = [true.into(), held.len().into(), held.len().into()];
    assert_eq!(["listed", "expected_actions", "actions"].map(|name| of_date[name].clone()), wanted);
    let shown = program.call(&["status"]).out;
    assert!(shown.contains("user actions") && !shown.contains("sessions"), "{shown}");
    disown(&store, &border).await;
    attendance_is_true(&program, &opencast, day);
    opencast.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_of_every_generation_ends_equal_to_the_truth() {
    for generation in [5, 12, 15, 16, 17] {
        embedded(OpencastSettings { generation, ..settings() }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fork_with_windows_ends_equal_to_the_truth() {
    embedded(OpencastSettings { generation: 5, dialect: Dialect::Dce, auth: Auth::Digest, ..settings() })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_everything_and_knows_basic_alone() {
    embedded(OpencastSettings { auth: Auth::Basic, anonymous_reads: false, ..settings() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_server_lose_nothing() {
    let faults = ["500=0.03", "502-html=0.02", "reset=0.02", "truncated-json=0.02"];
    embedded(OpencastSettings { faults: faults.map(|fault| fault.parse().unwrap()).into(), ..settings() })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_without_actions_is_complete() {
    embedded(OpencastSettings { actions_per_day: 0, ..settings() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_are_told_and_exit_2() {
    let opencast = Opencast::start(OpencastSettings { anonymous_reads: false, ..settings() }).await.unwrap();
    let program = Program::new().with_opencast(&opencast).with("OPENCAST_PASSWORD", "canary-wrong");
    for words in [&["run", "--date", &closed_date()][..], &["check"]] {
        let ended = program.call(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {}{}", ended.out, ended.err);
        let said = format!("{}{}", ended.out, ended.err);
        assert!(said.contains("OPENCAST_USER") && !said.contains("canary"), "{words:?}: {said}");
    }
    opencast.stop().await;
}

/// Without user tracking, that is reported once, the dates are complete and empty, and the default plan reads episodes.
#[tokio::test(flavor = "multi_thread")]
async fn without_user_tracking_nothing_is_dead_and_the_catalogue_is_taken() {
    let opencast = Opencast::start(OpencastSettings { usertracking: false, generation: 17, ..settings() })
        .await
        .unwrap();
    let program = Program::new().with_opencast(&opencast).with("UA_DATA_DIR", "data");
    let run = || {
        let ended = program.call(&["run", "--json"]);
        assert_eq!(ended.code, Some(0), "{}\n{}", ended.out, ended.err);
        ended.err.matches("no user actions are fetched").count()
    };
    let jobs = || {
        let planned = program.call(&["plan", "--dry-run", "--json"]);
        serde_json::from_str::<Value>(&planned.out).unwrap()["jobs"].as_u64()
    };
    assert_eq!(run(), 1, "said once, of four dates");
    let store = local(&program);
    let receipt = receipt(&store, &format!("opencast:actions:{}", closed_date())).await;
    assert_eq!((receipt.state, receipt.expected, receipt.got), (ReceiptState::Complete, Some(0), Some(0)));
    assert_eq!(receipt.cause.unwrap().class, messages::CauseClass::PlanMissing);
    let taken = ids(&store, DocumentKind::Episodes).await;
    assert!(taken.len() > 10, "the first run takes the episodes: {taken:?}");
    let calls = opencast.ledger_summary().by_path["/search/episode.json"];
    assert_eq!(run(), 1);
    let again = opencast.ledger_summary().by_path["/search/episode.json"] - calls;
    assert!(again < 5, "and the next one does not: {again}");
    let after = jobs();
    assert!(after.is_some_and(|jobs| jobs <= 2), "the catalogue is held, and dates that are over: {after:?}");
    assert!(ids(&store, DocumentKind::Deadletters).await.is_empty());
    let checked = program.call(&["check"]);
    assert!(checked.out.contains("dialect: none: there is no user tracking"), "{}", checked.out);
    opencast.stop().await;
}

/// Both sources in one plan and one worker, on real servers, with faults and a `kill -9` in the middle.
#[tokio::test(flavor = "multi_thread")]
async fn both_sources_on_rabbitmq_4_and_elasticsearch_9() {
    let (Some(amqp), Some(search)) = (server("UA_TEST_AMQP4_URL"), server("UA_TEST_ES_9")) else { return };
    let faults = ["500=0.02", "reset=0.02"].map(|fault| fault.parse().unwrap());
    let watched = OpencastSettings { actions_per_day: 20_000, faults: faults.into(), ..settings() };
    let opencast = Opencast::start(watched).await.unwrap();
    let zoom = simulator::ZoomSettings {
        meetings_per_day: 60,
        participants: 6.0,
        speed: 5.0,
        faults: faults.into(),
        ..simulator::ZoomSettings::default()
    };
    let zoom = simulator::Simulator::start(zoom).await.unwrap();
    let program = Program::new().with_account(&zoom, 5.0).with_opencast(&opencast);
    let site = Site::with(program.with("OPENCAST_CALLS_PER_SECOND", 20), &amqp, &search);
    site.succeed(&["setup"]);
    site.succeed(&["plan", "--date", &date(), "--yes"]);
    let worker = site.program.start(&["work", "all"], "first.log");
    eventually("some actions are indexed", 60, async || {
        !site.ids(DocumentKind::Useractions).await.is_empty()
    })
    .await;
    worker.kill();
    let worker = site.program.start(&["work", "all"], "second.log");
    let (actions, episodes) = truth(&opencast, day());
    let sessions = zoom.truth(day(), simulator::Source::Dashboard).ids.unwrap().session_ids;
    eventually("the index holds every action", 120, async || {
        site.ids(DocumentKind::Useractions).await == actions
    })
    .await;
    eventually("the index holds every episode", 60, async || {
        site.ids(DocumentKind::Episodes).await == episodes
    })
    .await;
    eventually("the index holds every session", 120, async || {
        site.ids(DocumentKind::Sessions).await == sessions.iter().cloned().collect()
    })
    .await;
    eventually("every receipt is complete", 30, async || {
        site.store.refresh().await.unwrap();
        let receipts = Query::all(DocumentKind::Harvests);
        let complete = site.store.count(&receipts.clone().with("state", "complete")).await.unwrap();
        complete > 60 && site.store.count(&receipts).await.unwrap() == complete
    })
    .await;
    assert_eq!(worker.terminate(), Some(0));
    assert_eq!(zoom.ledger_summary().first_over, []);
    site.store.wipe_prefix().await.unwrap();
    zoom.stop().await;
    opencast.stop().await;
}

/// A server that redirects one answer to the login page, sends no date header, and shows only one of two episodes to a
/// user who is no administrator.
fn odd_server(date: String) -> axum::Router {
    use axum::response::IntoResponse as _;
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let row = move |id: u32, mpid: &str| {
        format!(
            r#"{{"id":{id},"mediapackageId":"{mpid}","type":"PLAY","isPlaying":1,"created":"{date}T10:00:00Z"}}"#
        )
    };
    axum::Router::new().fallback(move |uri: axum::http::Uri| {
        let (path, query) = (uri.path(), uri.query().unwrap_or_default());
        let windowed =
            !query.contains("start=1970") && query.contains("start=") && query.contains("offset=0");
        let rows = if windowed { [row(1, "seen"), row(2, "hidden")].join(",") } else { String::new() };
        let total = if windowed { 2 } else { 0 };
        let json = |body: &str| ([("server", "nginx")], body.to_owned()).into_response();
        let answer = match path {
            "/usertracking/actions.json" if !query.contains("day=") && !query.contains("start=") => {
                panic!("{query}")
            }
            "/usertracking/actions.json" => {
                json(&format!(r#"{{"actions":{{"total":{total},"action":[{rows}]}}}}"#))
            }
            "/search/episode.json" if query.contains("id=seen") => {
                match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                    0 => (axum::http::StatusCode::FOUND, [("location", "/login.html")]).into_response(),
                    _ => json(r#"{"total":1,"result":[{"mediapackage":{"id":"seen","title":"T"}}]}"#),
                }
            }
            "/search/episode.json" => json(r#"{"total":0,"result":[]}"#),
            "/info/me.json" => {
                json(r#"{"user":{"username":"h"},"roles":["ROLE_USER"],"org":{"adminRole":"ROLE_ADMIN"}}"#)
            }
            _ => axum::http::StatusCode::NOT_FOUND.into_response(),
        };
        std::future::ready(answer)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn one_login_page_stops_nothing_and_what_a_user_cannot_see_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let date = closed_date();
    let app = odd_server(date.clone());
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let program = Program::new()
        .with("OPENCAST_ENGAGE_URL", &url)
        .with("OPENCAST_USER", "h")
        .with("OPENCAST_PASSWORD", "p")
        .with("OPENCAST_AUTH", "basic")
        .with("OPENCAST_CALLS_PER_SECOND", 0)
        .with("UA_DATA_DIR", "data");
    let ended = program.call(&["run", "--source", "opencast", "--date", &date, "--json"]);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.out, ended.err);
    let receipt = receipt(&local(&program), &format!("opencast:actions:{date}")).await;
    assert_eq!((receipt.state, receipt.got), (ReceiptState::Complete, Some(2)));
    let [finding] = &receipt.findings[..] else { panic!("{:?}", receipt.findings) };
    assert!(finding.text.starts_with("1 of 2 actions belong to 1 episode"), "{finding:?}");
    assert!(finding.text.contains("ROLE_ADMIN"), "{finding:?}");
    let shown = program.call(&["check"]).out;
    assert!(shown.contains("lacks ROLE_ADMIN") && shown.contains("proxy (nginx)"), "{shown}");
    server.abort();
}
