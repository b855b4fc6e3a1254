//! Every endpoint with every wrong answer: the result is a hold, a finding, a retry or a dead letter with its cause,
//! never the end of the worker.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use messages::opencast::Task;
use messages::{CauseClass, ReceiptState};
use opencast::Choice;
use runtime::Failure;
use tokio::task::JoinSet;

use crate::bench::{date, first_attempt, whole};
use crate::odd::{Server, found, json, lectures, to_login};

const ENDPOINTS: [&str; 7] = [
    "/usertracking/actions.json",
    "/usertracking/detailenabled",
    "/search/episode.json",
    "/workflow/",
    "/info/components.json",
    "/info/me.json",
    "/sysinfo/bundles/version",
];

const ANSWERS: [&str; 20] = [
    "page", "login", "idp", "401", "403", "404", "405", "400", "500", "204", "xml", "null", "[]", "{}",
    "\"\"", "7", "cut", "nested", "members", "utf16",
];

fn answer(kind: &str) -> Option<Response> {
    let to = |to: &'static str| Some((StatusCode::FOUND, [("location", to)]).into_response());
    match kind {
        "page" => Some(Html("<html>canary</html>").into_response()),
        "login" => to_login(),
        "idp" => to("https://idp.example.edu/saml2/sso?SAMLRequest=canary"),
        "xml" => {
            Some(([("content-type", "application/xml")], "<actions><canary/></actions>").into_response())
        }
        "cut" => json(r#"{"actions":{"total":1,"action":[{"id":1,"canary"#),
        "nested" => json(&format!("{}{}", "[".repeat(20_000), "]".repeat(20_000))),
        "members" => json(
            r#"{"actions":{"total":[],"action":"canary"},"result":"canary","workflows":[],"rest":7,"roles":{},"user":[],"version":{}}"#,
        ),
        "utf16" => Some(vec![0xff, 0xfe, b'{', 0, b'}', 0].into_response()),
        status => match status.parse::<u16>().ok().filter(|status| *status > 99) {
            Some(status) => Some(StatusCode::from_u16(status).unwrap().into_response()),
            None => json(kind),
        },
    }
}

fn good(path: &str) -> Option<Response> {
    match path {
        "/info/components.json" => json(r#"{"rest":[{"path":"/usertracking"},{"path":"/search"}]}"#),
        "/info/me.json" => json(r#"{"user":{"username":"h"},"roles":["ROLE_ADMIN"]}"#),
        "/usertracking/detailenabled" => json("true"),
        _ if path.starts_with("/sysinfo/") => json(r#"{"consistent":true,"version":"15.3"}"#),
        _ if path.starts_with("/usertracking/actions.json") => lectures(path, 3),
        _ if path.starts_with("/search/") => found(path),
        _ if path.starts_with("/workflow/") => json(r#"{"workflows":""}"#),
        _ => None,
    }
}

fn said(failure: &Failure) -> String {
    match failure {
        Failure::Halt { cause } => panic!("halted: {cause}"),
        Failure::Refused { cause } | Failure::Hold { why: cause, .. } | Failure::Defer { why: cause, .. } => {
            cause.clone()
        }
        Failure::Retry { cause, .. } | Failure::Reject { cause } => cause.text.clone(),
    }
}

/// Tests one endpoint that always gives this kind of answer.
async fn always(endpoint: &'static str, kind: &'static str) {
    let server = Server::start(move |path| match path.starts_with(endpoint) {
        true => answer(kind),
        false => good(path),
    })
    .await;
    let bench = server.bench_with_admin(Choice::Auto);
    let mut causes = Vec::new();
    let is_needed = ["/usertracking/actions.json", "/search/episode.json", "/workflow/"].contains(&endpoint);
    match bench.opencast.probe().await {
        Err(failure) => causes.push(said(&failure)),
        Ok(seen) => {
            assert!(seen.lines().iter().all(|(_, line)| !line.contains("canary")), "{endpoint} {kind}");
        }
    }
    for task in [whole(date()), Task::Episode { mpid: "e1".parse().unwrap() }] {
        if let Err(failure) = bench.perform(task, first_attempt()).await {
            causes.push(said(&failure));
        }
    }
    assert!(is_needed || causes.is_empty(), "{endpoint} {kind} is not needed: {causes:?}");
    for cause in causes {
        assert!(!cause.contains("canary") && !cause.contains('\n'), "{endpoint} {kind}: {cause}");
        let names = cause.contains(endpoint) || endpoint == "/workflow/" && cause.contains("workflows");
        assert!(names || cause.contains("/usertracking"), "{endpoint} {kind}: {cause}");
        assert!(kind != "idp" || cause.contains("https://idp.example.edu"), "{cause}");
    }
}

#[tokio::test]
async fn no_answer_of_any_endpoint_ends_the_worker() {
    let mut all = JoinSet::new();
    for endpoint in ENDPOINTS {
        for kind in ANSWERS {
            all.spawn(always(endpoint, kind));
        }
    }
    let done = all.join_all().await;
    assert_eq!(done.len(), ENDPOINTS.len() * ANSWERS.len());
}

/// A few kilobytes that decompress to more than the maximum body.
#[tokio::test]
async fn a_body_that_unpacks_to_far_too_much_is_a_dead_letter() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let block = vec![b' '; 1 << 20];
    (0..65).for_each(|_| std::io::Write::write_all(&mut encoder, &block).unwrap());
    let bomb = encoder.finish().unwrap();
    let server = Server::start(move |path| match path.contains("id=e1&") {
        true => Some(([("content-encoding", "gzip")], bomb.clone()).into_response()),
        false => good(path),
    })
    .await;
    let harvest = server.bench(Choice::Auto).harvest(vec![whole(date())]).await;
    let receipt = harvest.receipt("opencast:actions:2026-03-19");
    let cause = receipt.cause.as_ref().unwrap();
    assert_eq!((receipt.state, cause.class), (ReceiptState::Incomplete, CauseClass::TooLarge));
    assert!(cause.text.contains("episode e1") && cause.text.contains("more than 64 MB"), "{cause}");
    assert_eq!((harvest.action_ids().len(), harvest.facts().len()), (3, 2));
}
