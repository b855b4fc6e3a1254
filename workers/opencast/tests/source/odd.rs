//! Answers that the simulator cannot give, from a scripted server.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use messages::opencast::Task;
use messages::{CauseClass, ReceiptState};
use opencast::{Choice, Config};
use runtime::Failure;

use crate::bench::{Bench, date, first_attempt, whole};

/// A scripted server that records its requests.
pub(crate) struct Server {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(
        script: impl Fn(&str) -> Option<Response> + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::<String>::new()));
        let noted = Arc::clone(&asked);
        let app = axum::Router::new().fallback(move |uri: Uri| {
            let path = uri.to_string();
            noted.lock().unwrap().push(path.clone());
            std::future::ready(script(&path).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response()))
        });
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, asked, task }
    }

    pub(crate) fn bench(&self, dialect: Choice) -> Bench {
        Bench::new(Config { dialect, ..self.config() })
    }

    /// Returns a bench with an admin node, which is the same server.
    pub(crate) fn bench_with_admin(&self, dialect: Choice) -> Bench {
        Bench::new(Config { admin_url: Some(self.url.clone()), dialect, ..self.config() })
    }

    pub(crate) fn config(&self) -> Config {
        let absent_after = std::time::Duration::ZERO;
        Config { calls_per_second: 0.0, page_size: 2, absent_after, ..Config::new(self.url.clone()) }
    }

    pub(crate) fn asked(&self, part: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|path| path.contains(part)).count()
    }
}

pub(crate) fn json(body: &str) -> Option<Response> {
    Some(body.to_owned().into_response())
}

pub(crate) fn to_login() -> Option<Response> {
    let headers = HeaderMap::from_iter([("location".parse().unwrap(), "/login.html".parse().unwrap())]);
    Some((StatusCode::FOUND, headers).into_response())
}

