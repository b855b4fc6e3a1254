//! Admin nodes without workflows, or that refuse some ids.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use messages::ReceiptState;
use messages::opencast::{EpisodeContext, Task};
use opencast::Choice;
use runtime::Failure;

use crate::bench::{date, first_attempt, whole};
use crate::odd::{Server, json, lecture};

/// Jetty refuses an encoded slash in a path; the old path has the id in its query.
#[tokio::test]
async fn an_id_that_the_admin_node_does_not_take_costs_no_action_and_no_episode() {
    let server = Server::start(|path| match path.contains("%2F") && path.starts_with("/workflow/") {
        true => Some(StatusCode::BAD_REQUEST.into_response()),
        false => lecture(path, "a/b"),
    })
    .await;
    let harvest = server.bench_with_admin(Choice::Dce).harvest(vec![whole(date())]).await;
    assert!(harvest.failed.is_empty() && harvest.dead.is_empty(), "{:?}", harvest.failed);
    let receipt = harvest.receipt("opencast:actions:2026-03-19");
    assert_eq!((receipt.state, receipt.got), (ReceiptState::Complete, Some(2)));
    assert!(harvest.action_ids().into_iter().eq([1, 2]));
    assert!(harvest.facts().into_iter().eq(["a/b"]) && harvest.episodes().into_keys().eq(["a/b"]));
    assert!(server.asked("/workflow/mediaPackage/a%2Fb/") > 0);
}

/// Answers with a workflow that has the times of a live stream.
fn streamed() -> Option<Response> {
    json(
        r#"{"workflows":{"workflow":{"id":1,"state":"SUCCEEDED","operations":{"operation":
        {"id":"capture","state":"SUCCEEDED","started":1773882000000,"completed":1773885600000}}}}}"#,
    )
}

/// A missing answer must not overwrite stored live stream times.
#[tokio::test]
async fn workflows_that_go_away_are_no_answer_and_are_looked_for_anew() {
    static STAGE: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|path| match (path, STAGE.load(Ordering::Relaxed)) {
        (path, 0) if path.starts_with("/workflow/mediaPackage/e/") => streamed(),
        (path, 2) if path.starts_with("/workflow/instances.json") => streamed(),
        _ => lecture(path, "e"),
    })
    .await;
    let bench = server.bench_with_admin(Choice::Dce);
    let episode = || Task::Episode { mpid: "e".parse().unwrap() };
    for (stage, jobs_fail) in [(0, false), (1, true), (2, false)] {
        STAGE.store(stage, Ordering::Relaxed);
        let harvest = bench.harvest(vec![episode()]).await;
        if jobs_fail {
            let [Failure::Retry { cause, .. }] = &harvest.failed[..] else { panic!("{:?}", harvest.failed) };
            assert!(cause.text.contains("OPENCAST_ADMIN_URL"), "{cause}");
            assert!(harvest.episodes().is_empty(), "nothing is written over");
        } else {
            assert!(harvest.failed.is_empty(), "{stage}: {:?}", harvest.failed);
            assert!(harvest.episodes()["e"].live_start.is_some(), "{stage}");
        }
    }
    // A date that names the episode does not lose its actions, either.
    STAGE.store(1, Ordering::Relaxed);
    let outcome = server.bench_with_admin(Choice::Dce).perform(whole(date()), first_attempt()).await;
    assert!(matches!(outcome, Err(Failure::Retry { .. })), "{outcome:?}");
}

#[tokio::test]
async fn an_episode_without_a_workflow_has_no_times() {
    let server = Server::start(|path| match path.starts_with("/workflow/mediaPackage/") {
        true => json(r#"{"workflows":""}"#),
        false => lecture(path, "e"),
    })
    .await;
    let harvest = server.bench_with_admin(Choice::Dce).harvest(vec![whole(date())]).await;
    assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
    assert_eq!(harvest.episodes()["e"], EpisodeContext::default());
    assert_eq!(harvest.receipt("opencast:actions:2026-03-19").state, ReceiptState::Complete);
}
