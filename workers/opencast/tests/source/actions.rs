//! The job of a date's user actions, in both dialects.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use messages::opencast::Task;
use messages::{CauseClass, ReceiptState};
use opencast::{Choice, Config};
use runtime::{Failure, clock};
use simulator::opencast::{Dialect, Disorder, Opencast, OpencastSettings};

use crate::bench::{Bench, config, date, first_attempt, settings, whole};

const JOB: &str = "opencast:actions:2026-03-19";

#[tokio::test]
async fn a_date_of_every_generation_and_dialect_is_the_truth() {
    for (generation, dialect) in [
        (5, Dialect::Dce),
        (5, Dialect::Upstream),
        (12, Dialect::Upstream),
        (15, Dialect::Dce),
        (16, Dialect::Upstream),
        (17, Dialect::Upstream),
    ] {
        let timezone = TimeZone::get("America/New_York").unwrap();
        let server = Opencast::start(OpencastSettings {
            generation,
            dialect,
            timezone: timezone.clone(),
            ..settings()
        })
        .await
        .unwrap();
        let bench = Bench::new(Config { timezone, page_size: 150, ..config(&server) });
        let harvest = bench.harvest(vec![whole(date())]).await;
        assert!(harvest.failed.is_empty() && harvest.dead.is_empty(), "{:?}", harvest.failed);
        let truth = server.truth(date());
        let (ids, meant) = (harvest.action_ids(), truth.ids.unwrap().action_ids);
        // A window of the fork includes its last second: midnight of the next date.
        let missing = meant.iter().filter(|id| !ids.contains(id)).count();
        assert!(missing == 0 && ids.len() <= meant.len() + 2, "{generation} {dialect:?}: {missing} missing");
        let (facts, known) = (harvest.facts(), truth.episodes.iter().cloned().collect::<BTreeSet<_>>());
        assert!(known.is_subset(&facts), "{generation} {dialect:?}");
        assert_eq!(
            harvest.episodes().into_keys().collect::<BTreeSet<_>>(),
            facts,
            "each named episode comes too"
        );
        let receipt = harvest.receipt(JOB);
        assert_eq!(receipt.state, ReceiptState::Complete, "{generation} {dialect:?}: {:?}", receipt.cause);
        assert_eq!((receipt.expected, receipt.got), (Some(ids.len() as u64), Some(ids.len() as u64)));
        assert!(receipt.calls.light > 5);
    }
}

#[tokio::test]
async fn an_order_that_is_none_at_all_loses_nothing() {
    let server = Opencast::start(OpencastSettings { disorder: Disorder::Full, ..settings() }).await.unwrap();
    let bench = Bench::new(Config { page_size: 150, ..config(&server) });
    let harvest = bench.harvest(vec![whole(date())]).await;
    let meant: BTreeSet<_> = server.truth(date()).ids.unwrap().action_ids.into_iter().collect();
    assert_eq!(harvest.action_ids(), meant);
    assert_eq!(harvest.receipt(JOB).state, ReceiptState::Complete);
}

#[tokio::test]
async fn a_server_that_gives_smaller_pages_than_asked_for_is_read_to_its_end() {
    for dialect in [Dialect::Dce, Dialect::Upstream] {
        let server =
            Opencast::start(OpencastSettings { dialect, page_limit: Some(90), ..settings() }).await.unwrap();
        let harvest = Bench::new(config(&server)).harvest(vec![whole(date())]).await;
        let ids = harvest.action_ids();
        let meant = server.truth(date()).ids.unwrap().action_ids;
        assert!(meant.iter().all(|id| ids.contains(id)), "{dialect:?}");
        assert_eq!(harvest.receipt(JOB).state, ReceiptState::Complete);
    }
}

