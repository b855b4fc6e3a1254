//! Tests of the jobs that a plan publishes for given receipts.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp, ToSpan};
use messages::zoom::{Event, Listing, MeetingContext, Task};
use messages::{Calls, JobId, Lane, MeetingUuid, Queue, Receipt, ReceiptState};
use planner::{Coverage, LEASE, Plan, Quota, Wanted, look_back, plan, standard};
use proptest::prelude::*;

const QUOTA: Quota = Quota {
    heavy_per_second: 32.0,
    resource_intensive_per_second: 16.0 / 60.0,
    per_day: 48_000,
    used_today: None,
    opens: planner::Opens::Now,
};
const DAY: Date = date(2026, 1, 5);

fn now() -> Timestamp {
    "2026-01-06T02:00:00Z".parse().unwrap()
}

fn wanted(dates: &[Date]) -> Wanted {
    Wanted {
        dates: dates.to_vec(),
        meeting_uuids: Vec::new(),
        lane: None,
        force: false,
        webinars: false,
        run: "run".into(),
    }
}

fn uuid(number: u8) -> MeetingUuid {
    use std::fmt::Write as _;
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::new();
    for at in 0..21 {
        write!(text, "{}", char::from(digits[(usize::from(number) + at) % 52])).unwrap();
    }
    format!("{text}A==").parse().unwrap()
}

fn detail_task(number: u8, date: Date, event: Event) -> Task {
    let meeting = MeetingContext {
        meeting_uuid: uuid(number),
        series_id: None,
        topic: Some("Linear Algebra".to_owned()),
        start_time: None,
        end_time: None,
        host_id: None,
    };
    Task::Participants {
        meeting,
        event,
        listing: Some(Listing::Past),
        api: None,
        date: Some(date),
        header: false,
    }
}

/// The receipt of this task's job in a state. A `planned` receipt was published at `at`.
fn receipt(task: Task, state: ReceiptState, at: Timestamp) -> Receipt {
    let job = task.clone().into_job("earlier".into(), Lane::Backfill, at);
    let done = state != ReceiptState::Planned;
    Receipt {
        job_id: task.job_id(),
        run: "earlier".into(),
        source: messages::Source::Zoom,
        kind: task.kind().to_owned(),
        lane: Lane::Backfill,
        date: task.date(),
        meeting_uuid: task.meeting_uuid().cloned(),
        state,
        expected: done.then_some(3),
        got: done.then_some(3),
        jobs: done.then_some(3),
        api: None,
        cause: None,
        findings: Vec::new(),
        attempts: 1,
        calls: Calls::default(),
        planned_at: at,
        started_at: done.then_some(at),
        finished_at: done.then_some(at),
        queue: Some(Queue::jobs(task.family(), Lane::Backfill)),
        job: Some(serde_json::value::to_raw_value(&job).unwrap()),
    }
}

fn list(date: Date) -> Task {
    Task::Meetings { date }
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.jobs.iter().map(|job| job.id.as_str()).collect()
}

fn planned(wanted: &Wanted, receipts: &[Receipt]) -> Plan {
    plan(now(), wanted, &receipts.iter().cloned().collect(), &QUOTA)
}

fn settled() -> Timestamp {
    "2026-01-06T01:00:00Z".parse().unwrap()
}

fn ago(time: SignedDuration) -> Timestamp {
    now().checked_sub(time).unwrap()
}

#[test]
fn a_date_without_receipts_is_listed_in_the_lane_of_its_age() {
    let plan = planned(&wanted(&[DAY]), &[]);
    assert_eq!(ids(&plan), ["zoom:meetings:2026-01-05"]);
    let job = &plan.jobs[0];
    assert_eq!(job.queue.as_str(), "ua.jobs.zoom.list.daily");
    assert_eq!(
        (job.receipt.state, job.receipt.planned_at, job.receipt.date),
        (ReceiptState::Planned, now(), Some(DAY))
    );
    let body: messages::Job<Task> = messages::decode(&job.body).unwrap();
    assert_eq!((body.task, body.run.as_str(), body.lane), (list(DAY), "run", Lane::Daily));
    assert_eq!(job.receipt.job.as_ref().unwrap().get().as_bytes(), job.body);
    let old = planned(&wanted(&[DAY, date(2025, 12, 1)]), &[]);
    assert!(old.jobs.iter().all(|job| job.queue.as_str() == "ua.jobs.zoom.list.backfill"));
    let told = planned(&Wanted { lane: Some(Lane::Replay), ..wanted(&[DAY]) }, &[]);
    assert_eq!(told.jobs[0].queue.as_str(), "ua.jobs.zoom.list.replay");
}

