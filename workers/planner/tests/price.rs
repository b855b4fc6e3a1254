//! Tests of the price of a plan and its basis.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use messages::zoom::Task;
use messages::{Calls, Lane, Queue, Receipt, ReceiptState, Source};
use planner::{Coverage, Experience, Opens, Price, Quota, Wanted, days, plan};
use proptest::prelude::*;

const QUOTA: Quota = Quota {
    heavy_per_second: 32.0,
    resource_intensive_per_second: 16.0 / 60.0,
    per_day: 48_000,
    used_today: None,
    opens: Opens::Now,
};
/// A Monday.
const DAY: Date = date(2026, 1, 5);

fn now() -> Timestamp {
    "2026-01-26T20:00:00Z".parse().unwrap()
}

fn wanted(dates: &[Date]) -> Wanted {
    Wanted {
        dates: dates.to_vec(),
        meeting_uuids: Vec::new(),
        lane: None,
        force: true,
        webinars: false,
        run: "run".into(),
    }
}

/// The receipt of a final list.
fn listed(date: Date, jobs: u64, calls: u64) -> Receipt {
    let (task, read) = (Task::Meetings { date }, now());
    Receipt {
        job_id: task.job_id(),
        run: "earlier".into(),
        source: Source::Zoom,
        kind: task.kind().to_owned(),
        lane: Lane::Daily,
        date: Some(date),
        meeting_uuid: None,
        state: ReceiptState::Complete,
        expected: Some(jobs),
        got: Some(jobs),
        jobs: Some(jobs),
        api: None,
        cause: None,
        findings: Vec::new(),
        attempts: 1,
        calls: Calls { resource_intensive: calls, ..Calls::default() },
        planned_at: read,
        started_at: Some(read),
        finished_at: Some(read),
        queue: Some(Queue::jobs(task.family(), Lane::Daily)),
        job: None,
    }
}

fn price(dates: &[Date], receipts: &[Receipt], quota: &Quota) -> Price {
    plan(now(), &wanted(dates), &receipts.iter().cloned().collect(), quota).price
}

fn words(price: &Price) -> String {
    price.basis.join("; ")
}

#[test]
fn without_any_history_it_is_a_stated_guess() {
    let price = price(&[DAY], &[], &QUOTA);
    assert_eq!((price.resource_intensive, price.heavy, price.guessed), (2, 300, 1));
    assert!(words(&price).starts_with("1 list guessed at 300 meetings"), "{price:?}");
    assert!(words(&price).contains("one heavy call a detail: none is complete yet"), "{price:?}");
}

#[test]
fn a_date_that_was_listed_costs_what_it_cost_then() {
    let price = price(&[DAY], &[listed(DAY, 5_000, 34)], &QUOTA);
    assert_eq!((price.resource_intensive, price.heavy, price.quota_days), (34, 5_000, 1));
    assert_eq!(price.seconds, 157, "5,000 heavy calls at 32/s; the 34 of the list take 128 s");
    assert_eq!(price.finish_at, "2026-01-26T20:02:37Z".parse().unwrap());
    assert!((price.share_of_day() - 5_034.0 / 48_000.0).abs() < 1e-9);
    assert!(words(&price).starts_with("1 list known from receipts"), "{price:?}");
}

#[test]
fn a_date_of_which_nothing_is_known_costs_the_mean_of_its_weekday() {
    let (monday, tuesday, sunday) = (date(2026, 1, 12), date(2026, 1, 13), date(2026, 1, 18));
    let past = [listed(DAY, 100, 2), listed(date(2025, 12, 29), 300, 4), listed(date(2026, 1, 6), 70, 2)];
    let of = |date| price(&[date], &past, &QUOTA);
    assert_eq!((of(monday).heavy, of(monday).resource_intensive, of(tuesday).heavy), (200, 3, 70));
    assert_eq!(of(sunday).heavy, 157, "no Sunday is known: the mean of all");
    let all = price(&[DAY, monday, tuesday, sunday], &past, &QUOTA);
    assert_eq!((all.known, all.estimated, all.guessed, all.heavy), (1, 3, 0, 100 + 200 + 70 + 157));
    let words = words(&all);
    assert!(words.contains("2 lists estimated by weekday from 2 Mondays, 1 Tuesday"), "{words}");
    assert!(words.contains("1 list estimated from the mean of 3 dates, none of the same weekday"), "{words}");
}

