//! Tests of when the scheduler plans, and which dates.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use messages::opencast::Task as LectureTask;
use messages::zoom::{Event, Listing, MeetingContext, Task};
use messages::{Calls, Lane, MeetingUuid, Queue, Receipt, ReceiptState, Source};
use planner::{
    Coverage, Schedule, by_age, lectures_by_age, plan_lectures, scheduled, scheduled_lectures, second_looks,
    short,
};
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn zurich() -> TimeZone {
    // Central European time as rules, independent of the system's time zone files.
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

fn schedule(expression: &str, zone: TimeZone) -> Schedule {
    Schedule::parse(expression, zone).unwrap()
}

fn receipt(task: Task, state: ReceiptState, got: u64, read: Timestamp) -> Receipt {
    Receipt {
        job_id: task.job_id(),
        run: "earlier".into(),
        source: Source::Zoom,
        kind: task.kind().to_owned(),
        lane: Lane::Daily,
        date: task.date(),
        meeting_uuid: task.meeting_uuid().cloned(),
        state,
        expected: Some(got),
        got: Some(got),
        jobs: None,
        api: None,
        cause: None,
        findings: Vec::new(),
        attempts: 1,
        calls: Calls::default(),
        planned_at: read,
        started_at: Some(read),
        finished_at: Some(read),
        queue: Some(Queue::jobs(task.family(), Lane::Daily)),
        job: None,
    }
}

/// The receipt of a final list.
fn whole(date: Date) -> Receipt {
    let read = date.tomorrow().unwrap().to_datetime(jiff::civil::time(4, 30, 0, 0));
    let read = TimeZone::UTC.to_timestamp(read).unwrap();
    receipt(Task::Meetings { date }, ReceiptState::Complete, 1, read)
}

fn detail(uuid: &str, date: Date, state: ReceiptState, got: u64) -> Receipt {
    let meeting = MeetingContext {
        meeting_uuid: uuid.parse().unwrap(),
        series_id: None,
        topic: None,
        start_time: None,
        end_time: None,
        host_id: None,
    };
    let (listing, date) = (Some(Listing::Past), Some(date));
    let task = Task::Participants { meeting, event: Event::Meeting, listing, api: None, date, header: false };
    receipt(task, state, got, at("2026-01-11T04:40:00Z"))
}

#[test]
fn it_fires_at_its_time_in_its_zone() {
    let utc = schedule("30 4 * * *", TimeZone::UTC);
    assert_eq!(utc.next_after(at("2026-01-06T04:29:59Z")), Some(at("2026-01-06T04:30:00Z")));
    assert_eq!(utc.next_after(at("2026-01-06T04:30:00Z")), Some(at("2026-01-07T04:30:00Z")));
    let local = schedule("30 4 * * *", zurich());
    assert_eq!(local.next_after(at("2026-01-06T00:00:00Z")), Some(at("2026-01-06T03:30:00Z")));
    assert_eq!(local.next_after(at("2026-07-06T00:00:00Z")), Some(at("2026-07-06T02:30:00Z")));
    let ahead = schedule("30 0 * * *", TimeZone::fixed(jiff::tz::offset(14)));
    assert_eq!(ahead.next_after(at("2026-01-06T00:00:00Z")), Some(at("2026-01-06T10:30:00Z")));
    let leap = schedule("0 0 29 2 *", TimeZone::UTC);
    assert_eq!(leap.next_after(at("2026-01-06T00:00:00Z")), Some(at("2028-02-29T00:00:00Z")));
}

#[test]
fn the_change_of_the_clocks_loses_and_doubles_no_firing() {
    let nightly = schedule("30 2 * * *", zurich());
    // 2026-03-29 has no 02:30, 2026-10-25 has two.
    let spring = nightly.next_after(at("2026-03-28T12:00:00Z")).unwrap();
    assert_eq!(spring, at("2026-03-29T01:30:00Z"), "as much later as the clock is put forward");
    assert_eq!(nightly.next_after(spring), Some(at("2026-03-30T00:30:00Z")));
    let autumn = nightly.next_after(at("2026-10-24T12:00:00Z")).unwrap();
    assert_eq!(autumn, at("2026-10-25T00:30:00Z"), "the first of the two");
    assert_eq!(nightly.next_after(autumn), Some(at("2026-10-26T01:30:00Z")));
}

#[test]
fn a_missed_firing_is_made_up_once() {
    let daily = schedule("30 4 * * *", TimeZone::UTC);
    let due = |now, last| daily.due(at(now), at(last));
    assert_eq!(due("2026-01-06T04:29:00Z", "2026-01-05T04:30:00Z"), None);
    assert_eq!(due("2026-01-06T04:30:00Z", "2026-01-05T04:30:00Z"), Some(at("2026-01-06T04:30:00Z")));
    assert_eq!(due("2026-01-20T12:00:00Z", "2026-01-05T04:30:00Z"), Some(at("2026-01-20T04:30:00Z")));
    assert_eq!(due("2026-01-20T12:00:00Z", "2026-01-20T04:30:00Z"), None, "and once only");
    assert_eq!(due("2026-01-06T12:00:00Z", "2027-01-01T00:00:00Z"), None, "a clock that was put back");
    let monthly = schedule("0 0 1 * *", TimeZone::UTC);
    assert_eq!(
        monthly.due(at("2026-01-20T12:00:00Z"), at("2020-01-01T00:00:00Z")),
        Some(at("2026-01-01T00:00:00Z"))
    );
}

#[test]
fn yesterday_and_what_is_missing_of_three_days_and_of_a_week_ago() {
    let now = at("2026-01-12T04:30:00Z");
    let yesterday = date(2026, 1, 11);
    let dates =
        |receipts: Vec<Receipt>, last: &str| scheduled(now, Some(at(last)), &Coverage::from_iter(receipts));
    let day_before = "2026-01-11T04:30:00Z";
    let week: Vec<Receipt> = (1..=10).map(|day| whole(date(2026, 1, day))).collect();
    assert_eq!(dates(week.clone(), day_before), [yesterday]);
    let failed = |day| receipt(Task::Meetings { date: date(2026, 1, day) }, ReceiptState::Failed, 0, now);
    let with = |receipts: &[Receipt]| [&week[..], receipts].concat();
    assert_eq!(dates(with(&[failed(8)]), day_before), [date(2026, 1, 8), yesterday]);
    assert_eq!(dates(with(&[failed(7)]), day_before), [yesterday], "older than three days");
    assert_eq!(dates(with(&[failed(5)]), day_before), [date(2026, 1, 5), yesterday], "a week ago");
    let late = detail("4444AAAiAAAAAiAiAiiAiA==", date(2026, 1, 5), ReceiptState::Incomplete, 3);
    assert_eq!(dates(with(&[late]), day_before), [date(2026, 1, 5), yesterday]);
    let after_downtime = dates(with(&[failed(3)]), "2026-01-08T04:30:00Z");
    let caught_up = [3, 8, 9, 10, 11].map(|day| date(2026, 1, day));
    assert_eq!(after_downtime, caught_up, "and the second look that was missed");
    assert_eq!(scheduled(now, None, &Coverage::default()), [yesterday], "the first time ever");
}

/// The receipt of a date's user actions, read two days after the date.
fn watched(date: Date, state: ReceiptState) -> Receipt {
    let read = date.saturating_add(2.days()).to_datetime(jiff::civil::time(4, 30, 0, 0));
    let read = zurich().to_timestamp(read).unwrap();
    let job = LectureTask::actions(date, None).into_job("earlier".into(), Lane::Daily, read);
    Receipt { state, started_at: Some(read), finished_at: Some(read), ..job.planned().unwrap() }
}

#[test]
fn opencasts_dates_of_an_outage_are_made_up_and_what_is_not_complete_is_planned_again() {
    let (now, zone) = (at("2026-01-12T04:30:00Z"), zurich());
    let dates = |receipts: &[Receipt], last: Option<&str>| {
        let coverage = Coverage::from_iter(receipts.iter().cloned());
        scheduled_lectures(now, last.map(at), &zone, &coverage)
    };
    let january = |days: &[i8]| days.iter().map(|day| date(2026, 1, *day)).collect::<Vec<_>>();
    let recent = january(&[9, 10, 11, 12]);
    assert_eq!(dates(&[], None), recent, "the first time ever");
    assert_eq!(dates(&[], Some("2026-01-11T04:30:00Z")), january(&[8, 9, 10, 11, 12]));
    // A week without a firing: from the first recent date of the last firing.
    assert_eq!(dates(&[], Some("2026-01-04T04:30:00Z")), january(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]));
    // A date that fails until it is no longer recent.
    for state in
        [ReceiptState::Failed, ReceiptState::Incomplete, ReceiptState::Cancelled, ReceiptState::Planned]
    {
        let old = [watched(date(2025, 12, 1), state), watched(date(2025, 12, 2), ReceiptState::Complete)];
        let wanted = [vec![date(2025, 12, 1)], recent.clone()].concat();
        assert_eq!(dates(&old, None), wanted, "{state:?}");
    }
    // A date that was read with a wrong clock.
    let mark = Some(at("2027-01-01T00:00:00Z"));
    let read = Receipt { started_at: mark, ..watched(date(2025, 12, 1), ReceiptState::Complete) };
    assert_eq!(dates(&[read], None), [vec![date(2025, 12, 1)], recent.clone()].concat());
    assert_eq!(dates(&[watched(date(2024, 1, 1), ReceiptState::Failed)], None), recent, "long ago");
    assert_eq!(dates(&[], Some("2020-01-01T00:00:00Z")).len(), 181, "an outage of years");
    assert_eq!(dates(&[], Some("2027-01-01T00:00:00Z")), recent, "a clock that was wrong");
}

