//! Opencast's jobs at the desk and in a cancelled run, and documents of unusual servers, with the real binary.

use std::collections::BTreeMap;

use indexer::DeadLetterDesk;
use jiff::civil::Date;
use messages::opencast::Task;
use messages::{Cause, CauseClass, Family, Lane, Queue, RunId};
use runtime::{BatchWorker as _, Broker, Message, Outbox};
use serde_json::Value;
use simulator::opencast::{Dialect, Disorder, Opencast, OpencastSettings};
use store::{DocumentKind, Query, Store};
use tokio_util::sync::CancellationToken;

use crate::mmdb::{city, database};
use crate::program::{Program, closed_date, eventually};
use crate::servers::{searched, server, unique};

fn settings() -> OpencastSettings {
    OpencastSettings { dialect: Dialect::Dce, actions_per_day: 300, ..OpencastSettings::default() }
}

fn json(program: &Program, words: &[&str]) -> Value {
    let ended = program.call(words);
    assert_eq!(ended.code, Some(0), "{words:?}: {}\n{}", ended.out, ended.err);
    serde_json::from_str(ended.out.lines().last().unwrap()).unwrap()
}

fn local(program: &Program) -> Store {
    let settings =
        store::local::LocalStoreSettings { folder: program.path().join("data"), prefix: String::new() };
    Store::Local(store::Local::open(settings).unwrap())
}

fn ids(opencast: &Opencast, day: Date) -> Vec<String> {
    opencast.truth(day).ids.unwrap().action_ids.iter().map(ToString::to_string).collect()
}

/// Returns every document of user actions by its id.
async fn documents(store: &Store) -> BTreeMap<String, Value> {
    let (query, mut documents, mut after) = (Query::all(DocumentKind::Useractions), BTreeMap::new(), None);
    loop {
        let (hits, next) = store.scan(&query, 2_000, after).await.unwrap();
        let read = hits.into_iter().map(|hit| (hit.id, serde_json::from_str(hit.source.get()).unwrap()));
        documents.extend(read);
        match next {
            Some(next) => after = Some(next),
            None => return documents,
        }
    }
}

/// A server configured to log no user data: documents have no user, address, session or place.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_leaves_out_is_in_no_document() {
    let opencast = Opencast::start(OpencastSettings { omitted: true, ..settings() }).await.unwrap();
    let program = Program::new().with_opencast(&opencast).with("UA_DATA_DIR", "data");
    let date = closed_date();
    let said = json(&program, &["run", "--source", "opencast", "--date", &date, "--json"]);
    assert_eq!(said["complete"], true, "{said}");
    let documents = documents(&local(&program)).await;
    assert!(ids(&opencast, date.parse().unwrap()).iter().all(|id| documents.contains_key(id)));
    for (id, document) in &documents {
        for field in ["huid", "ip", "proxy1", "more_proxies", "hostname", "session_id", "geoip"] {
            assert!(document.get(field).is_none(), "{id} has {field}: {document}");
        }
        assert!(!document.to_string().contains("-omitted-"), "{document}");
    }
    assert!(documents.values().any(|document| document["ua"]["name"].is_string()), "browsers are told");
    let exported = program.call(&["export", "attendance", "--json"]);
    assert_eq!((exported.code, exported.out.as_str()), (Some(0), ""), "nobody attended: {}", exported.err);
    opencast.stop().await;
}

/// Only viewers with a public address that the file contains have a place in the document.
#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_has_the_place_of_the_address() {
    let opencast = Opencast::start(OpencastSettings { public_addresses: true, ..settings() }).await.unwrap();
    let program = Program::new().with_opencast(&opencast).with("UA_DATA_DIR", "data");
    let country = |first: u8| if first.is_multiple_of(2) { ("CH", "Switzerland") } else { ("AT", "Austria") };
    let networks = (1..224).filter(|first| *first != 62).map(|first| {
        (format!("{first}.0.0.0/8"), city(&format!("City {first}"), "Region", country(first), (47.0, 8.5)))
    });
    std::fs::write(program.path().join("places.mmdb"), database("GeoLite2-City", networks)).unwrap();
    let program = program.with("GEOLITE_PATH", "places.mmdb");
    let said = json(&program, &["run", "--source", "opencast", "--date", &closed_date(), "--json"]);
    assert_eq!(said["complete"], true, "{said}");
    let (mut placed, mut unknown) = (0, 0);
    for (id, document) in documents(&local(&program)).await {
        let ip = document["ip"].as_str().and_then(|ip| ip.parse::<std::net::Ipv4Addr>().ok());
        match ip.filter(|ip| !ip.is_private()).map(|ip| ip.octets()[0]) {
            Some(first) if first != 62 => {
                placed += 1;
                assert_eq!(document["geoip"]["city_name"], format!("City {first}"), "{id}: {document}");
                assert_eq!(document["geoip"]["country_code2"], country(first).0, "{id}: {document}");
            }
            _ => {
                unknown += 1;
                assert!(document.get("geoip").is_none(), "{id}: {document}");
            }
        }
    }
    assert!(placed > 100 && unknown > 5, "{placed} {unknown}");
    opencast.stop().await;
}

