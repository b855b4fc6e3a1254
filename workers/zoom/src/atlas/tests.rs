//! One test per row of the atlas, each against a recorded or documented answer.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use messages::CauseClass;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use runtime::Failure;
use serde::Deserialize;

use super::*;

const LIST: Endpoint = Endpoint::MetricsMeetings;
const DETAIL: Endpoint = Endpoint::MetricsMeetingParticipants;

#[derive(Deserialize)]
struct Fixture {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

/// Classifies the named fixture for a call.
macro_rules! judge {
    ($name:literal, $call:expr) => {
        judge_fixture(include_str!(concat!("../fixtures/", $name, ".json")), $call)
    };
}

fn judge_fixture(text: &str, call: Call) -> Verdict {
    let fixture: Fixture = serde_json::from_str(text).unwrap();
    let headers = fixture.headers.iter();
    let headers: HeaderMap = headers
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect();
    let verdict = classify(fixture.status, &headers, &fixture.body, &call, now());
    if let Verdict::Refused(error) = &verdict {
        let text = error.failure.to_string();
        assert!(text.contains(call.endpoint.name()), "the cause does not say where: {text}");
        assert!(!text.to_lowercase().contains("canary"), "the cause repeats what was answered: {text}");
    }
    verdict
}

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn to(endpoint: Endpoint) -> Call {
    Call { endpoint, meeting_end: None, paging: false }
}

fn ended(minutes_ago: i64) -> Call {
    Call { meeting_end: Some(now() - SignedDuration::from_mins(minutes_ago)), ..to(DETAIL) }
}

fn refused(verdict: Verdict) -> ZoomError {
    match verdict {
        Verdict::Refused(error) => error,
        other => panic!("not refused: {other:?}"),
    }
}

/// Returns the reason and the cause of a rejection.
fn rejected(verdict: Verdict) -> (Reason, CauseClass, String) {
    let ZoomError { reason, failure } = refused(verdict);
    match failure {
        Failure::Reject { cause } => (reason, cause.class, cause.text),
        other => panic!("not rejected: {other}"),
    }
}

/// Returns the reason, the delay and the cause's class of a retry.
fn retried(verdict: Verdict) -> (Reason, Option<Duration>, CauseClass) {
    let ZoomError { reason, failure } = refused(verdict);
    match failure {
        Failure::Retry { after, cause } => (reason, after, cause.class),
        other => panic!("not retried: {other}"),
    }
}

fn halted(verdict: Verdict) -> (Reason, String) {
    let ZoomError { reason, failure } = refused(verdict);
    match failure {
        Failure::Refused { cause } => (reason, cause),
        other => panic!("not halted: {other}"),
    }
}

fn after(seconds: i64) -> Option<Timestamp> {
    Some(now() + SignedDuration::from_secs(seconds))
}

#[test]
fn a_page_is_fine() {
    let Verdict::Fine(head) = judge!("200-page", to(DETAIL)) else { panic!("a page") };
    assert_eq!(
        (head.total_records, head.rows, head.next_page_token.as_deref()),
        (Some(301), Some(2), Some("abc"))
    );
}

#[test]
fn the_answer_about_one_meeting_is_fine() {
    assert!(matches!(judge!("200-meeting", to(Endpoint::MetricsMeeting)), Verdict::Fine(_)));
}

#[test]
fn r401_124_wants_a_new_token() {
    assert_eq!(judge!("401-124-expired", to(LIST)), Verdict::NewToken);
    assert_eq!(judge!("401-no-body", to(LIST)), Verdict::NewToken);
    assert_eq!(judge!("401-empty", to(LIST)), Verdict::NewToken);
    assert_eq!(judge!("401-html", to(DETAIL)), Verdict::NewToken);
}

#[test]
fn r400_124_wants_a_new_token() {
    assert_eq!(judge!("400-124-invalid", to(Endpoint::Users)), Verdict::NewToken);
}

#[test]
fn r400_4711_names_the_scopes() {
    let (reason, cause) = halted(judge!("400-4711-scopes", to(LIST)));
    assert_eq!(reason, Reason::Scopes);
    assert!(
        cause.contains("dashboard:read:list_meetings:admin, dashboard:read:list_meetings:master"),
        "{cause}"
    );
    let (_, cause) = halted(judge!("400-4711-no-list", to(DETAIL)));
    assert!(
        cause.contains("dashboard:read:list_meeting_participants:admin or dashboard_meetings:read:admin"),
        "{cause}"
    );
}

#[test]
fn r401_4700_is_a_matter_of_scopes() {
    let (reason, cause) = halted(judge!("401-4700-scopes", to(Endpoint::ReportUsers)));
    assert_eq!(reason, Reason::Scopes);
    assert!(cause.contains("report:read:list_users:admin"), "{cause}");
}

#[test]
fn r400_200_is_the_wall_on_the_dashboard() {
    for call in [to(LIST), to(DETAIL)] {
        let (reason, cause) = halted(judge!("400-200-dashboard", call));
        assert_eq!(reason, Reason::Wall);
        assert!(cause.contains("ZOOM_SOURCE"), "{cause}");
    }
    assert_eq!(halted(judge!("400-200-permission", to(LIST))).0, Reason::Wall);
}

#[test]
fn r400_200_elsewhere_is_a_matter_of_permission() {
    assert_eq!(halted(judge!("400-200-paid", to(Endpoint::ReportUsers))).0, Reason::Other);
    let (reason, class, _) = rejected(judge!("400-200-permission", to(DETAIL)));
    assert_eq!((reason, class), (Reason::Other, CauseClass::Forbidden), "one meeting stops no other");
}

#[test]
fn r400_400_is_the_wall() {
    assert_eq!(halted(judge!("400-400-plan", to(LIST))).0, Reason::Wall);
}

#[test]
fn r400_300_while_paging_restarts_the_list() {
    let (reason, after, _) = retried(judge!("400-300-page-token", Call { paging: true, ..to(LIST) }));
    assert_eq!((reason, after), (Reason::RestartListing, None));
}

#[test]
fn r400_300_otherwise_is_permanent() {
    let (reason, class, _) = rejected(judge!("400-300-parameter", to(LIST)));
    assert_eq!((reason, class), (Reason::Parameter, CauseClass::BadShape));
}

#[test]
fn r400_1010_is_a_user_of_elsewhere() {
    let (reason, class, _) = rejected(judge!("400-1010-not-of-account", to(Endpoint::ReportUserMeetings)));
    assert_eq!((reason, class), (Reason::UserGone, CauseClass::Gone));
}

#[test]
fn r400_2300_stops_lists_and_not_meetings() {
    let (_, cause) = halted(judge!("400-2300-not-recognised", to(LIST)));
    assert!(cause.contains("ZOOM_API_URL"), "{cause}");
    assert_eq!(rejected(judge!("400-2300-not-recognised", to(DETAIL))).1, CauseClass::BadShape);
}

#[test]
fn r400_3161_is_a_user_who_may_not_host() {
    let (reason, class, _) = rejected(judge!("400-3161-may-not-host", to(Endpoint::ReportUserMeetings)));
    assert_eq!((reason, class), (Reason::UserGone, CauseClass::Forbidden));
}

#[test]
fn r400_12700_is_a_parameter() {
    assert_eq!(rejected(judge!("400-12700-end-time", to(LIST))).0, Reason::Parameter);
}

#[test]
fn r400_12702_is_gone() {
    let (reason, class, text) = rejected(judge!("400-12702-a-year-ago", to(DETAIL)));
    assert_eq!((reason, class), (Reason::Missing, CauseClass::Gone));
    assert!(text.contains("more than a year ago"), "{text}");
}

#[test]
fn r403_stops_lists_and_not_meetings() {
    for verdict in [judge!("403-12703-group", to(LIST)), judge!("403-none", to(Endpoint::Users))] {
        assert_eq!(halted(verdict).0, Reason::Other);
    }
    assert_eq!(rejected(judge!("403-none", to(DETAIL))).1, CauseClass::Forbidden);
}

#[test]
fn r404_1001_is_a_user_gone() {
    let (reason, class, _) = rejected(judge!("404-1001-user", to(Endpoint::ReportUserMeetings)));
    assert_eq!((reason, class), (Reason::UserGone, CauseClass::Gone));
}

#[test]
fn r404_3001_young_waits_for_the_rest_of_the_hour() {
    let (reason, after, class) = retried(judge!("404-3001-meeting", ended(20)));
    assert_eq!((reason, after), (Reason::Missing, Some(Duration::from_secs(40 * 60))));
    assert_eq!(class, CauseClass::NotReadyExpired);
    let (_, after, _) = retried(judge!("404-3001-meeting", ended(-5)));
    assert_eq!(after, Some(Duration::from_secs(65 * 60)), "a meeting that goes on is waited for, too");
}

#[test]
fn r404_3001_old_is_gone() {
    for minutes in [60, 61, 60 * 24 * 90] {
        let (reason, class, text) = rejected(judge!("404-3001-meeting", ended(minutes)));
        assert_eq!((reason, class), (Reason::Missing, CauseClass::Gone), "{minutes}");
        assert!(text.contains("more than an hour ago"), "{text}");
    }
}

#[test]
fn r404_3001_of_unknown_end_climbs_the_ladder() {
    let (reason, after, class) = retried(judge!("404-3001-meeting", to(DETAIL)));
    assert_eq!((reason, after, class), (Reason::Missing, None, CauseClass::NotReadyExpired));
}

#[test]
fn r404_3301_is_gone() {
    assert_eq!(rejected(judge!("404-3301-recording", to(DETAIL))).1, CauseClass::Gone);
}

#[test]
fn r429_per_second_is_waited_for() {
    assert_eq!(judge!("429-per-second", to(DETAIL)), Verdict::Slow(Pause::Short(None)));
    assert_eq!(
        judge!("429-per-second", to(LIST)),
        Verdict::Slow(Pause::Short(None)),
        "the caller waits a minute"
    );
    assert_eq!(judge!("429-seconds", to(DETAIL)), Verdict::Slow(Pause::Short(after(7))));
    assert_eq!(judge!("429-http-date", to(DETAIL)), Verdict::Slow(Pause::Short(after(30))));
}

#[test]
fn r429_daily_is_told_by_header_or_text() {
    let reset = Some("2026-01-03T00:00:00Z".parse().unwrap());
    assert_eq!(judge!("429-daily", to(DETAIL)), Verdict::Slow(Pause::Day(reset)));
    assert_eq!(judge!("429-daily-no-headers", to(DETAIL)), Verdict::Slow(Pause::Day(None)));
}

#[test]
fn r429_needs_neither_headers_nor_body() {
    assert_eq!(judge!("429-nothing", to(DETAIL)), Verdict::Slow(Pause::Short(None)));
    assert_eq!(judge!("429-html", to(DETAIL)), Verdict::Slow(Pause::Short(None)));
}

#[test]
fn r5xx_is_tried_again() {
    assert_eq!(retried(judge!("500-json", to(DETAIL))), (Reason::Trouble, None, CauseClass::AttemptsSpent));
    assert_eq!(retried(judge!("503-empty", to(DETAIL))), (Reason::Trouble, None, CauseClass::AttemptsSpent));
}

#[test]
fn html_is_tried_again_and_named() {
    let blocked = (Reason::Trouble, None, CauseClass::HtmlBlocked);
    assert_eq!(retried(judge!("502-html", to(DETAIL))), blocked);
    assert_eq!(retried(judge!("200-html", to(LIST))), blocked);
}

#[test]
fn a_200_without_what_was_asked_for_is_tried_again() {
    let class = |verdict| retried(verdict).2;
    assert_eq!(class(judge!("200-empty", to(DETAIL))), CauseClass::BadShape);
    assert_eq!(class(judge!("200-truncated", to(DETAIL))), CauseClass::BadShape);
    assert_eq!(class(judge!("200-no-rows", to(DETAIL))), CauseClass::BadShape);
    assert_eq!(class(judge!("200-not-an-object", to(DETAIL))), CauseClass::BadShape);
    assert_eq!(class(judge!("200-code-message", to(LIST))), CauseClass::BadShape);
    assert_eq!(class(judge!("200-page", to(Endpoint::MetricsMeeting))), CauseClass::BadShape);
}

#[test]
fn a_200_may_say_that_the_plan_is_missing() {
    for endpoint in [Endpoint::MetricsWebinars, Endpoint::ReportWebinarParticipants] {
        let (_, class, text) = rejected(judge!("200-webinar-plan", to(endpoint)));
        assert_eq!(class, CauseClass::PlanMissing);
        assert!(text.contains("webinar add-on"), "{text}");
    }
    assert_eq!(halted(judge!("200-paid-text", to(Endpoint::ReportUsers))).0, Reason::Other);
}

#[test]
fn r400_200_on_webinars_says_nothing_of_meetings() {
    let (_, class, _) = rejected(judge!("400-200-permission", to(Endpoint::MetricsWebinars)));
    assert_eq!(class, CauseClass::PlanMissing);
    assert_eq!(halted(judge!("400-200-dashboard", to(Endpoint::MetricsWebinars))).0, Reason::Wall);
}

#[test]
fn what_nobody_knows_is_tried_again() {
    assert_eq!(retried(judge!("418-unknown", to(DETAIL))).2, CauseClass::BadShape);
    assert_eq!(retried(judge!("302-redirect", to(DETAIL))).2, CauseClass::BadShape);
}

#[test]
fn every_fixture_is_judged() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/fixtures");
    let mut names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let unused = names.find(|name| {
        let name = name.to_str().unwrap().trim_end_matches(".json").to_owned();
        !include_str!("tests.rs").contains(&format!("\"{name}\""))
    });
    assert_eq!(unused, None);
}

#[test]
fn a_list_of_participants_is_not_a_list_of_meetings() {
    let body = r#"{"uuid":"a","participants":[{}]}"#;
    let judged = |endpoint| classify(200, &HeaderMap::new(), body, &to(endpoint), now());
    assert!(matches!(judged(LIST), Verdict::Refused(_)));
    assert!(matches!(judged(DETAIL), Verdict::Fine(Head { rows: Some(1), .. })));
}