#[test]
fn of_an_outage_only_what_is_missing_is_published_and_what_is_old_for_itself() {
    let (now, zone) = (at("2026-01-12T04:30:00Z"), zurich());
    let held: Vec<Receipt> =
        [1, 2, 3, 5].map(|day| watched(date(2026, 1, day), ReceiptState::Complete)).into();
    let coverage = Coverage::from_iter(held);
    let dates = scheduled_lectures(now, Some(at("2026-01-04T04:30:00Z")), &zone, &coverage);
    let (older, recent) = lectures_by_age(now, &zone, &dates);
    assert_eq!(recent, [9, 10, 11, 12].map(|day| date(2026, 1, day)));
    let wanted = planner::Lectures {
        dates: older,
        episodes: Vec::new(),
        catalogue: false,
        or_catalogue: false,
        lane: None,
        force: false,
        run: "r".into(),
        zone,
    };
    assert_eq!(wanted.lane(now), Lane::Backfill);
    let plan = plan_lectures(now, &wanted, &coverage, 5.0);
    let ids: Vec<&str> = plan.jobs.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(ids, [4, 6, 7, 8].map(|day| format!("opencast:actions:2026-01-0{day}")));
}

#[test]
fn a_server_without_user_tracking_is_known_by_its_last_receipt() {
    let absent = |day| {
        let cause = messages::Cause::new(messages::CauseClass::PlanMissing, "none");
        Receipt { cause: Some(cause), ..watched(date(2026, 1, day), ReceiptState::Complete) }
    };
    let lacks = |receipts: Vec<Receipt>| Coverage::from_iter(receipts).lacks_tracking();
    assert!(!lacks(vec![]) && lacks(vec![absent(8)]));
    let whole = |day| watched(date(2026, 1, day), ReceiptState::Complete);
    assert!(lacks(vec![whole(7), absent(8)]), "it was there and is gone");
    assert!(!lacks(vec![absent(8), whole(9)]), "it is there now");
    assert!(!lacks(vec![watched(date(2026, 1, 9), ReceiptState::Failed)]), "that says nothing of it");
}

