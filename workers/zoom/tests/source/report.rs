//! Harvests from the Reports, by choice and by the fallback of `auto`, compared with the simulator's data.

use std::collections::BTreeSet;

use messages::zoom::{Api, Event, Listing, MeetingContext, Task};
use messages::{CauseClass, RawKind, ReceiptState};
use runtime::Failure;
use simulator::{Simulator, Source, ZoomSettings};
use zoom::{Choice, Config};

use crate::support;
use crate::support::{Bench, Harvest, bench, closed_date, config, first_attempt, job, meetings, settings};

fn assert_is_the_truth(harvest: &Harvest, simulator: &Simulator) {
    let date = closed_date();
    let ids = simulator.truth(date, Source::Report).ids.unwrap();
    assert!(harvest.failed.is_empty() && harvest.dead.is_empty(), "{:?}", harvest.failed);
    let uuids = harvest.uuids(RawKind::ZoomReportMeetings, "meetings");
    assert_eq!(uuids, ids.meeting_uuids.into_iter().chain(ids.webinar_uuids).collect::<BTreeSet<_>>());
    let sessions = harvest.sessions(RawKind::ZoomReportParticipants);
    assert_eq!(sessions, ids.session_ids.into_iter().collect::<BTreeSet<_>>());
    let sessions = harvest.sessions(RawKind::ZoomReportWebinarParticipants);
    assert_eq!(sessions, ids.webinar_session_ids.into_iter().collect::<BTreeSet<_>>());
    assert!(harvest.receipts.values().all(|receipt| receipt.state == ReceiptState::Complete));
}

#[tokio::test]
async fn a_date_is_harvested_as_the_reports_know_it() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let harvest = bench(&simulator, Choice::Report).harvest(vec![meetings(closed_date())]).await;
    assert_is_the_truth(&harvest, &simulator);
    let hosts = harvest.receipts.values().filter(|receipt| receipt.kind == "host_meetings").count() as u64;
    let list = harvest.receipt(&format!("zoom:meetings:{}", closed_date()));
    assert_eq!((list.expected, list.got, list.jobs), (Some(hosts), Some(hosts), Some(hosts)));
    let ledger = simulator.ledger_summary();
    assert_eq!(
        (ledger.calls.resource_intensive, ledger.calls.medium),
        (0, 0),
        "the Reports need no dear calls"
    );
    for page in harvest.of_kind(RawKind::ZoomReportParticipants) {
        assert!(page.context["host_id"].is_string() && page.context["topic"].is_string(), "{}", page.id);
    }
    for page in harvest.of_kind(RawKind::ZoomReportMeetings) {
        assert!(page.id.contains(page.context["host_id"].as_str().unwrap()), "{}", page.id);
    }
}

#[tokio::test]
async fn webinars_come_with_the_meetings_of_their_hosts() {
    let settings = ZoomSettings { webinars: true, meetings_per_day: 80, ..settings() };
    let simulator = Simulator::start(settings).await.unwrap();
    let date = closed_date();
    let bench = Bench::new(Config { webinars: true, source: Choice::Report, ..config(&simulator) });
    let harvest = bench.harvest(vec![meetings(date), Task::Webinars { date }]).await;
    assert!(harvest.of_kind(RawKind::ZoomReportWebinarParticipants).count() > 0);
    assert_is_the_truth(&harvest, &simulator);
    assert_eq!(harvest.receipt(&format!("zoom:webinars:{date}")).expected, Some(0));

    let without = support::bench(&simulator, Choice::Report).harvest(vec![meetings(date)]).await;
    assert_eq!(without.of_kind(RawKind::ZoomReportWebinarParticipants).count(), 0);
    assert!(without.failed.is_empty());
}

#[tokio::test]
async fn auto_confirms_the_wall_and_harvests_by_the_reports() {
    let simulator = Simulator::start(ZoomSettings { dashboard: false, ..settings() }).await.unwrap();
    let bench = bench(&simulator, Choice::Auto);
    let harvest = bench.harvest(vec![meetings(closed_date())]).await;
    assert_is_the_truth(&harvest, &simulator);
    let by_status = simulator.ledger_summary().by_status;
    assert_eq!(by_status.get(&400), Some(&4), "asked again before it is believed: {by_status:?}");
    let list = harvest.receipt(&format!("zoom:meetings:{}", closed_date()));
    assert_eq!(list.api, Some(Api::Report));
    // The next date does not call the Dashboard again.
    let before = closed_date().yesterday().unwrap();
    let next = bench.harvest(vec![meetings(before)]).await;
    assert!(next.failed.is_empty());
    assert_eq!(simulator.ledger_summary().by_status.get(&400), Some(&4));
}

