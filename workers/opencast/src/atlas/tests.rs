//! One fixture per row of the table.

use reqwest::header::HeaderName;

use super::*;

const PAGE: &str = "<!DOCTYPE html><html><body>Sign in, canary@example.org</body></html>";

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn judge(status: u16, pairs: &[(&str, &str)], body: &str, endpoint: Endpoint) -> Verdict {
    let pairs =
        pairs.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
    let (headers, node) = (&pairs.collect(), "http://oc.example.org:8080");
    classify(Answered { node, status, headers, body: body.as_bytes() }, endpoint, now())
}

fn refused(verdict: Verdict) -> OpencastError {
    match verdict {
        Verdict::Refused(error) => error,
        other => panic!("not refused: {other:?}"),
    }
}

fn closed(verdict: Verdict) -> (Reason, String) {
    let OpencastError { reason, failure: Failure::Refused { cause } } = refused(verdict) else {
        panic!("not refused by the server")
    };
    assert!(!cause.contains("canary") && !cause.contains('\n'), "{cause}");
    (reason, cause)
}

fn rejected(verdict: Verdict) -> (Reason, CauseClass) {
    let OpencastError { reason, failure: Failure::Reject { cause } } = refused(verdict) else {
        panic!("not rejected")
    };
    (reason, cause.class)
}

fn retried(verdict: Verdict) -> (Reason, CauseClass, String) {
    let OpencastError { reason, failure: Failure::Retry { after: None, cause } } = refused(verdict) else {
        panic!("not retried")
    };
    (reason, cause.class, cause.text)
}

#[test]
fn data_is_fine() {
    assert_eq!(judge(200, &[("content-type", "application/json")], "{}", Endpoint::Search), Verdict::Fine);
    assert_eq!(judge(200, &[("content-type", "text/plain")], "true", Endpoint::Detail), Verdict::Fine);
}

#[test]
fn a_200_with_a_page_is_a_refused_sign_in() {
    let by_type = judge(200, &[("content-type", "text/html;charset=utf-8")], "hello", Endpoint::Search);
    let by_body = judge(200, &[], PAGE, Endpoint::Actions);
    for verdict in [by_type, by_body] {
        let (reason, cause) = closed(verdict);
        assert!(
            reason == Reason::Page && cause.contains("OPENCAST_PASSWORD") && cause.contains("proxy"),
            "{cause}"
        );
    }
    for form in
        ["<form action='/j_spring_security_check'>", "<input type=password>", "<INPUT TYPE=\"password\">"]
    {
        let (reason, cause) = closed(judge(200, &[], &format!("<html>{form}</html>"), Endpoint::Search));
        assert!(reason == Reason::Closed && cause.contains("login page"), "{cause}");
    }
}

#[test]
fn xml_is_no_page_for_people() {
    for (kind, body) in
        [("application/xml", "<actions/>"), ("text/xml", "<a/>"), ("x/y", "<?xml version='1.0'?><a/>")]
    {
        let (_, class, text) = retried(judge(200, &[("content-type", kind)], body, Endpoint::Actions));
        assert!(class == CauseClass::BadShape && text.contains("XML"), "{text}");
    }
    let page = judge(200, &[("content-type", "application/xhtml+xml")], "<?xml?><html>", Endpoint::Actions);
    assert_eq!(closed(page).0, Reason::Page);
}

#[test]
fn a_200_without_a_body_is_tried_again() {
    assert_eq!(retried(judge(200, &[], " \n", Endpoint::Search)).1, CauseClass::BadShape);
    assert_eq!(retried(judge(204, &[], "", Endpoint::Search)).1, CauseClass::BadShape);
}

#[test]
fn a_redirect_to_the_login_is_a_refused_sign_in() {
    for to in [
        "/login.html",
        "http://oc.example.org:8080/admin-ng/login.html?x=canary",
        "login",
        "/sso/start#canary",
    ] {
        let (reason, cause) = closed(judge(302, &[("location", to)], "", Endpoint::Actions));
        assert_eq!(reason, Reason::Closed);
        assert!(cause.contains("login page") && cause.contains("sign-in is refused"), "{cause}");
    }
}

#[test]
fn a_redirect_to_an_identity_provider_names_its_host_alone() {
    for to in [
        "https://idp.example.edu/profile/SAML2/Redirect/SSO?SAMLRequest=canary",
        "https://login.example.edu/x/canary/oauth2/authorize",
        "https://keycloak.example.edu:8443/realms/canary/protocol",
        "//cas.example.edu/cas/canary",
    ] {
        let (reason, cause) = closed(judge(302, &[("location", to)], "", Endpoint::Search));
        assert_eq!(reason, Reason::Closed);
        assert!(cause.contains("identity provider") && cause.contains(".example.edu"), "{cause}");
    }
}