#[test]
fn a_list_that_was_read_too_early_is_no_measure() {
    let early = |date: Date, jobs| Receipt {
        started_at: Some(date.to_datetime(jiff::civil::time(9, 0, 0, 0)).in_tz("UTC").unwrap().timestamp()),
        ..listed(date, jobs, 2)
    };
    let monday = date(2026, 1, 12);
    let past = [listed(DAY, 100, 2), early(monday, 7)];
    assert_eq!(price(&[monday], &past, &QUOTA).heavy, 100, "at least what a Monday has");
    assert_eq!(price(&[date(2026, 1, 19)], &past, &QUOTA).heavy, 100, "and it spoils no mean");
    let past = [listed(DAY, 100, 2), early(monday, 150)];
    assert_eq!(price(&[monday], &past, &QUOTA).heavy, 150, "at least what it named then");
}

#[test]
fn experience_says_what_a_detail_costs() {
    let coverage = |experience| Coverage::from_iter([listed(DAY, 100, 2)]).with_experience(experience);
    let of = |experience| plan(now(), &wanted(&[DAY]), &coverage(experience), &QUOTA).price;
    let dashboard = of(Experience { meetings: 1_000, hosts: 0, heavy: 1_040 });
    assert_eq!((dashboard.heavy, dashboard.details), (104, 100));
    assert!(words(&dashboard).contains("1.04 heavy calls a detail, the mean of 1,000 complete ones"));
    // On the Reports path the list names hosts. Each host is two calls and has ten meetings here.
    let reports = of(Experience { meetings: 500, hosts: 50, heavy: 600 });
    assert_eq!((reports.heavy, reports.details), (1_200, 1_100));
}

#[test]
fn what_is_left_of_today_decides_when_it_is_done() {
    let of = |used| price(&[DAY], &[listed(DAY, 5_000, 34)], &Quota { used_today: used, ..QUOTA });
    assert_eq!(of(Some(0)).seconds, of(None).seconds);
    let tight = of(Some(45_000));
    assert_eq!((tight.left_today, tight.quota_days), (Some(3_000), 1));
    assert!(tight.share().starts_with("167.8 % of the 3,000 calls left today"), "{}", tight.share());
    assert_eq!(tight.finish_at, "2026-01-27T00:01:04Z".parse().unwrap(), "2,034 after midnight: {tight:?}");
    assert_eq!(of(Some(99_000)).share(), "nothing is left of today's 48,000 calls");
    let month = days(date(2025, 12, 1), date(2025, 12, 30)).unwrap();
    let backfill = price(&month, &[listed(DAY, 5_000, 34)], &QUOTA);
    assert_eq!((backfill.resource_intensive, backfill.heavy), (30 * 34, 150_000));
    assert_eq!(backfill.quota_days, 4);
    // Today 48,000, then two full days, then 7,020 calls at 32/s.
    assert_eq!(backfill.finish_at, "2026-01-29T00:03:40Z".parse().unwrap(), "{backfill:?}");
}

#[test]
fn a_pause_is_part_of_the_price() {
    let of = |opens| price(&[DAY], &[listed(DAY, 3_200, 34)], &Quota { used_today: Some(0), opens, ..QUOTA });
    let open = of(Opens::Now);
    assert_eq!((open.seconds, open.paused()), (128, None));
    let later = of(Opens::At("2026-01-26T22:00:00Z".parse().unwrap()));
    assert_eq!(later.seconds, 2 * 3_600 + 128);
    assert!(
        later.sentence("Zoom").contains(", paused until 2026-01-26 22:00 UTC, done 2026-01-26 22:02"),
        "{later:?}"
    );
    let spent = of(Opens::At("2026-01-27T00:00:00Z".parse().unwrap()));
    assert_eq!((spent.left_today, spent.seconds), (Some(0), 4 * 3_600 + 128));
    assert!(spent.sentence("Zoom").contains("nothing is left of today's 48,000 calls"), "{spent:?}");
    let by_hand = of(Opens::ByHand);
    assert_eq!(by_hand.seconds, 128);
    assert!(
        by_hand.sentence("Zoom").ends_with("done 3 min after it is resumed, at the earliest"),
        "{by_hand:?}"
    );
    assert!(by_hand.sentence("Zoom").contains("paused until it is resumed"), "{by_hand:?}");
    let at = |text: &str| Opens::At(text.parse().unwrap());
    let (early, late) = (at("2026-01-26T22:00:00Z"), at("2026-01-26T23:00:00Z"));
    assert_eq!((early.and(late), late.and(Opens::Now), Opens::ByHand.and(late)), (late, late, Opens::ByHand));
}