#[tokio::test]
async fn auto_takes_missing_dashboard_scopes_for_the_wall() {
    let scopes = Some(vec!["report:read:admin".to_owned(), "user:read:admin".to_owned()]);
    let simulator = Simulator::start(ZoomSettings { scopes, ..settings() }).await.unwrap();
    let bench = bench(&simulator, Choice::Auto);
    let harvest = bench.harvest(vec![meetings(closed_date())]).await;
    assert_is_the_truth(&harvest, &simulator);
    let granted = bench.zoom.check().await.unwrap();
    assert!(granted.missing.is_empty() && !granted.without_host_ids, "{granted:?}");
}

#[tokio::test]
async fn without_auto_the_wall_stops_the_worker() {
    let simulator = Simulator::start(ZoomSettings { dashboard: false, ..settings() }).await.unwrap();
    let failure =
        bench(&simulator, Choice::Dashboard).perform(job(meetings(closed_date())), first_attempt()).await;
    let Err(Failure::Refused { cause }) = failure else { panic!("{failure:?}") };
    assert!(cause.contains("Dashboard") && cause.contains("ZOOM_SOURCE"), "{cause}");
}

#[tokio::test]
async fn a_webinar_add_on_that_is_missing_is_a_dead_letter_that_says_so() {
    let simulator = Simulator::start(ZoomSettings { webinar_addon: false, ..settings() }).await.unwrap();
    let bench = Bench::new(Config { webinars: true, source: Choice::Dashboard, ..config(&simulator) });
    let harvest = bench.harvest(vec![Task::Webinars { date: closed_date() }]).await;
    let [(_, Failure::Reject { cause })] = harvest.failed.as_slice() else { panic!("{:?}", harvest.failed) };
    assert_eq!(cause.class, CauseClass::PlanMissing);
    let receipt = harvest.receipt(&format!("zoom:webinars:{}", closed_date()));
    assert_eq!((receipt.state, receipt.cause.as_ref()), (ReceiptState::Failed, Some(cause)));
}

#[tokio::test]
async fn a_host_that_is_gone_has_no_meetings() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let date = closed_date();
    let task = Task::HostMeetings { date, host_id: "nobody".to_owned() };
    let harvest = bench(&simulator, Choice::Report).harvest(vec![task]).await;
    assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
    let receipt = harvest.receipt(&format!("zoom:host_meetings:{date}:nobody"));
    assert_eq!((receipt.state, receipt.expected, receipt.got), (ReceiptState::Complete, Some(0), Some(0)));
}

#[tokio::test]
async fn a_meeting_is_harvested_by_its_uuid_alone() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let bench = bench(&simulator, Choice::Report);
    let listed = bench.harvest(vec![meetings(closed_date())]).await;
    let uuid =
        listed.of_kind(RawKind::ZoomReportParticipants).next().unwrap().context["meeting_uuid"].clone();
    let uuid = uuid.as_str().unwrap();
    let meeting = MeetingContext {
        meeting_uuid: uuid.parse().unwrap(),
        series_id: None,
        topic: None,
        start_time: None,
        end_time: None,
        host_id: None,
    };
    let (event, listing) = (Event::Meeting, None::<Listing>);
    let task =
        Task::Participants { meeting, event, listing, api: Some(Api::Report), date: None, header: true };
    let harvest = bench.harvest(vec![task]).await;
    assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
    let header = harvest.of_kind(RawKind::ZoomReportMeeting).next().unwrap();
    assert_eq!(header.context["host_id"], header.body["host_id"]);
    let page = harvest.of_kind(RawKind::ZoomReportParticipants).next().unwrap();
    assert_eq!(page.context["host_id"], header.body["host_id"]);
    assert!(!harvest.sessions(RawKind::ZoomReportParticipants).is_empty());
}