#[test]
fn a_redirect_to_elsewhere_names_the_variable() {
    for to in ["https://x/?login=canary", "https://oc.example.org/search", "/elsewhere", "", "http://[canary"]
    {
        let (_, cause) = closed(judge(301, &[("location", to)], "", Endpoint::Search));
        assert!(cause.contains("OPENCAST_ENGAGE_URL"), "{to}: {cause}");
    }
    let (_, cause) = closed(judge(308, &[], "", Endpoint::Workflows));
    assert!(cause.contains("OPENCAST_ADMIN_URL"), "{cause}");
}

#[test]
fn a_400_is_rejected() {
    let verdict = judge(400, &[], "bad", Endpoint::Search);
    assert_eq!(rejected(verdict), (Reason::Parameter, CauseClass::BadShape));
    // The parameters of actions are the same for every date.
    assert_eq!(retried(judge(400, &[], PAGE, Endpoint::Actions)).0, Reason::Parameter);
}

#[test]
fn a_401_asks_for_a_signature() {
    assert_eq!(judge(401, &[], PAGE, Endpoint::Actions), Verdict::Unauthorised);
}

#[test]
fn a_403_names_the_role_and_the_firewall() {
    let (reason, cause) = closed(judge(403, &[], PAGE, Endpoint::Workflows));
    assert!(
        reason == Reason::Closed && cause.contains("ROLE_ADMIN") && cause.contains("firewall"),
        "{cause}"
    );
}

#[test]
fn a_404_is_judged_by_what_was_asked() {
    assert_eq!(rejected(judge(404, &[], "", Endpoint::Actions)), (Reason::Absent, CauseClass::PlanMissing));
    assert_eq!(rejected(judge(404, &[], "", Endpoint::EpisodeWorkflows)), (Reason::Absent, CauseClass::Gone));
    let (reason, cause) = closed(judge(404, &[], PAGE, Endpoint::Search));
    assert_eq!(reason, Reason::Absent);
    assert!(cause.contains("OPENCAST_ENGAGE_URL") && cause.contains("starting"), "{cause}");
    let half_started = judge(405, &[], PAGE, Endpoint::Actions);
    assert_eq!(rejected(half_started), (Reason::Absent, CauseClass::PlanMissing));
}

#[test]
fn a_408_is_trouble() {
    assert_eq!(retried(judge(408, &[], "", Endpoint::Search)).0, Reason::Trouble);
}

#[test]
fn a_413_and_a_414_are_too_large() {
    for status in [413, 414] {
        assert_eq!(rejected(judge(status, &[], "", Endpoint::Search)).1, CauseClass::TooLarge);
    }
}

#[test]
fn a_429_holds_until_the_time_named() {
    let until = |named: &[(&str, &str)]| {
        let Failure::Hold { until: Some(until), .. } =
            refused(judge(429, named, "", Endpoint::Search)).failure
        else {
            panic!("not held")
        };
        until.duration_since(now()).as_secs()
    };
    assert_eq!(until(&[("retry-after", "7")]), 7);
    assert_eq!(until(&[("retry-after", "Fri, 02 Jan 2026 03:05:05 GMT")]), 60);
    assert_eq!(until(&[]), 30);
    assert_eq!(until(&[("retry-after", "soon")]), 30);
    assert_eq!(until(&[("retry-after", "18446744073709551615")]), 3_600);
}

#[test]
fn a_5xx_is_trouble() {
    let (reason, class, text) = retried(judge(503, &[], "", Endpoint::Actions));
    assert_eq!((reason, class), (Reason::Trouble, CauseClass::AttemptsSpent));
    assert_eq!(text, "GET /usertracking/actions.json answered 503: the server is in trouble");
    let (reason, class, _) = retried(judge(502, &[], PAGE, Endpoint::Actions));
    assert_eq!((reason, class), (Reason::Trouble, CauseClass::HtmlBlocked));
}

#[test]
fn anything_else_is_tried_again_and_says_so() {
    let (reason, class, text) = retried(judge(418, &[], "", Endpoint::Version));
    assert_eq!((reason, class), (Reason::Other, CauseClass::BadShape));
    assert_eq!(
        text,
        "GET /sysinfo/bundles/version answered 418: Opencast gives no such answer, a proxy before it may"
    );
}