#[tokio::test]
async fn a_date_without_actions_is_complete_and_so_is_a_server_without_any() {
    for (dialect, per_day) in
        [(Dialect::Dce, 0), (Dialect::Upstream, 0), (Dialect::Dce, 700), (Dialect::Upstream, 700)]
    {
        let server = Opencast::start(OpencastSettings { dialect, actions_per_day: per_day, ..settings() })
            .await
            .unwrap();
        let old = "2020-01-01".parse().unwrap();
        let harvest = Bench::new(config(&server)).harvest(vec![whole(old)]).await;
        let receipt = harvest.receipt("opencast:actions:2020-01-01");
        assert_eq!(
            (receipt.state, receipt.expected, receipt.got),
            (ReceiptState::Complete, Some(0), Some(0))
        );
    }
}

/// Returns a server whose clock is the machine's, except for the seconds, and whose zone makes it about noon.
fn noon(dialect: Dialect) -> (OpencastSettings, TimeZone, Date) {
    let now = clock::now();
    let hour = TimeZone::UTC.to_datetime(now).hour();
    let timezone = TimeZone::fixed(jiff::tz::Offset::constant(12 - hour));
    let second = now.as_second().div_euclid(60) * 60 + 57;
    let world = OpencastSettings {
        dialect,
        now: Some(jiff::Timestamp::from_second(second).unwrap()),
        timezone: timezone.clone(),
        ..settings()
    };
    (world, timezone.clone(), timezone.to_datetime(now).date())
}

#[tokio::test]
async fn a_part_of_a_date_is_asked_for_where_the_server_can_give_one() {
    for (dialect, part) in [(Dialect::Dce, true), (Dialect::Upstream, false)] {
        let (world, timezone, today) = noon(dialect);
        let server = Opencast::start(world).await.unwrap();
        let since = Some(clock::now() - jiff::SignedDuration::from_hours(2));
        let bench = Bench::new(Config { timezone, ..config(&server) });
        let harvest = bench.harvest(vec![Task::actions(today, since)]).await;
        assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
        let (got, all) = (harvest.action_ids().len(), server.truth(today).actions as usize);
        assert!(got > 0 && (got < all) == part, "{dialect:?}: {got} of {all}");
        let named = if part { "#from" } else { "#1.1" };
        assert!(harvest.raw.keys().any(|id| id.contains(named)), "{:?}", harvest.raw.keys());
        assert_eq!(harvest.receipt(&format!("opencast:actions:{today}")).state, ReceiptState::Complete);
    }
}

#[tokio::test]
async fn a_date_that_has_settled_meanwhile_is_read_whole_whatever_its_job_says() {
    let since = Some("2026-03-19T15:00:00Z".parse().unwrap());
    let server = Opencast::start(OpencastSettings { dialect: Dialect::Dce, ..settings() }).await.unwrap();
    let harvest = Bench::new(config(&server)).harvest(vec![Task::actions(date(), since)]).await;
    let (ids, meant) = (harvest.action_ids(), server.truth(date()).ids.unwrap().action_ids);
    assert!(meant.len() == 700 && meant.iter().all(|id| ids.contains(id)), "{} came", ids.len());
}

#[tokio::test]
async fn a_date_to_come_is_refused_before_any_call() {
    let server = Opencast::start(settings()).await.unwrap();
    let outcome =
        Bench::new(config(&server)).perform(whole("9000-01-01".parse().unwrap()), first_attempt()).await;
    let Err(Failure::Reject { cause }) = outcome else { panic!("{outcome:?}") };
    assert!(cause.text.contains("has not begun"), "{cause}");
    assert_eq!(server.ledger_summary().calls, 0);
}

#[tokio::test]
async fn without_user_tracking_a_date_is_complete_of_nothing_and_episodes_go_on() {
    let server = Opencast::start(OpencastSettings { usertracking: false, generation: 17, ..settings() })
        .await
        .unwrap();
    let bench = Bench::new(config(&server));
    let catalogue = Task::Catalogue { date: date() };
    let harvest = bench.harvest(vec![whole(date()), catalogue]).await;
    assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
    let receipt = harvest.receipt(JOB);
    assert_eq!((receipt.state, receipt.expected, receipt.got), (ReceiptState::Complete, Some(0), Some(0)));
    assert_eq!(receipt.cause.as_ref().unwrap().class, CauseClass::PlanMissing);
    assert!(harvest.episodes().len() > 20);
}

