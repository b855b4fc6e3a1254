//! Optional calls never stop a harvest; hostile answers affect only themselves.

use messages::zoom::{Api, Event, Listing, MeetingContext, Task};
use messages::{CauseClass, RawKind, ReceiptState};
use runtime::Failure;
use simulator::{Simulator, ZoomSettings};
use zoom::{Choice, Config};

use crate::support::server::{Server, json, with};
use crate::support::{Bench, Harvest, bench, closed_date, first_attempt, job, meetings, settings};

const UUID: &str = "4444AAAiAAAAAiAiAiiAiA==";

fn list_id() -> String {
    format!("zoom:meetings:{}", closed_date())
}

async fn harvest(server: &Server) -> Harvest {
    Bench::new(server.config()).harvest(vec![meetings(closed_date())]).await
}

fn participants(api: Option<Api>, header: bool) -> Task {
    let meeting = MeetingContext {
        meeting_uuid: UUID.parse().unwrap(),
        series_id: None,
        topic: None,
        start_time: None,
        end_time: None,
        host_id: None,
    };
    let listing = Some(Listing::Past);
    Task::Participants { meeting, event: Event::Meeting, listing, api, date: None, header }
}

/// Answers with a list of one meeting with one participant.
fn one(path: &str) -> Option<axum::response::Response> {
    if path.contains("/participants") {
        return Some(json(200, r#"{"total_records":1,"participants":[{"user_id":"1"}]}"#));
    }
    path.contains("type=past&").then(|| {
        let row = format!(r#"{{"uuid":"{UUID}","email":"host@example.edu"}}"#);
        json(200, &format!(r#"{{"total_records":1,"meetings":[{row}]}}"#))
    })
}

#[tokio::test]
async fn users_that_cannot_be_listed_cost_host_ids_alone() {
    type Script = fn(&str, usize) -> Option<axum::response::Response>;
    let blocked: Script = |path, _| match path.contains("/v2/users") {
        true => Some(with(403, ("content-type", "text/html"), "<!DOCTYPE html><html>blocked</html>")),
        false => one(path),
    };
    let gone: Script = |path, _| match path.contains("/v2/users") {
        true => Some(json(404, r#"{"code":1001,"message":"User does not exist."}"#)),
        false => one(path),
    };
    let broken: Script = |path, _| match path.contains("/v2/users") {
        true => Some(json(200, "{\"users\":[")),
        false => one(path),
    };
    let redirected: Script = |path, _| match path.contains("/v2/users") {
        true => Some(with(302, ("location", "https://login.example.org/?canary"), "")),
        false => one(path),
    };
    for (script, said) in [
        (blocked, "answered 403 with a page for people"),
        (gone, "answered 404, code 1001"),
        (broken, "cut off or broken"),
        (redirected, "a redirect to https://login.example.org: check ZOOM_API_URL"),
    ] {
        let server = Server::start(script).await;
        let harvest = harvest(&server).await;
        assert!(harvest.failed.is_empty() && harvest.dead.is_empty(), "{said}: {:?}", harvest.failed);
        let receipt = harvest.receipt(&list_id());
        assert_eq!((receipt.state, receipt.api), (ReceiptState::Complete, Some(Api::Dashboard)), "{said}");
        let [finding] = receipt.findings.as_slice() else { panic!("{:?}", receipt.findings) };
        assert_eq!(finding.code, "host-ids");
        assert!(finding.text.contains(said) && !finding.text.contains("canary"), "{said}: {}", finding.text);
        assert_eq!(harvest.of_kind(RawKind::ZoomMetricsParticipants).count(), 1, "{said}");
    }
}

#[tokio::test]
async fn trouble_with_users_is_no_outage_and_is_not_met_by_every_list() {
    let server = Server::start(|path, _| match path.contains("/v2/users") {
        true => Some(json(503, "")),
        false => one(path),
    })
    .await;
    let bench = Bench::new(server.config());
    for days in 0..20 {
        let date = closed_date().checked_sub(jiff::Span::new().days(days)).unwrap();
        bench.perform(job(meetings(date)), first_attempt()).await.unwrap();
    }
    assert_eq!(server.asked("/v2/users"), 1, "it is asked again after some minutes");
}

#[tokio::test]
async fn a_header_that_is_refused_costs_no_session() {
    let server = Server::start(|path, _| match path.contains("/participants") {
        true => one(path),
        false if path.contains("/metrics/meetings/") => Some(json(403, r#"{"code":403,"message":"no"}"#)),
        false => None,
    })
    .await;
    let harvest = Bench::new(server.config()).harvest(vec![participants(None, true)]).await;
    assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
    let receipt = harvest.receipt(&format!("zoom:participants:{UUID}"));
    assert_eq!((receipt.state, receipt.got), (ReceiptState::Complete, Some(1)));
    assert_eq!(receipt.findings[0].code, "header", "{:?}", receipt.findings);
}

#[tokio::test]
async fn fields_that_the_api_refuses_to_add_are_gone_without() {
    let server = Server::start(|path, _| match path.contains("include_fields") {
        true => Some(json(400, r#"{"code":300,"message":"Validation Failed."}"#)),
        false => one(path),
    })
    .await;
    let harvest = harvest(&server).await;
    assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
    for id in [list_id(), format!("zoom:participants:{UUID}")] {
        let receipt = harvest.receipt(&id);
        assert_eq!(receipt.state, ReceiptState::Complete, "{id}");
        assert_eq!(receipt.findings.last().unwrap().code, "include-fields", "{id}: {:?}", receipt.findings);
    }
}

#[tokio::test]
async fn fields_that_come_only_when_asked_for_are_asked_for() {
    let simulator = Simulator::start(ZoomSettings { webinars: true, ..settings() }).await.unwrap();
    for choice in [Choice::Dashboard, Choice::Report] {
        let bench =
            Bench::new(Config { webinars: true, source: choice, ..crate::support::config(&simulator) });
        let date = closed_date();
        let harvest = bench.harvest(vec![meetings(date), Task::Webinars { date }]).await;
        assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
        for page in harvest.of_kind(RawKind::ZoomMetricsMeetings) {
            let rows = page.body["meetings"].as_array().unwrap();
            assert!(rows.iter().all(|row| row["tracking_fields"][0]["field"] == "Department"));
        }
        let kinds = match choice {
            Choice::Report => [RawKind::ZoomReportParticipants, RawKind::ZoomReportWebinarParticipants],
            _ => [RawKind::ZoomMetricsParticipants, RawKind::ZoomMetricsWebinarParticipants],
        };
        for kind in kinds {
            let pages: Vec<_> = harvest.of_kind(kind).collect();
            assert!(!pages.is_empty(), "{kind:?}");
            let mut rows = pages.iter().flat_map(|page| page.body["participants"].as_array().unwrap());
            assert!(rows.all(|row| row["registrant_id"].is_string()), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn one_refusal_of_the_dashboard_changes_no_source() {
    let server = Server::start(|path, before| {
        let wall =
            r#"{"code":200,"message":"Only available for Business or higher with the Dashboard feature."}"#;
        match path.contains("type=past&") && !path.contains("/participants") && before == 0 {
            true => Some(json(400, wall)),
            false => one(path),
        }
    })
    .await;
    let config = Config { source: Choice::Auto, ..server.config() };
    let harvest = Bench::new(config).harvest(vec![meetings(closed_date())]).await;
    assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
    assert_eq!(server.asked("/v2/report/"), 0);
    for receipt in harvest.receipts.values() {
        assert_eq!((receipt.state, receipt.api), (ReceiptState::Complete, Some(Api::Dashboard)));
    }
}

#[tokio::test]
async fn a_meeting_that_the_dashboard_listed_is_never_asked_of_the_reports() {
    let simulator = Simulator::start(ZoomSettings { dashboard: false, ..settings() }).await.unwrap();
    let bench = bench(&simulator, Choice::Auto);
    let outcome = bench.perform(job(participants(Some(Api::Dashboard), false)), first_attempt()).await;
    let Err(Failure::Retry { after: Some(_), cause }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(cause.class, CauseClass::PlanMissing);
    assert!(cause.text.contains("the Dashboard listed this meeting"), "{cause}");
}

#[tokio::test]
async fn a_list_that_goes_on_far_beyond_its_promise_is_given_up() {
    let server = Server::start(|path, _| {
        let page = path.split("next_page_token=p").nth(1).and_then(|number| number.parse::<u64>().ok());
        let next = page.unwrap_or(0) + 1;
        let rows = r#"{"user_id":"1"}"#;
        path.contains("/participants").then(|| {
            let body =
                format!(r#"{{"total_records":1,"next_page_token":"p{next}","participants":[{rows}]}}"#);
            json(200, &body)
        })
    })
    .await;
    let bench = Bench::new(server.config());
    let outcome = bench.perform(job(participants(None, false)), first_attempt()).await;
    let Err(Failure::Reject { cause }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(cause.class, CauseClass::BadShape);
    assert!(cause.text.contains("where it promised 1"), "{cause}");
    assert_eq!(server.asked("/participants"), 5);
}

#[tokio::test]
async fn broken_characters_cost_no_page() {
    let server = Server::start(|path, _| {
        path.contains("type=past&").then(|| {
            let mut body = format!(
                r#"{{"total_records":2,"\udc00":1,"meetings":[{{"uuid":"{UUID}","topic":"half \ud83d"}},"#
            );
            body.push_str(
                r#"{"uuid":"a+bcAAAiAAAAAiAiAiiAiA==","uuid":"a+bcAAAiAAAAAiAiAiiAiA==","topic":"tab"#,
            );
            let mut body = body.into_bytes();
            body.extend_from_slice(b"\t and \xfc\",\"id\":1e999}]}");
            axum::response::IntoResponse::into_response(body)
        })
    })
    .await;
    let bench = Bench::new(server.config());
    bench.perform(job(meetings(closed_date())), first_attempt()).await.unwrap();
    assert!(bench.drain(messages::Queue::dead()).await.is_empty());
    let queue = messages::Queue::jobs(messages::Family::ZOOM_DETAIL, messages::Lane::Backfill);
    let mut topics = Vec::new();
    for message in bench.drain(queue).await {
        let job: messages::Job<Task> = messages::decode(&message.body).unwrap();
        let Task::Participants { meeting, .. } = job.task else { panic!("a detail job") };
        topics.push(meeting.topic.unwrap());
    }
    assert_eq!(topics, ["half \u{fffd}", "tab\t and \u{fffd}"]);
}

#[tokio::test]
async fn a_token_endpoint_that_is_no_such_is_named_and_never_followed() {
    let redirect = Server::start(|path, _| {
        (path == "/oauth/token").then(|| with(307, ("location", "https://login.example.org/x?canary"), ""))
    })
    .await;
    let huge =
        Server::start(|path, _| (path == "/oauth/token").then(|| json(200, &" ".repeat(1 << 20)))).await;
    for (server, said) in [
        (redirect, "a redirect to https://login.example.org: check ZOOM_OAUTH_URL"),
        (huge, "larger than 256 KiB"),
    ] {
        let outcome =
            Bench::new(server.config()).perform(job(meetings(closed_date())), first_attempt()).await;
        let Err(Failure::Hold { until: Some(_), why, .. }) = outcome else { panic!("{outcome:?}") };
        assert!(why.contains(said) && !why.contains("canary"), "{why}");
        assert_eq!(server.asked("/v2"), 0);
    }
}
