//! A receipt says complete only if nothing can be missing.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use axum::response::{IntoResponse as _, Response};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use messages::{Receipt, ReceiptState};
use opencast::{Choice, Config};
use opencast_wire::{Action, actions};
use runtime::Failure;
use simulator::opencast::{Dialect, Disorder, Opencast, OpencastSettings};

use crate::bench::{Bench, Harvest, config, date, first_attempt, settings, whole};
use crate::odd::{Server, json, row};

const JOB: &str = "opencast:actions:2026-03-19";

fn counted(receipt: &Receipt) -> (ReceiptState, Option<u64>, Option<u64>) {
    (receipt.state, receipt.expected, receipt.got)
}

/// Both ends of a day depend on the second of the request: two readings together are the complete day.
#[tokio::test]
async fn a_day_is_whole_whatever_second_it_is_asked_at() {
    for (second, page_size, disorder) in
        [(42, 5_000, Disorder::Local), (58, 900, Disorder::Full), (59, 900, Disorder::Stable)]
    {
        let now = Some(format!("2026-03-20T12:00:{second}Z").parse().unwrap());
        let server =
            Opencast::start(OpencastSettings { now, disorder, actions_per_day: 4_000, ..settings() })
                .await
                .unwrap();
        let harvest = Bench::new(Config { page_size, ..config(&server) }).harvest(vec![whole(date())]).await;
        let meant: BTreeSet<_> = server.truth(date()).ids.unwrap().action_ids.into_iter().collect();
        assert_eq!(meant.len(), 4_000);
        let ids = harvest.action_ids();
        assert!(meant == ids, "{second}: {} missing", meant.difference(&ids).count());
        let receipt = harvest.receipt(JOB);
        let complete = (ReceiptState::Complete, Some(4_000), Some(4_000));
        assert_eq!(counted(receipt), complete, "{second}: {:?}", receipt.cause);
    }
}

