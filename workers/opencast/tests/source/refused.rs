//! Temporary refusals, permanent ones, and those that affect only a part of the work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use messages::opencast::Task;
use messages::{CauseClass, ReceiptState};
use opencast::{Choice, Config, Rights, Workflows};
use runtime::Failure;

use crate::bench::{Bench, date, first_attempt, whole};
use crate::odd::{Server, found, json, lectures, row, to_login};

const JOB: &str = "opencast:actions:2026-03-19";

/// Returns a refusal by its name.
fn refusal(kind: &str) -> Option<Response> {
    match kind {
        "login" => to_login(),
        "page" => Some(Html("<html>maintenance</html>").into_response()),
        status => Some(
            status
                .parse::<u16>()
                .map(|status| StatusCode::from_u16(status).unwrap())
                .unwrap()
                .into_response(),
        ),
    }
}

const REFUSALS: [&str; 6] = ["login", "page", "401", "403", "404", "405"];

/// Answers correctly.
fn good(path: &str) -> Option<Response> {
    match path {
        _ if path.starts_with("/usertracking/actions.json") => lectures(path, 5),
        _ if path.starts_with("/search/") => found(path),
        _ if path.starts_with("/workflow/") => json(r#"{"workflows":""}"#),
        _ => None,
    }
}

#[tokio::test]
async fn one_refusal_among_good_answers_costs_a_call_and_no_job() {
    for kind in REFUSALS {
        for (part, strike) in [("/search/episode.json?id=", 2), ("/workflow/", 3)] {
            let asked = Arc::new(AtomicUsize::new(0));
            let server = Server::start(move |path| match path.starts_with(part) {
                true if asked.fetch_add(1, Ordering::Relaxed) == strike => refusal(kind),
                _ => good(path),
            })
            .await;
            let bench = server.bench_with_admin(Choice::Auto);
            bench.opencast.probe().await.unwrap();
            let harvest = bench.harvest(vec![whole(date())]).await;
            assert!(harvest.failed.is_empty(), "{kind} {part}: {:?}", harvest.failed);
            let receipt = harvest.receipt(JOB);
            assert_eq!((receipt.state, receipt.got), (ReceiptState::Complete, Some(5)), "{kind} {part}");
            assert_eq!((harvest.facts().len(), harvest.episodes().len()), (5, 5), "{kind} {part}");
            assert!(receipt.findings.is_empty(), "{kind} {part}: {:?}", receipt.findings);
        }
    }
}

#[tokio::test]
async fn what_is_refused_after_a_success_is_held_and_goes_on_by_itself() {
    for kind in REFUSALS {
        let is_down = Arc::new(AtomicBool::new(false));
        let down = Arc::clone(&is_down);
        let server =
            Server::start(move |path| match path.starts_with("/search/") && down.load(Ordering::Relaxed) {
                true => refusal(kind),
                false => good(path),
            })
            .await;
        let bench = server.bench(Choice::Auto);
        bench.opencast.probe().await.unwrap();
        is_down.store(true, Ordering::Relaxed);
        let outcome = bench.perform(whole(date()), first_attempt()).await;
        let Err(Failure::Refused { cause }) = outcome else { panic!("{kind}: {outcome:?}") };
        assert!(cause.starts_with("GET /search/episode.json answered "), "{cause}");
        is_down.store(false, Ordering::Relaxed);
        let harvest = bench.harvest(vec![whole(date())]).await;
        assert_eq!(harvest.receipt(JOB).state, ReceiptState::Complete, "{kind}: {:?}", harvest.failed);
    }
}

/// A starting node lacks user tracking. A date gets no receipt until the absence has lasted.
#[tokio::test]
async fn a_node_that_is_starting_is_waited_for_and_leaves_no_receipt() {
    for kind in ["404", "405", "page"] {
        let is_up = Arc::new(AtomicBool::new(false));
        let up = Arc::clone(&is_up);
        let server = Server::start(move |path| match path {
            "/info/components.json" => json(r#"{"rest":[{"path":"/search"},{"path":"/info"}]}"#),
            _ if path.starts_with("/usertracking") && !up.load(Ordering::Relaxed) => refusal(kind),
            _ => good(path),
        })
        .await;
        let bench = Bench::new(Config { absent_after: Duration::from_secs(60), ..server.config() });
        for _ in 0..3 {
            let outcome = bench.perform(whole(date()), first_attempt()).await;
            let Err(Failure::Defer { why, until: Some(_) }) = outcome else { panic!("{kind}: {outcome:?}") };
            assert!(why.contains("starting"), "{why}");
        }
        // Other work continues.
        let harvest = bench.harvest(vec![Task::Episode { mpid: "e7".parse().unwrap() }]).await;
        assert!(harvest.episodes().into_keys().eq(["e7"]) && harvest.receipts.len() == 1);
        is_up.store(true, Ordering::Relaxed);
        let harvest = bench.harvest(vec![whole(date())]).await;
        let receipt = harvest.receipt(JOB);
        assert_eq!((receipt.state, receipt.got), (ReceiptState::Complete, Some(5)), "{kind}");
    }
}

/// A proxy answers unknown paths with its own page: the list of endpoints decides, and `check` and the job agree.
#[tokio::test]
async fn a_page_in_place_of_user_tracking_is_its_absence_for_the_probe_and_for_the_job() {
    for kind in ["page", "login", "403"] {
        let server = Server::start(move |path| match path {
            "/info/components.json" => json(r#"{"rest":[{"path":"/search"},{"path":"/info"}]}"#),
            _ if path.starts_with("/usertracking") => refusal(kind),
            _ => good(path),
        })
        .await;
        let bench = server.bench(Choice::Auto);
        let seen = bench.opencast.probe().await.unwrap();
        assert!(!seen.usertracking, "{kind}");
        let harvest = bench.harvest(vec![whole(date())]).await;
        let receipt = harvest.receipt(JOB);
        assert_eq!((receipt.state, receipt.got), (ReceiptState::Complete, Some(0)), "{kind}");
        let cause = receipt.cause.as_ref().unwrap();
        assert!(cause.class == CauseClass::PlanMissing && !cause.text.contains("18"), "{cause}");
        let said = seen.lines().into_iter().find(|(about, _)| *about == "user tracking").unwrap().1;
        assert_eq!(cause.text, said, "{kind}");
    }
}

/// Workflows only provide the times of live streams.
#[tokio::test]
async fn workflows_that_are_refused_from_the_beginning_cost_the_times_alone() {
    for kind in ["login", "page", "401", "403"] {
        let server = Server::start(move |path| match path.starts_with("/workflow/") {
            true => refusal(kind),
            false => good(path),
        })
        .await;
        let bench = server.bench_with_admin(Choice::Auto);
        let seen = bench.opencast.probe().await.unwrap();
        assert!(matches!(&seen.workflows, Workflows::Refused(_)), "{kind}: {:?}", seen.workflows);
        let one = Task::Episode { mpid: "e9".parse().unwrap() };
        let harvest = bench.harvest(vec![whole(date()), one]).await;
        assert!(harvest.failed.is_empty(), "{kind}: {:?}", harvest.failed);
        assert_eq!((harvest.facts().len(), harvest.episodes().len()), (5, 6), "{kind}");
        for job in [JOB, "opencast:episode:e9"] {
            let receipt = harvest.receipt(job);
            assert_eq!(receipt.state, ReceiptState::Complete, "{kind}");
            let [finding] = &receipt.findings[..] else { panic!("{kind}: {:?}", receipt.findings) };
            assert!(finding.code == "no-live-times" && finding.text.contains("/workflow/"), "{finding:?}");
        }
        assert!(server.asked("/workflow/") <= 2, "they are not asked for again and again");
    }
}

/// Workflows were answered before, so stored times could be overwritten by an empty answer.
#[tokio::test]
async fn workflows_that_are_refused_later_are_asked_for_again() {
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let server =
        Server::start(move |path| match path.starts_with("/workflow/") && down.load(Ordering::Relaxed) {
            true => refusal("403"),
            false => good(path),
        })
        .await;
    let bench = server.bench_with_admin(Choice::Auto);
    bench.opencast.probe().await.unwrap();
    is_down.store(true, Ordering::Relaxed);
    let task = Task::Episode { mpid: "e1".parse().unwrap() };
    let outcome = bench.perform(task.clone(), first_attempt()).await;
    let Err(Failure::Retry { cause, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(cause.class == CauseClass::Forbidden && cause.text.contains("answered 403"), "{cause}");
    is_down.store(false, Ordering::Relaxed);
    assert_eq!(bench.harvest(vec![task]).await.episodes().len(), 1);
}

/// A firewall refuses one id.
#[tokio::test]
async fn an_episode_that_alone_is_refused_keeps_no_other_back() {
    let server = Server::start(|path| match path.contains("id=e2&") {
        true => refusal("403"),
        false => good(path),
    })
    .await;
    let bench = server.bench(Choice::Auto);
    bench.opencast.probe().await.unwrap();
    let one = Task::Episode { mpid: "e2".parse().unwrap() };
    let harvest = bench.harvest(vec![whole(date()), one]).await;
    assert_eq!((harvest.action_ids().len(), harvest.facts().len()), (5, 4));
    let receipt = harvest.receipt(JOB);
    let cause = receipt.cause.as_ref().unwrap();
    assert_eq!((receipt.state, cause.class), (ReceiptState::Incomplete, CauseClass::Forbidden));
    assert!(cause.text.contains("episode e2") && cause.text.contains("answered 403"), "{cause}");
    let [Failure::Reject { cause }] = &harvest.failed[..] else { panic!("{:?}", harvest.failed) };
    assert!(cause.text.contains("answered 403"), "{cause}");
}

/// Searches filter by access list for a user who is not an administrator.
#[tokio::test]
async fn actions_whose_episodes_are_not_visible_are_counted_and_the_role_is_named() {
    const ORG: &str = r#""org":{"id":"o","adminRole":"ROLE_OF_ADMINS"}"#;
    for (roles, rights, said) in [
        (r#"["ROLE_USER"]"#, Rights::Some, "lacks ROLE_ADMIN"),
        (r#"["ROLE_USER","ROLE_OF_ADMINS"]"#, Rights::All, "not published"),
        (r#"["ROLE_ADMIN"]"#, Rights::All, "not published"),
        ("[]", Rights::Unknown, "for this user"),
    ] {
        let server = Server::start(move |path| match path {
            "/info/me.json" => json(&format!(r#"{{"user":{{"username":"h"}},"roles":{roles},{ORG}}}"#)),
            _ if path.contains("id=e0&") || path.contains("id=e3&") => json(r#"{"total":0,"result":[]}"#),
            _ => good(path),
        })
        .await;
        let bench = server.bench(Choice::Auto);
        let seen = bench.opencast.probe().await.unwrap();
        assert_eq!(seen.rights, rights, "{roles}");
        let harvest = bench.harvest(vec![whole(date())]).await;
        let receipt = harvest.receipt(JOB);
        assert_eq!((receipt.state, harvest.facts().len()), (ReceiptState::Complete, 3));
        let [finding] = &receipt.findings[..] else { panic!("{:?}", receipt.findings) };
        let counts = finding.text.starts_with("2 of 5 actions belong to 2 episodes");
        assert!(
            finding.code == "episodes-not-visible" && counts && finding.text.contains(said),
            "{finding:?}"
        );
    }
}

/// An invalid byte, half a surrogate pair, and a raw line break each cost one character.
#[tokio::test]
async fn a_page_with_a_byte_that_is_no_text_is_read_and_kept_as_received() {
    let rows = |agent: &[u8]| {
        let row = row(1, "2026-03-19T01:00:00Z").replace('}', r#","sessionId":{"userAgent":""#);
        [br#"{"actions":{"total":1,"action":["#.as_slice(), row.as_bytes(), agent, br#""}}]}}"#].concat()
    };
    for agent in [&b"Gr\xf6\xdfe"[..], b"a\nb", br"\ud83d"] {
        let body = rows(agent);
        let sent = body.clone();
        let server = Server::start(move |path| match path {
            _ if path.starts_with("/search/") => found(path),
            _ if !path.contains("start=2") || !path.contains("offset=0") => {
                json(r#"{"actions":{"total":0}}"#)
            }
            _ => Some(sent.clone().into_response()),
        })
        .await;
        let harvest = server.bench(Choice::Dce).harvest(vec![whole(date())]).await;
        assert_eq!(harvest.receipt(JOB).state, ReceiptState::Complete, "{:?}", harvest.failed);
        let page = &harvest.raw[&format!("{JOB}#page.1")];
        assert_eq!(page.answer, body);
        let rows = opencast_wire::actions::page(&page.body).unwrap().rows;
        let action = opencast_wire::Action::read(rows[0]).unwrap();
        assert!(action.user_agent.as_deref().unwrap().contains('\u{fffd}'), "{action:?}");
        assert_eq!(action.dropped.fields(), ["userAgent"]);
    }
}

/// Without a day, upstream counts its whole table, which may take minutes.
#[tokio::test]
async fn actions_are_never_asked_for_without_a_day() {
    for tells in [true, false] {
        let server = Server::start(move |path| match path {
            _ if path.starts_with("/search/") => found(path),
            _ if !path.starts_with("/usertracking/actions") => None,
            _ if !path.contains("day=") => panic!("{path}"),
            _ if tells && !path.contains("day=1970") => lectures(path, 3),
            _ => json(r#"{"actions":{"total":0}}"#),
        })
        .await;
        let bench = server.bench(Choice::Auto);
        let seen = bench.opencast.probe().await.unwrap();
        assert_eq!(seen.dialect.is_some(), tells);
        assert!(seen.usertracking);
        assert!(server.asked("/usertracking/actions.json?day=") > 2);
        let outcome = bench.perform(whole(date()), first_attempt()).await;
        assert!(outcome.is_ok(), "{outcome:?}");
    }
}

/// A list with more rows than counted, or without an end.
#[tokio::test]
async fn a_list_without_an_end_is_given_up_with_the_reason() {
    let rows = |first: u32, count: u32| {
        let rows: Vec<_> = (first..first + count).map(|id| row(id, "2026-03-19T01:00:00Z")).collect();
        rows.join(",")
    };
    let more = rows(1, 100);
    let few = rows(1, 2);
    for (total, rows, said) in [(1_u64, more, "though it counts 1"), (1 << 62, few, "again and again")] {
        let body = format!(r#"{{"actions":{{"total":{total},"action":[{rows}]}}}}"#);
        let server = Server::start(move |path| match path {
            _ if path.starts_with("/search/") => found(path),
            _ if path.contains("day=1970") => json(r#"{"actions":{"total":0}}"#),
            _ => json(&body),
        })
        .await;
        let harvest = server.bench(Choice::Upstream).harvest(vec![whole(date())]).await;
        let [Failure::Reject { cause }] = &harvest.failed[..] else { panic!("{:?}", harvest.failed) };
        assert!(cause.text.contains(said), "{cause}");
        assert!(server.asked("/usertracking/actions") < 30);
        assert_eq!(harvest.receipt(JOB).state, ReceiptState::Failed);
    }
    let server = Server::start(|path| match path.starts_with("/search/") {
        true => json(r#"{"total":4611686018427387904,"result":[{"mediapackage":{"id":"e"}}]}"#),
        false => None,
    })
    .await;
    let harvest = server.bench(Choice::Upstream).harvest(vec![Task::Catalogue { date: date() }]).await;
    let [Failure::Reject { cause }] = &harvest.failed[..] else { panic!("{:?}", harvest.failed) };
    assert!(cause.text.contains("/search/episode.json gives the same rows again"), "{cause}");
}

/// An impossible time affects neither its page nor its date.
#[tokio::test]
async fn a_time_that_cannot_be_costs_no_neighbour() {
    for odd in ["0001-01-01T00:00:00Z", "9999-12-30T00:00:00Z", "2019-01-01T00:00:00Z", "soon"] {
        let rows = [row(1, "2026-03-19T01:00:00Z"), row(2, odd)].join(",");
        let body = format!(r#"{{"actions":{{"total":2,"action":[{rows}]}}}}"#);
        let server = Server::start(move |path| match path {
            _ if path.starts_with("/search/") => found(path),
            _ if !path.contains("start=2") || !path.contains("offset=0") => {
                json(r#"{"actions":{"total":0}}"#)
            }
            _ => json(&body),
        })
        .await;
        let harvest = server.bench(Choice::Dce).harvest(vec![whole(date())]).await;
        assert!(harvest.failed.is_empty(), "{odd}: {:?}", harvest.failed);
        assert!(harvest.action_ids().into_iter().eq([1, 2]), "{odd}");
        assert_eq!(harvest.receipt(JOB).state, ReceiptState::Complete, "{odd}");
    }
}

/// The server's Java has another history of its zone: a fixed offset is accepted.
#[tokio::test]
async fn a_fixed_offset_is_taken_and_checked() {
    let body = format!(r#"{{"actions":{{"total":1,"action":{}}}}}"#, row(1, "2026-03-19T12:00:00+05:00"));
    let server = Server::start(move |path| match path {
        _ if path.starts_with("/search/") => found(path),
        _ if !path.contains("start=2") || !path.contains("offset=0") => json(r#"{"actions":{"total":0}}"#),
        _ => json(&body),
    })
    .await;
    let with = |zone: &str| {
        let timezone = opencast::time_zone(zone).unwrap();
        Bench::new(Config { timezone, dialect: Choice::Dce, ..server.config() })
    };
    let outcome = with("+05:00").perform(whole(date()), first_attempt()).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    for zone in ["+06:00", "Asia/Tokyo"] {
        let outcome = with(zone).perform(whole(date()), first_attempt()).await;
        let Err(Failure::Halt { cause }) = outcome else { panic!("{outcome:?}") };
        assert!(
            cause.contains(&format!("OPENCAST_TIMEZONE is {zone}")) && cause.contains("+05:00"),
            "{cause}"
        );
    }
}