#[test]
fn nothing_costs_nothing() {
    let nothing = price(&[], &[], &QUOTA);
    assert_eq!((nothing.calls(), nothing.seconds, nothing.basis.len()), (0, 0, 0));
}

fn past() -> impl Strategy<Value = Vec<Receipt>> {
    let one = (0..40_i64, 0..3_000_u64, 0..20_u64);
    proptest::collection::vec(one, 0..12).prop_map(|rows| {
        let back = |days: i64| DAY.checked_sub(jiff::Span::new().days(days)).unwrap();
        rows.into_iter().map(|(days, jobs, calls)| listed(back(days), jobs, calls)).collect()
    })
}

fn dates() -> impl Strategy<Value = Vec<Date>> {
    proptest::collection::btree_set(0..60_i64, 0..30).prop_map(|back| {
        back.into_iter().map(|days| DAY.checked_sub(jiff::Span::new().days(days)).unwrap()).collect()
    })
}

fn quotas() -> impl Strategy<Value = Quota> {
    let used = proptest::option::of(0..60_000_u64);
    (1..60_000_u64, used, 0.1..50.0_f64).prop_map(|(per_day, used_today, heavy_per_second)| Quota {
        opens: Opens::Now,
        heavy_per_second,
        per_day,
        used_today,
        ..QUOTA
    })
}

proptest! {
    #[test]
    fn every_list_rests_on_something_that_is_named(dates in dates(), past in past(), quota in quotas()) {
        let price = price(&dates, &past, &quota);
        prop_assert_eq!(price.known + price.estimated + price.guessed, dates.len() as u64);
        prop_assert_eq!(price.basis.is_empty(), dates.is_empty());
        if past.is_empty() {
            prop_assert_eq!(price.guessed, dates.len() as u64);
        } else {
            prop_assert_eq!(price.guessed, 0);
        }
    }

    #[test]
    fn more_dates_never_cost_less(dates in dates(), past in past(), quota in quotas(), less in 0..30_usize) {
        let some = &dates[..less.min(dates.len())];
        let (some, all) = (price(some, &past, &quota), price(&dates, &past, &quota));
        prop_assert!(some.heavy <= all.heavy && some.resource_intensive <= all.resource_intensive);
        prop_assert!(some.seconds <= all.seconds && some.quota_days <= all.quota_days);
    }

    #[test]
    fn the_quota_days_are_just_enough(dates in dates(), past in past(), quota in quotas()) {
        let price = price(&dates, &past, &quota);
        prop_assert!(price.calls() <= price.quota_days * quota.per_day);
        prop_assert!(price.quota_days == 1 || price.calls() > (price.quota_days - 1) * quota.per_day);
    }

    #[test]
    fn a_day_that_is_partly_used_up_never_ends_sooner(dates in dates(), past in past(), quota in quotas()) {
        let fresh = price(&dates, &past, &Quota { used_today: Some(0), ..quota });
        let used = price(&dates, &past, &quota);
        prop_assert!(fresh.seconds <= used.seconds);
        let waited = used.finish_at.duration_since(now());
        prop_assert_eq!(waited, SignedDuration::from_secs(i64::try_from(used.seconds).unwrap()));
        // Not before the midnight that renews the quota.
        let left = quota.left_today(now()).unwrap_or(quota.per_day);
        prop_assert!(used.calls() <= left || used.finish_at >= "2026-01-27T00:00:00Z".parse().unwrap());
    }
}
