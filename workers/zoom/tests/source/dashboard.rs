//! Harvests from the Dashboard, compared with the simulator's data.

use std::collections::BTreeSet;

use messages::zoom::{Api, Event, MeetingContext, Task};
use messages::{Lane, RawKind, ReceiptState};
use simulator::{Simulator, Source, ZoomSettings};
use zoom::{Choice, Config};

use crate::support;
use crate::support::{bench, closed_date, meetings, settings};

#[tokio::test]
async fn a_date_is_harvested_as_it_is() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let bench = bench(&simulator, Choice::Dashboard);
    let date = closed_date();
    let harvest = bench.harvest(vec![meetings(date)]).await;
    let truth = simulator.truth(date, Source::Dashboard);
    let ids = truth.ids.clone().unwrap();

    assert!(harvest.failed.is_empty() && harvest.dead.is_empty(), "{:?}", harvest.failed);
    let uuids = harvest.uuids(RawKind::ZoomMetricsMeetings, "meetings");
    assert_eq!(uuids, ids.meeting_uuids.into_iter().collect::<BTreeSet<_>>());
    assert!(
        uuids.iter().any(|uuid| uuid.starts_with('/') || uuid.contains("//")),
        "no uuid needs encoding twice"
    );
    let sessions = harvest.sessions(RawKind::ZoomMetricsParticipants);
    assert_eq!(sessions, ids.session_ids.into_iter().collect::<BTreeSet<_>>());

    let list = harvest.receipt(&format!("zoom:meetings:{date}"));
    assert_eq!(
        (list.state, list.expected, list.got),
        (ReceiptState::Complete, Some(truth.meetings), Some(truth.meetings))
    );
    assert_eq!((list.jobs, list.lane, list.attempts), (Some(truth.meetings), Lane::Backfill, 1));
    assert_eq!((list.calls.resource_intensive, list.calls.medium, list.calls.heavy), (2, 2, 0));
    let got: u64 =
        uuids.iter().map(|uuid| harvest.receipt(&format!("zoom:participants:{uuid}")).got.unwrap()).sum();
    assert_eq!(got, truth.sessions);
    assert!(harvest.receipts.values().all(|receipt| receipt.state == ReceiptState::Complete));
    let detail = &harvest.states[&format!("zoom:participants:{}", uuids.first().unwrap())];
    assert_eq!(detail, &[ReceiptState::Planned, ReceiptState::Complete]);
    let pages = harvest.of_kind(RawKind::ZoomMetricsParticipants).count() as u64;
    assert_eq!(bench.zoom.calls().heavy, pages);
    assert!(pages > truth.meetings, "no meeting of this world needs a second page");
    assert_eq!(simulator.ledger_summary().tokens, 1, "one token does for all");
}

#[tokio::test]
async fn pages_know_their_hosts_and_sessions_their_meeting() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let bench = bench(&simulator, Choice::Auto);
    let harvest = bench.harvest(vec![meetings(closed_date())]).await;
    for page in harvest.of_kind(RawKind::ZoomMetricsMeetings) {
        let hosts: BTreeSet<_> = page.context["host_ids"].as_object().unwrap().keys().cloned().collect();
        let rows = page.body["meetings"].as_array().unwrap();
        let emails: BTreeSet<_> =
            rows.iter().map(|row| row["email"].as_str().unwrap().to_lowercase()).collect();
        assert_eq!(hosts, emails, "hosts of the page, and no others");
        let listing = if page.id.ends_with("#past.1") { "past" } else { "pastOne" };
        assert_eq!(
            (page.context["listing"].as_str(), page.endpoint.as_str()),
            (Some(listing), "GET /metrics/meetings")
        );
    }
    for page in harvest.of_kind(RawKind::ZoomMetricsParticipants) {
        for field in ["series_id", "topic", "start_time", "end_time", "host_id"] {
            assert!(!page.context[field].is_null(), "{field} of {}", page.id);
        }
    }
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let settings = ZoomSettings { meetings_per_day: 700, participants: 1.5, ..settings() };
    let simulator = Simulator::start(settings).await.unwrap();
    let bench = bench(&simulator, Choice::Dashboard);
    let date = closed_date();
    bench.perform(support::job(meetings(date)), support::first_attempt()).await.unwrap();
    let queue = messages::Queue::jobs(messages::Family::ZOOM_DETAIL, Lane::Backfill);
    let jobs = bench.drain(queue).await;
    let distinct: BTreeSet<_> = jobs.iter().map(|message| message.headers.message_id.clone()).collect();
    assert_eq!((jobs.len(), distinct.len()), (700, 700));
    let harvest = bench.harvest(Vec::new()).await;
    let pages: Vec<_> = harvest.raw.keys().map(|id| id.rsplit_once('#').unwrap().1).collect();
    assert!(pages.contains(&"past.2") && pages.contains(&"pastOne.1"), "{pages:?}");
    let planned = harvest.receipts.values().filter(|receipt| receipt.state == ReceiptState::Planned);
    for receipt in planned.clone() {
        let job: messages::Job<Task> =
            messages::decode(receipt.job.as_ref().unwrap().get().as_bytes()).unwrap();
        assert_eq!((job.id, job.lane), (receipt.job_id.clone(), Lane::Backfill));
        assert_eq!(receipt.queue.as_ref().unwrap().as_str(), "ua.jobs.zoom.detail.backfill");
    }
    assert_eq!(planned.count(), 700);
}