pub(crate) fn row(id: u32, created: &str) -> String {
    format!(r#"{{"id":{id},"mediapackageId":"e","type":"PLAY","isPlaying":1,"created":"{created}"}}"#)
}

/// Answers as the fork with pages of `count` actions; their episodes are `e` and the action's index.
pub(crate) fn lectures(path: &str, count: usize) -> Option<Response> {
    let at =
        |name: &str| path.split(['?', '&']).find_map(|pair| pair.strip_prefix(name)?.parse::<usize>().ok());
    let offset = at("offset=").unwrap_or(0);
    let rows: Vec<_> = (offset..count.min(offset + at("limit=").unwrap_or(10)))
        .map(|place| {
            row(place as u32 + 1, "2026-03-19T01:00:00Z").replace(r#""e""#, &format!(r#""e{place}""#))
        })
        .collect();
    page(path, count as u32, &rows)
}

/// Answers a search for one episode with that episode.
pub(crate) fn found(path: &str) -> Option<Response> {
    let id = path.split(['?', '&']).find_map(|pair| pair.strip_prefix("id=")).unwrap_or("e0");
    json(&format!(r#"{{"total":1,"result":[{{"mediapackage":{{"id":"{id}","title":"T"}}}}]}}"#))
}

/// Answers with a page of the fork, which is empty for the first second of 1970.
fn page(path: &str, total: u32, rows: &[String]) -> Option<Response> {
    let rows = if path.contains("start=1970") { String::new() } else { rows.join(",") };
    let total = if path.contains("start=1970") { 0 } else { total };
    json(&format!(r#"{{"actions":{{"total":{total},"limit":2,"action":[{rows}]}}}}"#))
}

#[tokio::test]
async fn a_server_that_sends_strangers_to_its_login_may_lack_user_tracking_all_the_same() {
    let server = Server::start(|path| match path {
        _ if path.starts_with("/usertracking") => to_login(),
        "/info/components.json" => json(r#"{"rest":[{"path":"/search"},{"path":"/info"}]}"#),
        _ => None,
    })
    .await;
    for number in 1..=2 {
        let harvest = server.bench(Choice::Auto).harvest(vec![whole(date())]).await;
        assert!(harvest.failed.is_empty(), "{number}: {:?}", harvest.failed);
        let receipt = harvest.receipt("opencast:actions:2026-03-19");
        assert_eq!(receipt.cause.as_ref().unwrap().class, CauseClass::PlanMissing);
    }
    assert_eq!(server.asked("login"), 0, "nobody is followed");
    let honest = Server::start(|path| match path {
        "/info/components.json" => json(r#"{"rest":[{"path":"/usertracking"}]}"#),
        _ => to_login(),
    })
    .await;
    let outcome = honest.bench(Choice::Auto).perform(whole(date()), first_attempt()).await;
    assert!(matches!(&outcome, Err(Failure::Refused { cause }) if cause.contains("sign-in")), "{outcome:?}");
}

#[tokio::test]
async fn a_page_for_people_in_the_place_of_an_episode_is_a_refused_sign_in() {
    let server = Server::start(|_| Some(axum::response::Html("<html>canary</html>").into_response())).await;
    let task = Task::Episode { mpid: "e".parse().unwrap() };
    let outcome = server.bench(Choice::Auto).perform(task, first_attempt()).await;
    assert!(matches!(&outcome, Err(Failure::Refused { cause }) if !cause.contains("canary")), "{outcome:?}");
}

#[tokio::test]
async fn a_window_that_gives_the_same_page_for_ever_is_ended() {
    let server = Server::start(|path| match path.contains("/search/") {
        true => json(r#"{"total":0,"result":[]}"#),
        false => page(path, 9, &[row(1, "2026-03-19T01:00:00Z"), row(2, "2026-03-19T02:00:00Z")]),
    })
    .await;
    let outcome = server.bench(Choice::Dce).perform(whole(date()), first_attempt()).await;
    let Err(Failure::Reject { cause }) = outcome else { panic!("{outcome:?}") };
    assert!(cause.text.contains("again and again"), "{cause}");
    assert_eq!(server.asked("/usertracking/"), 5);
}

#[tokio::test]
async fn a_day_of_which_less_comes_than_is_promised_is_incomplete() {
    let server = Server::start(|path| match path {
        _ if path.contains("/search/") => json(r#"{"total":0,"result":[]}"#),
        _ if path.contains("day=1970") => json(r#"{"actions":{"total":0}}"#),
        _ => json(&format!(
            r#"{{"actions":{{"total":3,"action":[{},{}]}}}}"#,
            row(1, "2026-03-19T01:00:00Z"),
            row(2, "2026-03-19T02:00:00Z")
        )),
    })
    .await;
    let harvest = server.bench(Choice::Upstream).harvest(vec![whole(date())]).await;
    assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
    let receipt = harvest.receipt("opencast:actions:2026-03-19");
    assert_eq!((receipt.state, receipt.expected, receipt.got), (ReceiptState::Incomplete, Some(3), Some(2)));
    assert_eq!(harvest.raw.len(), 1, "a page that brings nothing new is not sent again");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_counted_and_sent_with_its_page() {
    let server = Server::start(|path| match path.contains("/search/") {
        true => json(r#"{"search-results":{"total":"0"}}"#),
        false => page(path, 2, &[row(1, "2026-03-19T01:00:00Z"), r#"{"id":[],"odd":1}"#.to_owned()])
            .filter(|_| !path.contains("offset=2"))
            .or_else(|| page(path, 2, &[])),
    })
    .await;
    let harvest = server.bench(Choice::Dce).harvest(vec![whole(date())]).await;
    let receipt = harvest.receipt("opencast:actions:2026-03-19");
    assert_eq!((receipt.state, receipt.got), (ReceiptState::Complete, Some(2)));
    let page = &harvest.raw["opencast:actions:2026-03-19#page.1"];
    assert!(page.body.get().contains(r#"{"id":[],"odd":1}"#) && harvest.facts().is_empty());
}

#[tokio::test]
async fn actions_of_other_dates_are_not_taken_for_the_date_s() {
    let server = Server::start(|path| match path.contains("/search/") {
        true => json(r#"{"total":0,"result":[]}"#),
        false => page(path, 1, &[row(1, "2019-01-01T00:00:00Z")]),
    })
    .await;
    let bench = server.bench(Choice::Auto);
    for _ in 0..2 {
        let outcome = bench.perform(whole(date()), first_attempt()).await;
        let Err(Failure::Retry { cause, .. }) = outcome else { panic!("{outcome:?}") };
        assert!(cause.text.contains("other dates"), "{cause}");
    }
    assert_eq!(server.asked("start=1970"), 2, "the dialect is found out anew");
}

/// Answers with two actions of the episode `id`.
pub(crate) fn lecture(path: &str, id: &str) -> Option<Response> {
    let named = |number, time| row(number, time).replace(r#""e""#, &format!(r#""{id}""#));
    match path.contains("/search/") {
        true => json(&format!(r#"{{"total":1,"result":[{{"mediapackage":{{"id":"{id}"}}}}]}}"#)),
        false if path.starts_with("/usertracking/actions") => {
            let rows = [named(1, "2026-03-19T01:00:00Z"), named(2, "2026-03-19T02:00:00Z")];
            page(path, 2, if path.contains("offset=2") { &[] } else { &rows })
        }
        false => None,
    }
}

#[tokio::test]
async fn only_the_fork_is_asked_for_deleted_episodes() {
    for (choice, deleted) in [(Choice::Dce, 1), (Choice::Upstream, 0)] {
        let server = Server::start(|path| match path {
            "/usertracking/detailenabled" => json("true"),
            _ if path.contains("day=1970") && !path.contains("start=") => page(path, 0, &[]),
            _ => lecture(path, "e"),
        })
        .await;
        let bench = server.bench(choice);
        bench.opencast.probe().await.unwrap();
        let harvest = bench.harvest(vec![Task::Episode { mpid: "e".parse().unwrap() }]).await;
        assert!(harvest.episodes().into_keys().eq(["e"]), "{choice:?}: {:?}", harvest.failed);
        assert_eq!(server.asked("/search/episode.json?id=e&"), 1, "{choice:?}");
        assert_eq!(server.asked("includeDeleted=true"), deleted, "{choice:?}");
    }
}

#[tokio::test]
async fn a_lookup_that_fails_is_no_absence() {
    let server = Server::start(|path| match path.contains("/search/") {
        true => Some(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        false => page(path, 1, &[row(1, "2026-03-19T01:00:00Z")]),
    })
    .await;
    let outcome = server.bench(Choice::Auto).perform(whole(date()), first_attempt()).await;
    assert!(matches!(outcome, Err(Failure::Retry { .. })), "{outcome:?}");
}

/// Any number of episodes that the server cannot return must not lose the actions of their date.
#[tokio::test]
async fn episodes_of_which_there_is_never_an_answer_cost_their_facts_alone() {
    let server = Server::start(|path| {
        let named =
            |id: u32, mpid: &str| row(id, "2026-03-19T01:00:00Z").replace(r#""e""#, &format!(r#""{mpid}""#));
        match path.contains("/search/") {
            true if path.contains("id=broken") => Some(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
            true => json(r#"{"total":1,"result":[{"mediapackage":{"id":"a"}}]}"#),
            false if !path.contains("/usertracking/actions") => None,
            false if path.contains("offset=0") => page(path, 4, &[named(1, "a"), named(2, "broken1")]),
            false if path.contains("offset=2") => page(path, 4, &[named(3, "broken2"), named(4, "broken3")]),
            false => page(path, 4, &[]),
        }
    })
    .await;
    let harvest = server.bench(Choice::Dce).harvest(vec![whole(date())]).await;
    assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
    assert!(harvest.action_ids().into_iter().eq([1, 2, 3, 4]));
    assert!(harvest.facts().into_iter().eq(["a"]) && harvest.episodes().into_keys().eq(["a"]));
    let receipt = harvest.receipt("opencast:actions:2026-03-19");
    assert_eq!((receipt.state, receipt.got), (ReceiptState::Incomplete, Some(4)));
    let cause = receipt.cause.as_ref().unwrap();
    assert!(cause.text.contains("nothing of episode broken1 and others: "), "{cause}");
    assert!(cause.text.contains("answered 500"), "{cause}");
    let asked = ["id=broken1", "id=broken2", "id=broken3"].map(|id| server.asked(id));
    assert_eq!(
        asked,
        [7 * 3, 3, 0],
        "once an attempt, with the tries of one call; then the server is let alone"
    );
}

/// User tracking that disappears while a process runs is detected, and a partly read date is not complete.
#[tokio::test]
async fn user_tracking_that_goes_away_is_found_out_by_the_next_attempt() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|path| match path {
        _ if path.starts_with("/search") => json(r#"{"search-results":{"total":0}}"#),
        _ if !path.starts_with("/usertracking/actions.json") => None,
        // Two calls detect the dialect, the third returns the first page.
        _ if ASKED.fetch_add(1, Ordering::Relaxed) < 3 => {
            page(path, 7, &[row(1, "2026-03-19T10:00:00Z"), row(2, "2026-03-19T10:00:00Z")])
        }
        _ => None,
    })
    .await;
    let bench = server.bench(Choice::Auto);
    let outcome = bench.perform(whole(date()), first_attempt()).await;
    let Err(Failure::Retry { cause, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(cause.class, CauseClass::PlanMissing);
    let harvest = bench.harvest(vec![whole(date())]).await;
    let receipt = harvest.receipt("opencast:actions:2026-03-19");
    assert_eq!((receipt.state, receipt.got), (ReceiptState::Complete, Some(0)));
}