#[test]
fn meetings_with_fewer_sessions_than_their_list_counts_are_short() {
    let day = date(2026, 1, 5);
    let uuids = ["4444AAAiAAAAAiAiAiiAiA==", "/abcAAAiAAAAAiAiAiiAiA==", "a//+AAAiAAAAAiAiAiiAiA=="];
    let coverage = Coverage::from_iter([
        detail(uuids[0], day, ReceiptState::Complete, 3),
        detail(uuids[1], day, ReceiptState::Complete, 4),
        detail(uuids[2], day, ReceiptState::Failed, 0),
    ]);
    let uuids: Vec<MeetingUuid> = uuids.map(|uuid| uuid.parse().unwrap()).into();
    let other: MeetingUuid = "bbbbAAAiAAAAAiAiAiiAiA==".parse().unwrap();
    let counts = uuids.iter().map(|uuid| (uuid, 4)).chain([(&other, 9)]);
    assert_eq!(
        short(counts, &coverage),
        uuids[..1],
        "a failed one waits for an operator, an unknown one is not ours"
    );
}

#[test]
fn what_is_old_does_not_slow_down_what_is_new() {
    let now = at("2026-01-12T04:30:00Z");
    let (old, new) = by_age(now, &[date(2026, 1, 5), date(2026, 1, 8), date(2026, 1, 9), date(2026, 1, 11)]);
    assert_eq!(
        (old, new),
        (vec![date(2026, 1, 5), date(2026, 1, 8)], vec![date(2026, 1, 9), date(2026, 1, 11)])
    );
}

