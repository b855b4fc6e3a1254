//! Authentication and its refusals.

use std::time::Duration;

use md5::{Digest as _, Md5};
use reqwest::Response;
use reqwest::header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};
use serde_json::json;
use simulator::opencast::{Auth, Dialect, OpencastSettings};

use crate::support::{Api, settings};

const GUARDED: &str = "/workflow/instances.json?mp=x&state=SUCCEEDED";

async fn with(auth: Auth) -> Api {
    Api::start(OpencastSettings { auth, ..settings(5, Dialect::Dce) }).await
}

fn md5(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends a GET with `X-Requested-Auth` and optional credentials.
async fn asking(api: &Api, path: &str, kind: &str, authorization: Option<String>) -> Response {
    let request = api.client.get(format!("{}{path}", api.opencast.url())).header("X-Requested-Auth", kind);
    let request = match authorization {
        Some(authorization) => request.header(AUTHORIZATION, authorization),
        None => request,
    };
    request.send().await.unwrap()
}

fn challenge(response: &Response) -> String {
    assert_eq!(response.status(), 401);
    response.headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned()
}

fn nonce(challenge: &str) -> String {
    challenge.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// A client's answer to a digest challenge, by RFC 2617.
fn answer(api: &Api, nonce: &str, nc: u32, path: &str, password: &str) -> String {
    let user = api.opencast.credentials().user;
    let (one, two) = (md5(&format!("{user}:Opencast:{password}")), md5(&format!("GET:{path}")));
    let response = md5(&format!("{one}:{nonce}:{nc:08x}:c1:auth:{two}"));
    format!(
        "Digest username=\"{user}\", realm=\"Opencast\", nonce=\"{nonce}\", uri=\"{path}\", qop=auth, nc={nc:08x}, cnonce=\"c1\", response=\"{response}\", algorithm=MD5"
    )
}

#[tokio::test]
async fn a_digest_is_let_in_as_often_as_its_count_goes_on() {
    let api = with(Auth::Digest).await;
    let challenge = challenge(&asking(&api, GUARDED, "Digest", None).await);
    assert!(challenge.starts_with("Digest realm=\"Opencast\", qop=\"auth\", nonce=\""), "{challenge}");
    assert!(!challenge.contains("stale"));
    let (nonce, password) = (nonce(&challenge), api.opencast.credentials().password);
    for (nc, status) in [(1, 200), (3, 200), (2, 200), (2, 401), (0, 401), (4, 200)] {
        let sent = answer(&api, &nonce, nc, GUARDED, &password);
        assert_eq!(asking(&api, GUARDED, "Digest", Some(sent)).await.status(), status, "{nc}");
    }
    // Public paths also accept credentials.
    let open = "/info/me.json";
    let sent = answer(&api, &nonce, 5, open, &password);
    let me = asking(&api, open, "Digest", Some(sent)).await.text().await.unwrap();
    assert!(me.contains("simulated_system_account"), "{me}");
    let summary = api.opencast.ledger_summary();
    assert_eq!((summary.by_auth["digest"], summary.by_auth["refused"]), (5, 3));
}

#[tokio::test]
async fn a_wrong_digest_is_challenged_again_and_a_malformed_one_is_a_bad_request() {
    let api = with(Auth::Both).await;
    let nonce = nonce(&challenge(&asking(&api, GUARDED, "Digest", None).await));
    let wrong = answer(&api, &nonce, 1, GUARDED, "wrong");
    assert!(!challenge(&asking(&api, GUARDED, "Digest", Some(wrong)).await).contains("stale"));
    let password = api.opencast.credentials().password;
    let other_path = answer(&api, &nonce, 1, "/other", &password);
    for bad in [other_path, "Digest nonsense".to_owned(), "Digest username=\"open".to_owned()] {
        assert_eq!(asking(&api, GUARDED, "Digest", Some(bad.clone())).await.status(), 400, "{bad}");
    }
    let forged = answer(&api, "bm9uY2U=", 1, GUARDED, &password);
    assert!(!challenge(&asking(&api, GUARDED, "Digest", Some(forged)).await).contains("stale"));
}

#[tokio::test]
async fn a_nonce_that_is_too_old_is_stale_and_the_new_one_is_good() {
    let nonce_lifetime = Duration::from_secs(120);
    let api = Api::start(OpencastSettings { nonce_lifetime, ..settings(15, Dialect::Upstream) }).await;
    let guarded = "/workflow/mediaPackage/x/instances.json";
    let mut nonce = nonce_of(&api, guarded).await;
    let password = api.opencast.credentials().password;
    for change in [json!({ "now": "2026-01-28T12:30:00Z" }), json!({ "expire_nonces": true })] {
        let sent = |nonce: &str, nc| Some(answer(&api, nonce, nc, guarded, &password));
        assert_eq!(asking(&api, guarded, "Digest", sent(&nonce, 1)).await.status(), 200);
        assert!(api.control(change).await.status().is_success());
        let stale = challenge(&asking(&api, guarded, "Digest", sent(&nonce, 2)).await);
        assert!(stale.contains("stale=\"true\""), "{stale}");
        nonce = crate::auth::nonce(&stale);
        assert_eq!(asking(&api, guarded, "Digest", sent(&nonce, 1)).await.status(), 200);
        nonce = nonce_of(&api, guarded).await;
    }
}

async fn nonce_of(api: &Api, path: &str) -> String {
    nonce(&challenge(&asking(api, path, "Digest", None).await))
}

#[tokio::test]
async fn basic_is_let_in_or_refused_by_the_password_and_not_looked_at_where_it_is_off() {
    let api = with(Auth::Basic).await;
    assert_eq!(api.ask(GUARDED).await.0, 200);
    let url = format!("{}{GUARDED}", api.opencast.url());
    let user = api.opencast.credentials().user;
    let wrong = api.client.get(&url).basic_auth(&user, Some("wrong")).send().await.unwrap();
    assert_eq!(challenge(&wrong), "Basic realm=\"Opencast\"");
    let open = api.client.get(format!("{}/info/me.json", api.opencast.url()));
    assert_eq!(open.basic_auth(&user, Some("wrong")).send().await.unwrap().status(), 401);
    assert_eq!(challenge(&asking(&api, GUARDED, "Basic", None).await), "Basic realm=\"Opencast\"");
    assert_eq!(asking(&api, GUARDED, "Digest", None).await.status(), 302);
    let api = with(Auth::Digest).await;
    assert_eq!(api.ask(GUARDED).await.0, 302);
    assert!(api.ask("/info/me.json").await.1.to_string().contains("anonymous"));
}

#[tokio::test]
async fn without_credentials_open_paths_answer_and_all_others_lead_to_the_login_page() {
    let api = with(Auth::Both).await;
    for path in
        ["/usertracking/actions.json", "/search/episode.json", "/info/me.json", "/sysinfo/bundles/version"]
    {
        assert_eq!(api.get(path).await.status(), 200, "{path}");
    }
    for path in [GUARDED, "/services/hosts.json"] {
        let response = api.get(path).await;
        assert_eq!(response.status(), 302, "{path}");
        let login = response.headers()[LOCATION].to_str().unwrap();
        assert_eq!(login, format!("{}/login.html", api.opencast.url()));
        let page = api.client.get(login).send().await.unwrap();
        assert_eq!(page.status(), 200);
        assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    }
    let api = Api::start(OpencastSettings { anonymous_reads: false, ..settings(5, Dialect::Dce) }).await;
    assert_eq!(api.get("/usertracking/actions.json").await.status(), 302);
    assert_eq!(api.ask("/usertracking/actions.json").await.0, 200);
    let api = with(Auth::Anonymous).await;
    assert_eq!(api.get(GUARDED).await.status(), 200);
}
