//! The truth equals what the endpoints serve over all pages, for both sources.

use std::collections::BTreeSet;

use serde_json::Value;
use simulator::{Source, TruthIds};

use crate::support::{Api, DAY, settings, text, twice};

type Ids = BTreeSet<String>;

#[tokio::test]
async fn a_harvest_through_the_dashboard_finds_the_truth() {
    let api = Api::start(settings()).await;
    let (mut meetings, mut sessions, mut one) = (Ids::new(), Ids::new(), 0);
    for kind in ["past", "pastOne"] {
        let list = format!("/metrics/meetings?from={DAY}&to={DAY}&type={kind}");
        for meeting in api.all(&list, "meetings").await {
            let uuid = text(&meeting["uuid"]);
            let path = format!("/metrics/meetings/{}/participants?type={kind}", twice(&uuid));
            let rows = api.all(&path, "participants").await;
            assert_eq!(meeting["participants"], rows.len(), "the list counts joins");
            assert!(
                sessions.len() + rows.len() == add(&mut sessions, &uuid, &rows),
                "user ids repeat in {uuid}"
            );
            meetings.insert(uuid);
            one += usize::from(kind == "pastOne");
        }
    }
    let truth = api.simulator.truth(DAY, Source::Dashboard);
    let ids = truth.ids.unwrap_or_default();
    assert_eq!(meetings, set(&ids.meeting_uuids));
    assert_eq!(sessions, set(&ids.session_ids));
    assert_eq!((truth.meetings, truth.sessions), (60, sessions.len() as u64));
    assert_eq!(truth.one_person, one as u64);
    assert!(one > 0, "a world without one-person meetings proves little");
}

#[tokio::test]
async fn a_harvest_of_webinars_finds_the_truth() {
    let api = Api::start(settings()).await;
    let (mut webinars, mut sessions) = (Ids::new(), Ids::new());
    for webinar in api.all(&format!("/metrics/webinars?from={DAY}&to={DAY}&type=past"), "webinars").await {
        let uuid = text(&webinar["uuid"]);
        let path = format!("/metrics/webinars/{}/participants?type=past", twice(&uuid));
        add(&mut sessions, &uuid, &api.all(&path, "participants").await);
        webinars.insert(uuid);
    }
    let truth = api.simulator.truth(DAY, Source::Dashboard);
    let ids = truth.ids.unwrap_or_default();
    assert!(!webinars.is_empty());
    assert_eq!((webinars, sessions), (set(&ids.webinar_uuids), set(&ids.webinar_session_ids)));
}

#[tokio::test]
async fn a_harvest_through_the_reports_finds_the_truth() {
    let api = Api::start(settings()).await;
    let mut found = TruthIds::default();
    let mut sessions = (Ids::new(), Ids::new());
    for host in api.all(&format!("/report/users?from={DAY}&to={DAY}&type=active"), "users").await {
        for kind in ["past", "pastOne"] {
            let list =
                format!("/report/users/{}/meetings?from={DAY}&to={DAY}&type={kind}", text(&host["id"]));
            for meeting in api.all(&list, "meetings").await {
                let uuid = text(&meeting["uuid"]);
                let webinar = meeting["type"] == 5 || meeting["type"] == 9;
                let (group, uuids, sessions) = match webinar {
                    true => ("webinars", &mut found.webinar_uuids, &mut sessions.1),
                    false => ("meetings", &mut found.meeting_uuids, &mut sessions.0),
                };
                let path = format!("/report/{group}/{}/participants", twice(&uuid));
                add(sessions, &uuid, &api.all(&path, "participants").await);
                uuids.push(uuid);
            }
        }
    }
    let truth = api.simulator.truth(DAY, Source::Report);
    let ids = truth.ids.unwrap_or_default();
    assert_eq!(set(&found.meeting_uuids), set(&ids.meeting_uuids));
    assert_eq!(set(&found.webinar_uuids), set(&ids.webinar_uuids));
    assert_eq!(sessions, (set(&ids.session_ids), set(&ids.webinar_session_ids)));
    let dashboard = api.simulator.truth(DAY, Source::Dashboard);
    assert!(truth.sessions < dashboard.sessions, "the reports know no participants of one-person meetings");
}

#[tokio::test]
async fn the_truth_over_http_is_the_truth_of_the_library() {
    let api = Api::start(settings()).await;
    let truth = api.simulator.truth(DAY, Source::Dashboard);
    let told = api.own(&format!("/_truth?date={DAY}")).await;
    assert_eq!(told, serde_json::to_value(&truth).unwrap());
    let figures = api.own(&format!("/_truth?date={DAY}&ids=false&source=report")).await;
    assert_eq!(figures["meetings"], truth.meetings);
    assert_eq!(figures.get("session_ids"), None);
}

fn add(sessions: &mut Ids, uuid: &str, rows: &[Value]) -> usize {
    sessions.extend(rows.iter().map(|row| format!("{uuid}/{}", text(&row["user_id"]))));
    sessions.len()
}

fn set(ids: &[String]) -> Ids {
    ids.iter().cloned().collect()
}