#[test]
fn webinars_are_listed_when_wanted() {
    let plan = planned(&Wanted { webinars: true, ..wanted(&[DAY]) }, &[]);
    assert_eq!(ids(&plan), ["zoom:meetings:2026-01-05", "zoom:webinars:2026-01-05"]);
}

#[test]
fn a_list_is_final_only_when_it_was_read_an_hour_after_its_date() {
    let covered = planned(&wanted(&[DAY]), &[receipt(list(DAY), ReceiptState::Complete, settled())]);
    assert_eq!((ids(&covered).len(), covered.covered), (0, vec![DAY]));
    let early = settled().checked_sub(SignedDuration::from_secs(1)).unwrap();
    let again = planned(&wanted(&[DAY]), &[receipt(list(DAY), ReceiptState::Complete, early)]);
    assert_eq!(ids(&again), ["zoom:meetings:2026-01-05"]);
    for state in [ReceiptState::Incomplete, ReceiptState::Failed] {
        assert_eq!(
            planned(&wanted(&[DAY]), &[receipt(list(DAY), state, settled())]).jobs.len(),
            1,
            "{state:?}"
        );
    }
}

#[test]
fn a_list_that_was_read_at_a_time_to_come_is_read_again() {
    let later = now().checked_add(SignedDuration::from_secs(1)).unwrap();
    for (read, jobs) in [(now(), 0), (later, 1)] {
        let plan = planned(&wanted(&[DAY]), &[receipt(list(DAY), ReceiptState::Complete, read)]);
        assert_eq!((plan.jobs.len(), plan.covered.is_empty()), (jobs, jobs == 1), "{read}");
    }
}

#[test]
fn what_is_under_way_is_left_alone_until_its_lease_is_over() {
    let fresh = receipt(list(DAY), ReceiptState::Planned, ago(LEASE - SignedDuration::from_secs(1)));
    let plan = planned(&wanted(&[DAY]), &[fresh]);
    assert_eq!((ids(&plan).len(), plan.in_flight), (0, vec![DAY]));
    let lost = receipt(list(DAY), ReceiptState::Planned, ago(LEASE));
    assert_eq!(ids(&planned(&wanted(&[DAY]), &[lost])), ["zoom:meetings:2026-01-05"]);
}

#[test]
fn while_jobs_wait_a_planned_one_is_never_lost() {
    let long_ago = ago(SignedDuration::from_hours(72));
    let detail = |number, state| receipt(detail_task(number, DAY, Event::Meeting), state, long_ago);
    let listed = [
        receipt(list(DAY), ReceiptState::Complete, settled()),
        detail(1, ReceiptState::Planned),
        receipt(list(date(2026, 1, 4)), ReceiptState::Planned, long_ago),
    ];
    let asked = Wanted { meeting_uuids: vec![uuid(1)], ..wanted(&[date(2026, 1, 4), DAY]) };
    let planned = |receipts: &[Receipt], waiting| {
        let coverage = receipts.iter().cloned().collect::<Coverage>().with_jobs_waiting(waiting);
        plan(now(), &asked, &coverage, &QUOTA)
    };
    assert_eq!(planned(&listed, false).jobs.len(), 2);
    let still = planned(&listed, true);
    assert!(still.jobs.is_empty(), "{:?}", ids(&still));
    assert_eq!((still.in_flight, still.held), (vec![date(2026, 1, 4), DAY], vec![uuid(1)]));
    let incomplete = [listed[0].clone(), detail(1, ReceiptState::Incomplete), listed[2].clone()];
    assert_eq!(planned(&incomplete, true).jobs.len(), 1, "what has ended is planned again");
}