/// Answers with an upstream day and this `Date`.
fn day_at(path: &str, time: &str) -> Option<Response> {
    let body = match path {
        _ if path.contains("/search/") => r#"{"total":0,"result":[]}"#.to_owned(),
        _ if path.contains("day=1970") => r#"{"actions":{"total":0}}"#.to_owned(),
        _ => format!(r#"{{"actions":{{"total":1,"action":{}}}}}"#, row(1, "2026-03-19T01:00:00Z")),
    };
    Some(([("date", time)], body).into_response())
}

#[tokio::test]
async fn a_day_whose_ends_cannot_be_proven_is_incomplete() {
    let server = Server::start(|path| day_at(path, "some day")).await;
    let harvest = server.bench(Choice::Upstream).harvest(vec![whole(date())]).await;
    let receipt = harvest.receipt(JOB);
    assert_eq!(counted(receipt), (ReceiptState::Incomplete, None, Some(1)));
    assert!(receipt.cause.as_ref().unwrap().text.contains("no header Date"), "{:?}", receipt.cause);
    // The clock stands still at a second that proves only the end.
    let server = Server::start(|path| day_at(path, "Fri, 20 Mar 2026 12:00:59 GMT")).await;
    let harvest = server.bench(Choice::Upstream).harvest(vec![whole(date())]).await;
    let receipt = harvest.receipt(JOB);
    assert_eq!(counted(receipt), (ReceiptState::Incomplete, None, Some(1)));
    let text = &receipt.cause.as_ref().unwrap().text;
    assert!(text.contains("from 00:00:59 to 23:59:59 only"), "{text}");
}

/// Days that wait for the same turn of the minute ask for the time together: with any number of days, there is a pause
/// between two requests.
#[tokio::test]
async fn days_that_are_read_at_once_ask_for_the_time_once_for_all() {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    static LOOKS: Mutex<Vec<Instant>> = Mutex::new(Vec::new());
    let server = Server::start(|path| {
        let now = BEGAN.elapsed();
        if path.contains("day=2026") && path.contains("limit=1&") {
            LOOKS.lock().unwrap().push(*BEGAN + now);
        }
        // Shortly before the turn.
        let time: Timestamp = "2026-03-20T12:00:57Z".parse().unwrap();
        let time = time + SignedDuration::try_from(now).unwrap();
        day_at(path, &time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
    })
    .await;
    let bench = server.bench(Choice::Upstream);
    let [before, day, after] =
        [18, 19, 20].map(|day| bench.perform(whole(jiff::civil::date(2026, 3, day)), first_attempt()));
    let outcomes = tokio::join!(before, day, after);
    assert!(matches!(outcomes, (Ok(()), Ok(()), Ok(()))), "{outcomes:?}");
    let looks = LOOKS.lock().unwrap();
    let closest = looks.windows(2).map(|pair| pair[1] - pair[0]).min();
    assert!(closest.is_some_and(|closest| closest >= Duration::from_millis(95)), "{looks:?}");
}

/// Answers as the fork with seven actions, two per page for any limit, and only for windows if `closed`.
fn capped(path: &str, total: &str, closed: bool) -> Option<Response> {
    if path.contains("/search/") {
        return json(r#"{"total":0,"result":[]}"#);
    }
    let value = |name: &str| path.split(['?', '&']).find_map(|pair| pair.strip_prefix(name));
    let windowed = value("start=").is_some_and(|start| start.starts_with("2026")) || path.contains("=2099");
    let open = !closed && value("start=").is_none() && value("day=").is_none();
    let offset: u32 = value("offset=").map_or(0, |offset| offset.parse().unwrap());
    let rows: Vec<_> = (offset + 1..=(offset + 2).min(7))
        .filter(|_| windowed || open)
        .map(|id| row(id, &format!("2026-03-19T0{id}:00:00Z")))
        .collect();
    let limit = value("limit=").unwrap_or("10");
    json(&format!(r#"{{"actions":{{{total}"limit":{limit},"action":[{}]}}}}"#, rows.join(",")))
}

/// Answers with seven actions of a day, two per page for any limit, without a count.
fn uncounted(path: &str) -> Option<Response> {
    if path.contains("/search/") {
        return json(r#"{"total":0,"result":[]}"#);
    }
    let offset = path.split("offset=").nth(1).and_then(|rest| rest.split('&').next())?;
    let offset: u32 = offset.parse().unwrap();
    let rows = (offset + 1..=(offset + 2).min(7)).filter(|_| path.contains("day=20260319"));
    let rows: Vec<_> = rows.map(|id| row(id, &format!("2026-03-19T0{id}:00:00Z"))).collect();
    json(&format!(r#"{{"actions":{{"action":[{}]}}}}"#, rows.join(",")))
}

#[tokio::test]
async fn a_day_of_which_nobody_says_how_much_it_is_is_read_to_an_empty_page_and_is_not_complete() {
    let server = Server::start(uncounted).await;
    let harvest = of_the_fork(&server, Choice::Upstream).await;
    assert_eq!(harvest.action_ids().len(), 7, "{:?}", harvest.failed);
    let receipt = harvest.receipt(JOB);
    assert_eq!(counted(receipt), (ReceiptState::Incomplete, None, Some(7)));
    assert!(receipt.cause.as_ref().unwrap().text.contains("OPENCAST_DIALECT"), "{:?}", receipt.cause);
    assert_eq!(server.asked("day=20260319&limit=1000&offset=7"), 2, "each reading ends with an empty page");
}

async fn of_the_fork(server: &Server, dialect: Choice) -> Harvest {
    let bench = Bench::new(Config { dialect, calls_per_second: 0.0, ..Config::new(server.url.clone()) });
    bench.harvest(vec![whole(date())]).await
}

#[tokio::test]
async fn without_a_count_two_readings_to_an_empty_page_must_agree() {
    for choice in [Choice::Auto, Choice::Dce] {
        let server = Server::start(|path| capped(path, "", false)).await;
        let harvest = of_the_fork(&server, choice).await;
        assert_eq!(harvest.action_ids().len(), 7, "{choice:?}: {:?}", harvest.failed);
        assert_eq!(counted(harvest.receipt(JOB)), (ReceiptState::Complete, Some(7), Some(7)));
        assert_eq!(server.asked("offset=7"), 2, "each reading ends with an empty page");
    }
}

#[tokio::test]
async fn a_total_that_is_the_page_s_own_is_not_taken_for_the_window_s() {
    let server = Server::start(|path| capped(path, r#""total":2,"#, false)).await;
    let harvest = of_the_fork(&server, Choice::Auto).await;
    assert_eq!(harvest.action_ids().len(), 7, "{:?}", harvest.failed);
    assert_eq!(harvest.receipt(JOB).state, ReceiptState::Complete);
}

#[tokio::test]
async fn a_fork_that_answers_only_those_who_name_a_window_is_read_by_windows() {
    for choice in [Choice::Auto, Choice::Dce] {
        let server = Server::start(|path| capped(path, "", true)).await;
        let harvest = of_the_fork(&server, choice).await;
        assert_eq!(harvest.action_ids().len(), 7, "{choice:?}: {:?}", harvest.failed);
        assert_eq!(counted(harvest.receipt(JOB)), (ReceiptState::Complete, Some(7), Some(7)));
    }
}

#[tokio::test]
async fn readings_that_never_agree_are_incomplete() {
    // Every answer has another action, more than are ever read.
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    let server = Server::start(|path| match path {
        _ if path.contains("/search/") => json(r#"{"total":0,"result":[]}"#),
        _ if path.contains("start=1970") => json(r#"{"actions":{"limit":1}}"#),
        _ if !path.contains("offset=0") => json(r#"{"actions":{"limit":1}}"#),
        _ => {
            let id = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            json(&format!(r#"{{"actions":{{"action":{}}}}}"#, row(id, "2026-03-19T01:00:00Z")))
        }
    })
    .await;
    let receipt = of_the_fork(&server, Choice::Dce).await.receipt(JOB).clone();
    assert_eq!((receipt.state, receipt.expected), (ReceiptState::Incomplete, None));
    assert!(receipt.cause.as_ref().unwrap().text.contains("no two readings agree"), "{:?}", receipt.cause);
}

#[tokio::test]
async fn windows_without_an_order_lose_nothing() {
    for disorder in [Disorder::Local, Disorder::Full] {
        let server = Opencast::start(OpencastSettings { dialect: Dialect::Dce, disorder, ..settings() })
            .await
            .unwrap();
        let bench = Bench::new(Config { page_size: 150, ..config(&server) });
        let harvest = bench.harvest(vec![whole(date())]).await;
        let (ids, meant) = (harvest.action_ids(), server.truth(date()).ids.unwrap().action_ids);
        let missing = meant.iter().filter(|id| !ids.contains(id)).count() as u64;
        let receipt = harvest.receipt(JOB);
        assert_eq!(receipt.state == ReceiptState::Complete, missing == 0, "{missing}: {:?}", receipt.cause);
        // Pages in random order may not all arrive in eight readings; with local disorder they do.
        assert!(missing == 0 || disorder == Disorder::Full, "{missing}");
    }
}

#[tokio::test]
async fn a_server_that_passes_over_the_day_is_refused_as_upstream() {
    let server = Server::start(|path| match path.contains("/search/") {
        true => json(r#"{"total":0,"result":[]}"#),
        false => json(&format!(r#"{{"actions":{{"total":9,"action":{}}}}}"#, row(1, "2019-01-01T00:00:00Z"))),
    })
    .await;
    let outcome = server.bench(Choice::Upstream).perform(whole(date()), first_attempt()).await;
    let Err(Failure::Halt { cause }) = outcome else { panic!("{outcome:?}") };
    assert!(cause.contains("OPENCAST_DIALECT is upstream") && cause.contains("day"), "{cause}");
    assert_eq!(server.asked("/usertracking/"), 1);
}

#[tokio::test]
async fn a_zone_that_is_not_the_server_s_stops_the_worker_and_the_check() {
    for dialect in [Dialect::Dce, Dialect::Upstream] {
        let theirs = TimeZone::get("America/New_York").unwrap();
        let server =
            Opencast::start(OpencastSettings { dialect, timezone: theirs, ..settings() }).await.unwrap();
        for ours in ["Pacific/Kiritimati", "UTC"] {
            let timezone = TimeZone::get(ours).unwrap();
            let bench = Bench::new(Config { timezone, ..config(&server) });
            let done = bench.perform(whole(date()), first_attempt()).await;
            let probed = bench.opencast.probe().await.map(|_| ());
            for outcome in [done, probed] {
                let Err(Failure::Halt { cause }) = outcome else { panic!("{ours}: {outcome:?}") };
                let named = format!("OPENCAST_TIMEZONE is {ours}");
                assert!(cause.starts_with(&named) && cause.contains("UTC-04"), "{cause}");
            }
        }
    }
}

/// Returns the points of all footprints, by action.
fn footprints(harvest: &Harvest) -> std::collections::BTreeMap<i64, (i64, i64)> {
    let rows = harvest.raw.values().filter_map(|raw| actions::page(&raw.body).ok());
    let read = rows.flat_map(|page| page.rows.into_iter().map(|row| Action::read(row).unwrap()));
    let footprints = read.filter(|action| action.kind.as_deref() == Some("FOOTPRINT"));
    footprints.map(|action| (action.id, (action.inpoint.unwrap(), action.outpoint.unwrap()))).collect()
}

#[tokio::test]
async fn a_footprint_that_grew_is_sent_again_by_the_next_reading() {
    let server = Opencast::start(OpencastSettings { dialect: Dialect::Dce, ..settings() }).await.unwrap();
    let bench = Bench::new(config(&server));
    let first = footprints(&bench.harvest(vec![whole(date())]).await);
    let second = footprints(&bench.harvest(vec![whole(date())]).await);
    assert!(first.len() > 10 && first.len() == second.len(), "{} {}", first.len(), second.len());
    for (id, (inpoint, outpoint)) in first {
        let (same, later) = second[&id];
        assert!(same == inpoint && later > outpoint, "{id}: {outpoint} {later}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_is_tried_again() {
    let faults = vec!["timeout=0.3".parse().unwrap()];
    let server = Opencast::start(OpencastSettings {
        dialect: Dialect::Dce,
        faults,
        actions_per_day: 40,
        ..settings()
    })
    .await
    .unwrap();
    let request_timeout = Duration::from_millis(300);
    let bench = Bench::new(Config { request_timeout, ..config(&server) });
    let (mut harvest, mut said) = (Harvest::default(), Vec::new());
    for _ in 0..20 {
        harvest = bench.harvest(vec![whole(date())]).await;
        if harvest.failed.is_empty() {
            break;
        }
        said.append(&mut harvest.failed);
    }
    let (ids, meant) = (harvest.action_ids(), server.truth(date()).ids.unwrap().action_ids);
    assert!(meant.iter().all(|id| ids.contains(id)), "{said:?}");
    assert!(server.ledger_summary().by_fault["timeout"] > 0);
    for failure in said {
        assert!(format!("{failure:?}").contains("in time"), "{failure:?}");
    }
}

/// Returns a server with a date that is not over, at 01:20:30 in its zone. An action is added every few seconds, and no
/// page holds the whole date.
fn growing() -> (OpencastSettings, TimeZone) {
    let hour = TimeZone::UTC.to_datetime(runtime::clock::now()).hour();
    let timezone = TimeZone::fixed(jiff::tz::Offset::constant(12 - hour));
    let today = timezone.to_datetime(runtime::clock::now()).date();
    let now = Some(timezone.to_timestamp(today.at(1, 20, 30, 0)).unwrap());
    let world = OpencastSettings {
        now,
        timezone: timezone.clone(),
        actions_per_day: 20_000,
        page_limit: Some(60),
        ..settings()
    };
    (world, timezone)
}

/// A reading takes four seconds, so each misses actions added before its position.
#[tokio::test]
async fn a_date_that_grows_while_it_is_read_in_pages_is_complete_up_to_a_moment_of_the_reading() {
    tokio::join!(grows(Disorder::Newest), grows(Disorder::Stable));
}

async fn grows(disorder: Disorder) {
    let (world, timezone) = growing();
    let server = Opencast::start(OpencastSettings { disorder, ..world }).await.unwrap();
    let today = timezone.to_datetime(runtime::clock::now()).date();
    let truth = || server.truth(today).ids.unwrap().action_ids;
    let began = truth();
    let bench = Bench::new(Config { timezone, page_size: 60, calls_per_second: 5.0, ..config(&server) });
    let harvest = bench.harvest(vec![whole(today)]).await;
    let (ids, ended) = (harvest.action_ids(), truth());
    assert!(ended.len() > began.len(), "it did not grow");
    let missing = began.iter().filter(|id| !ids.contains(id)).count();
    assert_eq!(missing, 0, "of {} that were there when it began, {disorder:?}", began.len());
    let receipt = harvest.receipt(&format!("opencast:actions:{today}"));
    assert_eq!(receipt.state, ReceiptState::Complete, "{disorder:?}: {:?}", receipt.cause);
}

/// Actions that move across page borders are missed; the pages of the next reading overlap.
#[tokio::test]
async fn a_day_of_many_pages_out_of_order_is_read_twice_and_not_more() {
    let disorder = Disorder::Local;
    let world = OpencastSettings { actions_per_day: 4_000, page_limit: Some(150), disorder, ..settings() };
    let server = Opencast::start(world).await.unwrap();
    let harvest = Bench::new(Config { dialect: Choice::Upstream, ..config(&server) })
        .harvest(vec![whole(date())])
        .await;
    let meant: BTreeSet<_> = server.truth(date()).ids.unwrap().action_ids.into_iter().collect();
    assert_eq!(harvest.action_ids(), meant);
    assert_eq!(counted(harvest.receipt(JOB)), (ReceiptState::Complete, Some(4_000), Some(4_000)));
    let readings = ["#1.", "#2.", "#3."].map(|part| harvest.raw.iter().any(|(id, _)| id.contains(part)));
    assert_eq!(readings, [true, true, false], "{:?}", harvest.raw.keys().collect::<Vec<_>>());
}

/// The day is read again because a page repeated a row; the footprints that grew meanwhile are sent in their new state.
#[tokio::test]
async fn rows_that_change_while_a_day_is_read_come_as_they_were_read_last() {
    let server = Opencast::start(OpencastSettings { page_limit: Some(90), ..settings() }).await.unwrap();
    let harvest = Bench::new(config(&server)).harvest(vec![whole(date())]).await;
    let of = |reading: &str| {
        let mut part = Harvest::default();
        let named = harvest.raw.iter().filter(|(id, _)| id.contains(reading));
        part.raw.extend(named.map(|(id, raw)| {
            let (context, body, answer) = (raw.context.clone(), raw.body.clone(), raw.answer.clone());
            (id.clone(), crate::bench::Raw { kind: raw.kind, context, body, answer })
        }));
        footprints(&part)
    };
    let (first, second) = (of("#1."), of("#2."));
    let grown =
        first.iter().filter(|(id, was)| second.get(id).is_some_and(|is| is.0 == was.0 && is.1 > was.1));
    assert!(grown.count() > 10 && first.keys().all(|id| second.contains_key(id)), "{first:?} {second:?}");
    let meant: BTreeSet<_> = server.truth(date()).ids.unwrap().action_ids.into_iter().collect();
    assert_eq!(harvest.action_ids(), meant);
    assert_eq!(counted(harvest.receipt(JOB)), (ReceiptState::Complete, Some(700), Some(700)));
}
