//! What the store makes of answers that a healthy search engine does not give.

use std::time::Duration;

use serde_json::json;
use store::{Elasticsearch, Kind, Query, Store, StoreError, Verdict, elasticsearch};

use crate::documents::{Doc, batch, meeting, write};
use crate::responder::{Request, Responder};

fn docs(count: usize) -> Vec<Doc> {
    (0..count).map(|n| meeting(&format!("m{n}"), 1, json!({"duration": n}))).collect()
}

fn fine(_: &Request) -> (u16, String) {
    (200, r#"{"errors":false}"#.to_owned())
}

async fn fails_with(status: u16, body: &'static str) -> StoreError {
    let responder = Responder::start(move |_| (status, body.to_owned())).await;
    let store = responder.store();
    let error = store.bulk(&batch(&store, &docs(3))).await.unwrap_err();
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

#[tokio::test]
async fn a_413_halves_until_it_fits() {
    let responder = Responder::start(|request: &Request| match request.documents() {
        0..=3 => fine(request),
        _ => (413, "<html>too large</html>".to_owned()),
    })
    .await;
    let store = responder.store();
    assert_eq!(write(&store, &docs(10)).await, vec![Verdict::Indexed; 10]);
    let requests = responder.requests.lock().unwrap();
    let sizes: Vec<usize> = requests.iter().map(Request::documents).collect();
    assert_eq!(sizes, [10, 5, 2, 3, 5, 2, 3], "halves are sent in order, and nothing twice");
}

#[tokio::test]
async fn a_document_that_is_too_large_alone_is_refused_alone() {
    let responder =
        Responder::start(
            |request: &Request| {
                if request.body.contains("\"m2\"") { (413, String::new()) } else { fine(request) }
            },
        )
        .await;
    let verdicts = write(&responder.store(), &docs(5)).await;
    for (n, verdict) in verdicts.iter().enumerate() {
        match verdict {
            Verdict::TooLarge { reason } => assert!(n == 2 && reason.contains("413"), "{n}: {reason}"),
            other => assert!(n != 2 && *other == Verdict::Indexed, "{n}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn halves_keep_the_order_of_verdicts() {
    let responder = Responder::start(|request: &Request| {
        if request.documents() > 1 {
            return (413, String::new());
        }
        let status = if request.body.contains("\"m3\"") { 409 } else { 201 };
        (200, format!(r#"{{"errors":{},"items":[{{"index":{{"status":{status}}}}}]}}"#, status == 409))
    })
    .await;
    let mut wanted = vec![Verdict::Indexed; 6];
    wanted[3] = Verdict::Stale;
    assert_eq!(write(&responder.store(), &docs(6)).await, wanted);
}

#[tokio::test]
async fn a_429_is_busy_for_all() {
    let responder = Responder::start(|_| (429, String::new())).await;
    let store = responder.store();
    assert_eq!(write(&store, &docs(3)).await, vec![Verdict::Busy; 3]);
    assert_eq!(store.count(&Query::all(Kind::Meetings)).await.unwrap_err(), StoreError::Busy);
}

#[tokio::test]
async fn gateway_errors_are_away() {
    for status in [500, 502, 503, 504] {
        let error = fails_with(status, "<html><body>Bad Gateway</body></html>").await;
        let text = error.to_string();
        assert!(matches!(error, StoreError::Away(_)) && text.contains(&status.to_string()), "{text}");
        assert!(!text.contains("<html>"), "{text}");
    }
}

#[tokio::test]
async fn a_page_or_a_torn_answer_is_away_and_settles_nothing() {
    for body in [
        "<html>Please log in</html>",
        "",
        "{\"errors\":fal",
        "{\"errors\":true,\"items\":[]}",
        "{}",
        "{\"errors\":false}  …",
    ] {
        let error = fails_with(200, body).await;
        assert!(matches!(error, StoreError::Away(_)), "{body:?}: {error}");
    }
}

#[tokio::test]
async fn credentials_that_are_not_accepted_are_refused_and_not_shown() {
    for status in [401, 403] {
        let body = r#"{"error":{"type":"security_exception","reason":"no permissions"},"status":401}"#;
        let responder = Responder::start(move |_| (status, body.to_owned())).await;
        let host = responder.url.replace("http://", "http://canary-user:canary-password@");
        for settings in [
            elasticsearch::Settings::new(host),
            elasticsearch::Settings {
                user: Some("canary-user".into()),
                password: Some("canary-password".into()),
                ..elasticsearch::Settings::new(responder.url.as_str())
            },
            elasticsearch::Settings {
                api_key: Some("canarykey".into()),
                user: Some("canary-user".into()),
                ..elasticsearch::Settings::new(responder.url.as_str())
            },
        ] {
            assert!(!format!("{:?}", settings.password).contains("canary-password"));
            let key = settings.api_key.is_some();
            let store = Store::Elasticsearch(Elasticsearch::new(settings).unwrap());
            let error = store.bulk(&batch(&store, &docs(1))).await.unwrap_err();
            assert!(matches!(error, StoreError::Refused(_)), "{error}");
            assert!(!error.to_string().contains("canary"), "{error}");
            assert!(!format!("{store:?}").contains("canary-password"), "the handle shows no password");
            assert!(!format!("{store:?}").contains("canarykey"), "the handle shows no key");
            let sent = responder.requests.lock().unwrap().pop().unwrap();
            let wanted = if key { "apikey canarykey" } else { "basic y2fuyxj5lxvzzxi6y2fuyxj5lxbhc3n3b3jk" };
            assert!(sent.head.contains(&format!("authorization: {wanted}")), "{}", sent.head);
        }
    }
}

#[tokio::test]
async fn an_unreachable_server_is_away() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let store =
        Store::Elasticsearch(Elasticsearch::new(elasticsearch::Settings::new(host.as_str())).unwrap());
    let error = store.bulk(&batch(&store, &docs(1))).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Away(text) if text.contains(&host) && text.contains("refused")),
        "{error}"
    );
    assert!(!store.healthy().await);
    assert!(matches!(store.setup().await.unwrap_err(), StoreError::Away(_)));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_away_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = elasticsearch::Settings::new(listener.local_addr().unwrap().to_string());
    settings.request_timeout = Duration::from_millis(200);
    let store = Store::Elasticsearch(Elasticsearch::new(settings).unwrap());
    let error = store.bulk(&batch(&store, &docs(1))).await.unwrap_err();
    assert!(matches!(&error, StoreError::Away(text) if text.contains("in time")), "{error}");
}

#[tokio::test]
async fn health_is_asked_from_the_server() {
    for (status, wanted) in [(200, true), (403, true), (401, false), (503, false)] {
        let responder = Responder::start(move |_| (status, "{}".to_owned())).await;
        assert_eq!(responder.store().healthy().await, wanted, "{status}");
        assert!(responder.requests.lock().unwrap()[0].line.starts_with("GET / "));
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused_before_any_call() {
    let base = || elasticsearch::Settings::new("127.0.0.1:9200");
    let file = tempfile::NamedTempFile::new().unwrap();
    for (settings, word) in [
        (elasticsearch::Settings::new("ftp://h"), "ES_HOST"),
        (elasticsearch::Settings { prefix: "A*".into(), ..base() }, "prefix"),
        (elasticsearch::Settings { ca_cert: Some("/nowhere/ca.pem".into()), ..base() }, "ES_CA_CERT"),
        (elasticsearch::Settings { ca_cert: Some(file.path().into()), ..base() }, "ES_CA_CERT"),
        (elasticsearch::Settings { api_key: Some("canary\n".into()), ..base() }, "ES_API_KEY"),
    ] {
        let error = Elasticsearch::new(settings).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, StoreError::Refused(_)) && text.contains(word), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}