#[test]
fn details_are_planned_again_only_where_their_list_will_not_do_it() {
    let detail = |number, state, at| receipt(detail_task(number, DAY, Event::Meeting), state, at);
    let details = [
        detail(1, ReceiptState::Complete, settled()),
        detail(2, ReceiptState::Incomplete, settled()),
        detail(3, ReceiptState::Failed, settled()),
        detail(4, ReceiptState::Planned, ago(SignedDuration::from_hours(1))),
        detail(5, ReceiptState::Planned, ago(SignedDuration::from_hours(7))),
        receipt(detail_task(6, DAY, Event::Webinar), ReceiptState::Incomplete, settled()),
    ];
    let with = |list: Receipt| [&details[..], &[list]].concat();
    let plan = planned(&wanted(&[DAY]), &with(receipt(list(DAY), ReceiptState::Complete, settled())));
    let mut expected = [2, 5].map(|number| format!("zoom:participants:{}", uuid(number)));
    expected.sort();
    let mut found = ids(&plan);
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!((plan.failed, plan.in_flight.len(), plan.covered.len()), (1, 0, 0));
    let job: messages::Job<Task> = messages::decode(&plan.jobs[0].body).unwrap();
    assert_eq!((job.run.as_str(), job.lane, job.planned_at), ("run", Lane::Daily, now()));
    assert!(
        matches!(job.task, Task::Participants { meeting, .. } if meeting.topic.is_some()),
        "its own job is kept"
    );
    assert_eq!(plan.jobs[0].queue.as_str(), "ua.jobs.zoom.detail.daily");
    let listed_again =
        planned(&wanted(&[DAY]), &with(receipt(list(DAY), ReceiptState::Incomplete, settled())));
    assert_eq!(ids(&listed_again), ["zoom:meetings:2026-01-05"]);
    let under_way = planned(&wanted(&[DAY]), &with(receipt(list(DAY), ReceiptState::Planned, settled())));
    assert!(under_way.jobs.is_empty(), "{:?}", ids(&under_way));
}

#[test]
fn a_detail_whose_job_is_lost_has_its_date_listed_again() {
    let detail = Receipt {
        job: None,
        ..receipt(detail_task(1, DAY, Event::Meeting), ReceiptState::Incomplete, settled())
    };
    let plan = planned(&wanted(&[DAY]), &[receipt(list(DAY), ReceiptState::Complete, settled()), detail]);
    assert_eq!(ids(&plan), ["zoom:meetings:2026-01-05"]);
}

#[test]
fn single_meetings_are_planned_once_unless_they_are_held() {
    let states = [
        (5, ReceiptState::Cancelled, 1),
        (1, ReceiptState::Complete, 0),
        (2, ReceiptState::Incomplete, 1),
        (3, ReceiptState::Failed, 1),
        (4, ReceiptState::Planned, 0),
    ];
    for (number, state, jobs) in states {
        let wanted = Wanted { meeting_uuids: vec![uuid(number), uuid(number)], ..wanted(&[]) };
        let receipts = [receipt(detail_task(number, DAY, Event::Meeting), state, settled())];
        assert_eq!(wanted.picked_jobs()[0], receipts[0].job_id);
        assert_eq!(planned(&wanted, &receipts).jobs.len(), jobs, "{state:?}");
        assert_eq!(planned(&Wanted { force: true, ..wanted }, &receipts).jobs.len(), 1, "{state:?} by force");
    }
    let unknown = planned(&Wanted { meeting_uuids: vec![uuid(9)], ..wanted(&[]) }, &[]);
    let job: messages::Job<Task> = messages::decode(&unknown.jobs[0].body).unwrap();
    assert!(matches!(job.task, Task::Participants { header: true, date: None, .. }), "{job:?}");
    assert_eq!((unknown.price.heavy, unknown.price.resource_intensive), (2, 0));
}

#[test]
fn the_two_days_before_yesterday_are_looked_at_while_something_is_missing() {
    let back = |receipts: &[Receipt]| look_back(now(), &receipts.iter().cloned().collect());
    let (third, fourth) = (date(2026, 1, 3), date(2026, 1, 4));
    assert!(back(&[]).is_empty(), "a new installation");
    let whole = |date: Date| receipt(list(date), ReceiptState::Complete, settled());
    assert!(back(&[whole(third), whole(fourth)]).is_empty());
    assert_eq!(back(&[whole(third)]), [fourth], "missed while nothing ran");
    assert_eq!(back(&[whole(fourth), receipt(list(third), ReceiptState::Failed, settled())]), [third]);
    let detail = receipt(detail_task(1, fourth, Event::Meeting), ReceiptState::Incomplete, settled());
    assert_eq!(back(&[whole(third), whole(fourth), detail.clone()]), [fourth]);
    let coverage: Coverage = [whole(third), whole(fourth), detail].into_iter().collect();
    assert_eq!(standard(now(), &coverage), [fourth, DAY]);
}

