//! Dead letters as they are filed and shown: large ones, what the API said, and a store that refuses meanwhile.

use messages::{Cause, CauseClass, Family, Lane, Queue};
use runtime::Message;
use serde_json::Value;
use simulator::{Simulator, ZoomSettings};
use store::{DocumentKind, Query};

use crate::dlq::DeskFixture;
use crate::gate::Gate;
use crate::program::{Program, closed_date, eventually};
use crate::servers::{searched, server, unique};

fn succeed(program: &Program, words: &[&str]) -> String {
    let ended = program.call(words);
    assert_eq!(ended.code, Some(0), "{words:?}: {}\n{}", ended.out, ended.err);
    ended.out
}

fn dead(id: &str, bytes: usize) -> Message {
    let queue = Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily);
    let body: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
    let cause = Cause::new(CauseClass::Gone, "GET /metrics/meetings/.../participants answered 404");
    Message::new(queue, id, body, runtime::clock::now()).into_dead(cause)
}

async fn shown_in_pieces(place: &DeskFixture) {
    place.broker.publish(vec![dead("large", 9 << 20), dead("small", 9)]).await.unwrap();
    let worker = place.program.start(&["work", "index"], "work.log");
    eventually("both are filed", 60, async || {
        place.store.refresh().await.unwrap();
        place.store.count(&Query::all(DocumentKind::Deadletters).with("state", "dead")).await == Ok(2)
    })
    .await;
    assert_eq!(worker.terminate(), Some(0));
    let large = succeed(&place.program, &["dlq", "show", "large"]);
    assert!(large.contains("3 pieces, 9,437,184 bytes in all"), "{large}");
    let large: Value =
        serde_json::from_str(&succeed(&place.program, &["dlq", "show", "large", "--json"])).unwrap();
    assert_eq!((&large["pieces"], &large["bytes"]), (&3.into(), &(9 << 20).into()));
    let small = succeed(&place.program, &["dlq", "show", "small"]);
    assert!(!small.contains("piece"), "{small}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_letter_says_that_it_lies_in_pieces_in_the_local_file() {
    let place = DeskFixture::local();
    shown_in_pieces(&place).await;
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_letter_says_that_it_lies_in_pieces_in_a_search_engine() {
    let Some(place) = DeskFixture::on_servers().await else { return };
    shown_in_pieces(&place).await;
    place.remove().await;
}

/// The details of every meeting are gone: the letters show what the API said.
async fn shows_what_the_api_said(program: Program, simulator: &Simulator) {
    let program = program.with_account(simulator, 100.0);
    let ended = program.call(&["run", "--date", &closed_date()]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    let listed = succeed(&program, &["dlq", "list", "--json"]);
    let listed: Value = serde_json::from_str(listed.lines().last().unwrap()).unwrap();
    let id = listed["letters"][0]["id"].as_str().unwrap();
    let shown = succeed(&program, &["dlq", "show", id]);
    assert!(shown.contains("404") && shown.contains("Meeting does not exist"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_shows_what_the_api_said() {
    let faults = vec!["gone=1".parse().unwrap()];
    let settings = ZoomSettings {
        meetings_per_day: 3,
        participants: 2.0,
        speed: 100.0,
        faults,
        ..ZoomSettings::default()
    };
    let simulator = Simulator::start(settings).await.unwrap();
    shows_what_the_api_said(Program::new(), &simulator).await;
    if let Some(search) = server("UA_TEST_ES_9") {
        let prefix = format!("{}-", unique("letters"));
        let program = Program::new().with("ES_HOST", &search).with("UA_INDEX_PREFIX", &prefix);
        shows_what_the_api_said(program, &simulator).await;
        searched(&search, &prefix).wipe_prefix().await.unwrap();
    }
    simulator.stop().await;
}

/// What the desk says of itself.
fn desk(program: &Program) -> Value {
    let status: Value = serde_json::from_str(&succeed(program, &["status", "--json"])).unwrap();
    let mut roles =
        status["workers"].as_array().unwrap().iter().flat_map(|card| card["roles"].as_array().unwrap());
    roles.find(|role| role["name"] == "index.dead").cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_letters_is_held_for_and_they_are_filed_later() {
    let Some(search) = server("UA_TEST_ES_9") else { return };
    let (gate, url) = Gate::before(&search).await;
    let prefix = format!("{}-", unique("letters"));
    let place = DeskFixture::local();
    let data = place.program.path().join("ua-data").display().to_string();
    let site = |host: &str| {
        Program::new().with("ES_HOST", host).with("UA_INDEX_PREFIX", &prefix).with("UA_DATA_DIR", &data)
    };
    let (operator, program) = (site(&search), site(&url));
    succeed(&operator, &["setup"]);
    gate.deny(401, "/_bulk");
    let mut worker = program.start(&["work", "index"], "work.log");
    place.broker.publish(vec![dead("large", 9 << 20), dead("small", 9)]).await.unwrap();
    eventually("the desk is refused some times", 60, async || gate.denials() >= 3).await;
    eventually("it says so", 30, async || desk(&operator)["trouble"]["refused"] == true).await;
    assert!(worker.is_running());
    gate.open();
    succeed(&operator, &["resume", "index"]);
    let store = searched(&search, &prefix);
    eventually("both are filed", 60, async || {
        store.refresh().await.unwrap();
        store.count(&Query::all(DocumentKind::Deadletters).with("state", "dead")).await == Ok(2)
    })
    .await;
    assert_eq!(worker.terminate(), Some(0));
    store.wipe_prefix().await.unwrap();
    place.remove().await;
}