fn expressions() -> impl Strategy<Value = String> {
    let field = |from: u8, to: u8| {
        prop_oneof![
            3 => Just("*".to_owned()),
            2 => (from..=to).prop_map(|number| number.to_string()),
            1 => (from..=to, from..=to).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
            1 => (1..=to).prop_map(|step| format!("*/{step}")),
        ]
    };
    let minute = prop_oneof![(0..60_u8).prop_map(|minute| minute.to_string()), Just("*/20".to_owned())];
    (minute, field(0, 23), field(1, 28), field(1, 12), field(0, 6))
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

fn times() -> impl Strategy<Value = Timestamp> {
    (1_700_000_000_i64..1_900_000_000).prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn zones() -> impl Strategy<Value = TimeZone> {
    prop_oneof![
        Just(TimeZone::UTC),
        Just(zurich()),
        (-12..=14_i8).prop_map(|hours| TimeZone::fixed(jiff::tz::offset(hours)))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_firing_lies_between_a_time_and_the_next(expression in expressions(), zone in zones(), time in times()) {
        let schedule = schedule(&expression, zone);
        let next = schedule.next_after(time).unwrap();
        prop_assert!(next > time);
        let between = Timestamp::from_second(time.as_second().midpoint(next.as_second())).unwrap();
        prop_assert_eq!(schedule.next_after(between.min(next - SignedDuration::from_secs(1))), Some(next));
    }

    #[test]
    fn what_is_due_is_the_last_firing_and_due_once(
        expression in expressions(),
        zone in zones(),
        last in times(),
        wait in 0..4_000_000_i64,
    ) {
        let schedule = schedule(&expression, zone);
        let now = last + SignedDuration::from_secs(wait);
        match schedule.due(now, last) {
            Some(due) => {
                prop_assert!(last < due && due <= now);
                prop_assert!(schedule.next_after(due).unwrap() > now, "none is later");
                prop_assert_eq!(schedule.due(now, due), None);
            }
            None => prop_assert!(schedule.next_after(last).unwrap() > now),
        }
    }

    #[test]
    fn every_date_has_one_second_look_however_the_firings_lie(
        start in times(),
        waits in proptest::collection::vec(0..400_000_i64, 1..12),
    ) {
        let mut last = start;
        let mut seen = Vec::new();
        for wait in waits {
            let now = last + SignedDuration::from_secs(wait);
            seen.extend(second_looks(now, Some(last)));
            last = now;
        }
        let day = |time: Timestamp| TimeZone::UTC.to_datetime(time).date().checked_sub(7.days()).unwrap();
        let wanted: Vec<Date> = day(start).series(1.day()).skip(1).take_while(|date| *date <= day(last)).collect();
        prop_assert_eq!(seen, wanted);
    }

    #[test]
    fn yesterday_is_always_planned_and_nothing_of_today(now in times(), back in 0..60_i64, read in 0..20_i32) {
        let last = now - SignedDuration::from_hours(back * 24);
        let today = TimeZone::UTC.to_datetime(now).date();
        let listed: Vec<Receipt> = (1..=read).map(|days| whole(today.checked_sub(days.days()).unwrap())).collect();
        let dates = scheduled(now, Some(last), &Coverage::from_iter(listed));
        prop_assert_eq!(dates.last(), Some(&today.yesterday().unwrap()));
        prop_assert!(dates.is_sorted() && dates.iter().all(|date| *date < today));
    }
}