#[tokio::test]
async fn a_dialect_that_is_not_the_server_s_is_refused_before_it_reads_everything() {
    let server =
        Opencast::start(OpencastSettings { dialect: Dialect::Upstream, ..settings() }).await.unwrap();
    let bench = Bench::new(Config { dialect: Choice::Dce, ..config(&server) });
    let outcome = bench.perform(whole(date()), first_attempt()).await;
    let Err(Failure::Halt { cause }) = outcome else { panic!("{outcome:?}") };
    assert!(cause.contains("OPENCAST_DIALECT"), "{cause}");
    assert_eq!(server.ledger_summary().by_path["/usertracking/actions.json"], 3);
}

#[tokio::test]
async fn troubles_lose_nothing() {
    let rates = ["500=0.04", "502-html=0.04", "reset=0.04", "truncated-json=0.04"];
    for (dialect, times) in [(Dialect::Dce, 12), (Dialect::Upstream, 1)] {
        let faults = rates.iter().map(|rate| rate.parse().unwrap()).collect();
        let server = Opencast::start(OpencastSettings { dialect, faults, ..settings() }).await.unwrap();
        let bench = Bench::new(Config { page_size: 150, ..config(&server) });
        // A date makes many calls, so faults may hit all seven attempts; what they sent is kept.
        let harvest = bench.harvest(vec![whole(date()); times]).await;
        let again = |failure: &Failure| matches!(failure, Failure::Retry { .. });
        assert!(harvest.failed.iter().all(again), "{:?}", harvest.failed);
        let (ids, meant) = (harvest.action_ids(), server.truth(date()).ids.unwrap().action_ids);
        let (missing, receipt) = (meant.iter().filter(|id| !ids.contains(id)).count(), harvest.receipt(JOB));
        let is_complete = receipt.state == ReceiptState::Complete;
        assert!(missing == 0 || !is_complete, "{dialect:?}: complete, and {missing} are missing");
        assert!(missing == 0, "{dialect:?}: {missing} missing, {receipt:?}");
        let struck = server.ledger_summary().by_fault;
        assert!(!struck.is_empty() && (struck.len() == 4 || times == 1), "{struck:?}");
    }
}

#[tokio::test]
async fn a_date_on_which_the_clocks_change_is_whole() {
    for (day, now) in [("2026-03-08", "2026-03-10T12:00:57Z"), ("2025-11-02", "2025-11-04T12:00:57Z")] {
        for dialect in [Dialect::Dce, Dialect::Upstream] {
            let timezone = TimeZone::get("America/New_York").unwrap();
            let now = Some(now.parse().unwrap());
            let world = OpencastSettings { dialect, now, timezone: timezone.clone(), ..settings() };
            let server = Opencast::start(world).await.unwrap();
            let date = day.parse().unwrap();
            let harvest = Bench::new(Config { timezone, ..config(&server) }).harvest(vec![whole(date)]).await;
            let (ids, truth) = (harvest.action_ids(), server.truth(date).ids.unwrap().action_ids);
            assert_eq!(truth.len(), 700);
            assert!(truth.iter().all(|id| ids.contains(id)), "{day} {dialect:?}");
        }
    }
}

#[tokio::test]
async fn calls_come_no_faster_than_they_may() {
    let server = Opencast::start(OpencastSettings { actions_per_day: 60, ..settings() }).await.unwrap();
    let bench = Bench::new(Config { calls_per_second: 40.0, admin_url: None, ..config(&server) });
    bench.perform(whole(date()), first_attempt()).await.unwrap();
    bench.perform(Task::Catalogue { date: date() }, first_attempt()).await.unwrap();
    for mpid in bench.harvest(vec![Task::Catalogue { date: date() }]).await.episodes().into_keys() {
        bench.perform(Task::Episode { mpid: mpid.parse().unwrap() }, first_attempt()).await.unwrap();
    }
    let summary = server.ledger_summary();
    // One more at either end of a second: a call may be late and the next one on time.
    assert!(summary.calls >= 42 && summary.peak_per_second <= 42, "{summary:?}");
}