/// A footprint that has grown since the first read replaces its document in the store.
async fn a_footprint_replaces_itself(program: Program, store: impl Fn(&Program) -> Store) {
    let opencast = Opencast::start(OpencastSettings {
        actions_per_day: 2_000,
        disorder: Disorder::Stable,
        ..settings()
    })
    .await
    .unwrap();
    let program = program.with_opencast(&opencast).with("UA_DATA_DIR", "data");
    let date = closed_date();
    let read = async || {
        json(&program, &["run", "--source", "opencast", "--date", &date, "--force", "--json"]);
        let store = store(&program);
        let documents = documents(&store).await;
        let count = store.count(&Query::all(DocumentKind::Useractions)).await.unwrap();
        assert_eq!(count, documents.len() as u64, "none is there twice, in whichever index");
        documents
    };
    let (first, second) = (read().await, read().await);
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>(), "none is doubled");
    let mut grown = 0;
    for (id, before) in first.iter().filter(|(_, document)| document["action"]["type"] == "FOOTPRINT") {
        let point = |document: &Value, name: &str| document["action"][name].as_i64().unwrap();
        let after = &second[id];
        assert_eq!(point(before, "inpoint"), point(after, "inpoint"), "{id}");
        // The first run may read a footprint twice, because it probes the dialect; such a footprint had grown by then.
        assert!(point(before, "outpoint") <= point(after, "outpoint"), "{id}: {before} {after}");
        grown += u32::from(point(before, "outpoint") < point(after, "outpoint"));
    }
    assert!(grown > 5, "{grown}");
    opencast.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_footprint_that_grew_replaces_itself_in_the_local_file() {
    a_footprint_replaces_itself(Program::new(), local).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_footprint_that_grew_replaces_itself_in_elasticsearch() {
    let Some(search) = server("UA_TEST_ES_9") else { return };
    let prefix = format!("{}-", unique("footprint"));
    let program = Program::new().with("ES_HOST", &search).with("UA_INDEX_PREFIX", &prefix);
    a_footprint_replaces_itself(program, |program| searched(&search, program.value("UA_INDEX_PREFIX"))).await;
    searched(&search, &prefix).wipe_prefix().await.unwrap();
}

/// A cancelled run of Opencast: its jobs leave the queue, cost no call, and are planned again.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_lectures_is_cancelled_and_planned_again() {
    let opencast = Opencast::start(settings()).await.unwrap();
    let program = Program::new().with_opencast(&opencast).with("UA_DATA_DIR", "data");
    let to: Date = closed_date().parse().unwrap();
    let from = to.saturating_sub(jiff::Span::new().days(2)).to_string();
    let words = ["plan", "--source", "opencast", "--from", &from, "--to", &to.to_string(), "--yes", "--json"];
    let run = json(&program, &words)["run"].as_str().unwrap().to_owned();
    let cancelled = json(&program, &["cancel", &run, "--yes", "--json"]);
    assert_eq!((&cancelled["taken"], &cancelled["left"]), (&3.into(), &0.into()), "{cancelled}");
    let shown = json(&program, &["status", "--run", &run, "--json"]);
    assert_eq!((&shown["progress"]["cancelled"], shown["state"].as_str()), (&3.into(), Some("cancelled")));
    assert_eq!(opencast.ledger_summary().calls, 0);
    assert_eq!(json(&program, &words)["jobs"], 3, "what was cancelled is not held");
    opencast.stop().await;
}

/// A dead job of Opencast is replayed from the desk and done.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_job_of_lectures_is_replayed_and_done() {
    let opencast = Opencast::start(settings()).await.unwrap();
    let program = Program::new().with_opencast(&opencast).with("UA_DATA_DIR", "data");
    let (store, day) = (local(&program), closed_date().parse().unwrap());
    let settings = runtime::broker::local::LocalBrokerSettings {
        folder: program.path().join("data"),
        ladder: runtime::Ladder::default(),
        documents_limit: 1_000,
    };
    let broker = Broker::Local(runtime::broker::Local::open(settings).unwrap());
    let now = runtime::clock::now();
    let job = Task::actions(day, None).into_job(RunId::from("r"), Lane::Daily, now);
    let queue = Queue::jobs(Family::OPENCAST, Lane::Daily);
    let letter = Message::new(queue.clone(), job.id.as_str(), messages::encode(&job).unwrap(), now);
    let letter = letter.into_dead(Cause::new(CauseClass::HtmlBlocked, "a page for people"));
    let mut outbox = Outbox::new(broker.clone(), CancellationToken::new());
    let filed = DeadLetterDesk::new(store.clone()).perform(&[letter], &mut outbox).await;
    assert!(matches!(filed[..], [Ok(())]), "{filed:?}");
    let listed = json(&program, &["dlq", "list", "--source", "opencast", "--json"]);
    assert_eq!(listed["letters"][0]["id"], job.id.as_str(), "{listed}");
    let replayed = program.call(&["dlq", "replay", "--class", "html-blocked"]);
    assert_eq!(replayed.code, Some(0), "{}{}", replayed.out, replayed.err);
    assert_eq!(broker.depth(&queue.replay_lane()).await.unwrap().ready, 1);
    broker.close().await;
    let worker = program.start(&["work", "opencast", "index"], "work.log");
    eventually("the replayed job is done", 60, async || {
        let complete = Query::all(DocumentKind::Harvests).with("state", "complete").with("kind", "actions");
        store.count(&complete).await.unwrap() == 1
    })
    .await;
    assert_eq!(worker.terminate(), Some(0));
    let held = documents(&store).await;
    assert!(ids(&opencast, day).iter().all(|id| held.contains_key(id)));
    assert_eq!(
        store.count(&Query::all(DocumentKind::Deadletters).with("state", "replayed")).await.unwrap(),
        1
    );
    opencast.stop().await;
}