fn after(before: &[Receipt], plan: &Plan) -> Vec<Receipt> {
    let all = before.iter().cloned().chain(plan.jobs.iter().map(|job| job.receipt.clone()));
    let mut rows: BTreeMap<JobId, Receipt> = BTreeMap::new();
    for receipt in all {
        match rows.get(&receipt.job_id) {
            Some(held) if held.version() > receipt.version() => {}
            _ => drop(rows.insert(receipt.job_id.clone(), receipt)),
        }
    }
    rows.into_values().collect()
}

fn state() -> impl Strategy<Value = ReceiptState> {
    prop::sample::select(vec![
        ReceiptState::Planned,
        ReceiptState::Complete,
        ReceiptState::Incomplete,
        ReceiptState::Failed,
        ReceiptState::Cancelled,
    ])
}

fn receipts() -> impl Strategy<Value = Vec<Receipt>> {
    let one = (0..6_i64, 0..12_u8, state(), 0..40_i64, any::<bool>(), any::<bool>());
    proptest::collection::vec(one, 0..25).prop_map(|rows| {
        let rows = rows.into_iter().map(|(back, number, state, hours, webinar, keeps_job)| {
            let date = DAY.checked_sub(back.days()).unwrap();
            let event = if webinar { Event::Webinar } else { Event::Meeting };
            let task = match (number, webinar) {
                (0..3, false) => list(date),
                (0..3, true) => Task::Webinars { date },
                _ => detail_task(number, date, event),
            };
            let receipt = receipt(task, state, ago(SignedDuration::from_hours(hours)));
            Receipt { job: receipt.job.clone().filter(|_| keeps_job), ..receipt }
        });
        rows.collect()
    })
}

fn wishes() -> impl Strategy<Value = Wanted> {
    let dates = proptest::collection::vec(0..6_i64, 0..6);
    let uuids = proptest::collection::vec(0..12_u8, 0..4);
    (dates, uuids, any::<bool>()).prop_map(|(dates, uuids, webinars)| Wanted {
        meeting_uuids: uuids.into_iter().map(uuid).collect(),
        webinars,
        ..wanted(&dates.into_iter().map(|back| DAY.checked_sub(back.days()).unwrap()).collect::<Vec<_>>())
    })
}

proptest! {
    #[test]
    fn planning_twice_publishes_nothing(before in receipts(), wanted in wishes()) {
        let rows = after(&before, &planned(&wanted, &[]));
        let rows = after(&rows, &planned(&wanted, &before));
        let second = planned(&wanted, &rows);
        prop_assert!(second.jobs.is_empty(), "{:?}", ids(&second));
        prop_assert_eq!(second.covered.len() + second.in_flight.len(), {
            let mut dates = wanted.dates.clone();
            dates.sort_unstable();
            dates.dedup();
            dates.len()
        });
    }

    #[test]
    fn force_publishes_every_list_and_every_meeting(before in receipts(), wanted in wishes()) {
        let plan = planned(&Wanted { force: true, ..wanted.clone() }, &before);
        let ids = ids(&plan);
        for date in &wanted.dates {
            prop_assert!(ids.contains(&list(*date).job_id().as_str()));
            let webinars = Task::Webinars { date: *date }.job_id();
            prop_assert!(!wanted.webinars || ids.contains(&webinars.as_str()));
        }
        for job in wanted.picked_jobs() {
            prop_assert!(ids.contains(&job.as_str()));
        }
    }

    #[test]
    fn a_covered_date_publishes_nothing_and_no_job_is_planned_twice(before in receipts(), wanted in wishes()) {
        let plan = planned(&wanted, &before);
        let dates: Vec<_> = plan.jobs.iter().filter_map(|job| job.receipt.date).collect();
        let still = plan.covered.iter().chain(&plan.in_flight).filter(|date| dates.contains(date));
        // Only a meeting that was requested by uuid may belong to a date that needs nothing.
        prop_assert!(still.count() == 0 || !wanted.meeting_uuids.is_empty());
        let mut ids = ids(&plan);
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), all);
    }

    #[test]
    fn the_order_of_receipts_does_not_matter(before in receipts(), wanted in wishes()) {
        let mut rows = after(&before, &planned(&wanted, &[]));
        let forth: Vec<String> = ids(&planned(&wanted, &rows)).into_iter().map(str::to_owned).collect();
        rows.reverse();
        let plan = planned(&wanted, &rows);
        let (mut back, mut forth) = (ids(&plan), forth);
        back.sort_unstable();
        forth.sort_unstable();
        prop_assert_eq!(back, forth);
    }
}