#[tokio::test]
async fn a_meeting_is_harvested_by_its_uuid_alone() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let bench = bench(&simulator, Choice::Dashboard);
    let listed = bench.harvest(vec![meetings(closed_date())]).await;
    let listings = ["past", "pastOne"].map(|listing| {
        let suffix = format!("#{listing}.1");
        let page = listed.raw.values().find(|raw| raw.id.ends_with(&suffix)).unwrap();
        page.body["meetings"][0]["uuid"].as_str().unwrap().to_owned()
    });
    for uuid in listings {
        let meeting = MeetingContext {
            meeting_uuid: uuid.parse().unwrap(),
            series_id: None,
            topic: None,
            start_time: None,
            end_time: None,
            host_id: None,
        };
        let task = Task::Participants {
            meeting,
            event: Event::Meeting,
            listing: None,
            api: None,
            date: None,
            header: true,
        };
        let harvest = bench.harvest(vec![task]).await;
        assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
        let header = harvest.of_kind(RawKind::ZoomMetricsMeeting).next().unwrap();
        assert_eq!(
            (header.id.clone(), header.body["uuid"].as_str()),
            (format!("zoom:participants:{uuid}#header"), Some(&*uuid))
        );
        assert_eq!(header.context["host_ids"].as_object().unwrap().len(), 1);
        let page = harvest.of_kind(RawKind::ZoomMetricsParticipants).next().unwrap();
        assert_eq!(page.context["topic"], header.body["topic"]);
        assert!(page.context["host_id"].is_string() && page.context["start_time"].is_string());
        let before: BTreeSet<_> = listed
            .sessions(RawKind::ZoomMetricsParticipants)
            .into_iter()
            .filter(|id| id.starts_with(&uuid))
            .collect();
        assert_eq!(harvest.sessions(RawKind::ZoomMetricsParticipants), before);
    }
}

#[tokio::test]
async fn webinars_are_harvested_like_meetings() {
    let settings = ZoomSettings { webinars: true, meetings_per_day: 80, ..settings() };
    let simulator = Simulator::start(settings).await.unwrap();
    let config = Config { webinars: true, source: Choice::Dashboard, ..support::config(&simulator) };
    let bench = support::Bench::new(config);
    let date = closed_date();
    let harvest = bench.harvest(vec![Task::Webinars { date }]).await;
    let ids = simulator.truth(date, Source::Dashboard).ids.unwrap();
    assert!(!ids.webinar_uuids.is_empty(), "the world holds webinars");
    assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
    let uuids = harvest.uuids(RawKind::ZoomMetricsWebinars, "webinars");
    assert_eq!(uuids, ids.webinar_uuids.into_iter().collect::<BTreeSet<_>>());
    let sessions = harvest.sessions(RawKind::ZoomMetricsWebinarParticipants);
    assert_eq!(sessions, ids.webinar_session_ids.into_iter().collect::<BTreeSet<_>>());
    assert_eq!(harvest.receipt(&format!("zoom:webinars:{date}")).state, ReceiptState::Complete);
}

#[tokio::test]
async fn a_job_of_the_dashboard_says_so() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let bench = bench(&simulator, Choice::Auto);
    bench.perform(support::job(meetings(closed_date())), support::first_attempt()).await.unwrap();
    let queue = messages::Queue::jobs(messages::Family::ZOOM_DETAIL, Lane::Backfill);
    for message in bench.drain(queue).await {
        let job: messages::Job<Task> = messages::decode(&message.body).unwrap();
        let Task::Participants { api, date, header, listing, .. } = job.task else { panic!("a detail job") };
        assert_eq!((api, date, header), (Some(Api::Dashboard), Some(closed_date()), false));
        assert!(listing.is_some());
    }
}
