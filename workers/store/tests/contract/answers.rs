//! Answers that a healthy search engine does not give.

use std::time::Duration;

use serde_json::json;
use store::{DocumentKind, Elasticsearch, Grouping, Query, Store, StoreError, Verdict, elasticsearch};

use crate::documents::{Doc, batch, meeting, write};
use crate::responder::{Request, Responder};

fn docs(count: usize) -> Vec<Doc> {
    (0..count).map(|n| meeting(&format!("m{n}"), 1, json!({"duration": n}))).collect()
}

pub(crate) fn fine(request: &Request) -> (u16, String) {
    let items = vec![r#"{"index":{"status":201,"result":"created"}}"#; request.documents()];
    (200, format!(r#"{{"errors":false,"items":[{}]}}"#, items.join(",")))
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
        (200, format!(r#"{{"items":[{{"index":{{"status":{status},"result":"created"}}}}]}}"#))
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
    let verdicts = write(&store, &docs(3)).await;
    assert!(verdicts.len() == 3 && verdicts.iter().all(|verdict| matches!(verdict, Verdict::Busy { .. })));
    let error = store.count(&Query::all(DocumentKind::Meetings)).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy(_)), "{error}");
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

/// Calls every read operation and returns the results.
async fn questions(store: &Store) -> Vec<Result<(), StoreError>> {
    let query = Query::all(DocumentKind::Meetings);
    vec![
        store.search(&query).await.map(drop),
        store.count(&query).await.map(drop),
        store.scan(&query, 10, None).await.map(drop),
        store.get(DocumentKind::Meetings, "m").await.map(drop),
        store.group(&query, "topic").await.map(drop),
        store.tally(&query, &Grouping::by(&["topic"]), 10, None).await.map(drop),
    ]
}

#[tokio::test]
async fn an_index_that_is_not_ready_yet_is_waited_for() {
    let not_yet =
        r#"{"error":{"type":"search_phase_execution_exception","reason":"all shards failed"},"status":503}"#;
    let partial = r#"{"count":1,"_shards":{"total":2,"failed":1}}"#;
    for (status, body) in [(503, not_yet), (200, partial)] {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let responder = Responder::start(move |request| match () {
            () if request.line.contains("_cluster/health") => (200, "{}".to_owned()),
            () => match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 3 {
                2 => (200, r#"{"count":2,"hits":{"hits":[]},"_shards":{"total":2,"failed":0}}"#.to_owned()),
                _ => (status, body.to_owned()),
            },
        })
        .await;
        let answers = questions(&responder.store()).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let requests = responder.requests.lock().unwrap();
        let questions = requests.iter().filter(|request| !request.line.contains("_cluster/health"));
        assert_eq!(questions.count(), 18);
        for request in requests.iter().filter(|request| request.line.contains("_search")) {
            assert!(request.line.contains("allow_partial_search_results=false"), "{}", request.line);
        }
    }
}

#[tokio::test]
async fn a_partial_answer_is_none() {
    let body = r#"{"count":1,"hits":{"hits":[]},"_scroll_id":"s","_shards":{"total":2,"failed":1}}"#;
    let whole = body.replace("\"failed\":1", "\"failed\":0");
    let responder = Responder::start(move |request| {
        let start = request.line.contains("scroll=");
        (200, if start { whole.replace("[]", HIT) } else { body.to_owned() })
    })
    .await;
    let store = responder.store();
    let query = Query::all(DocumentKind::Meetings);
    let begun = std::time::Instant::now();
    let counted = store.count(&query).await.unwrap_err();
    assert!(
        matches!(&counted, StoreError::Away(text) if text.contains("without 1 of its shards")),
        "{counted}"
    );
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    let (hits, cursor) = store.scan(&query, 1, None).await.unwrap();
    assert_eq!(hits.len(), 1);
    let torn = store.scan(&query, 1, cursor).await.unwrap_err();
    assert!(matches!(torn, StoreError::Away(_)), "{torn}");
}

const HIT: &str = r#"[{"_index":"meetings-2026.01","_id":"m","_version":1,"_source":{}}]"#;

#[tokio::test]
async fn a_search_engine_that_stays_unavailable_is_away() {
    let responder = Responder::start(|_| (503, "{}".to_owned())).await;
    let begun = std::time::Instant::now();
    let error = responder.store().count(&Query::all(DocumentKind::Meetings)).await.unwrap_err();
    assert!(matches!(error, StoreError::Away(_)), "{error}");
    assert!((1..7).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn each_old_index_is_deleted_by_its_name() {
    let responder = Responder::start(|request| {
        let body = match () {
            () if request.line.contains("_settings") => {
                r#"{"raw-2025.06":{},"raw-2025.07":{},"raw-2025.08":{},"raw-2026.01":{},"raw-2025":{},"raw-x":{}}"#
            }
            () if request.line.contains("raw-2025.07/_count") => r#"{"count":1}"#,
            () if request.line.starts_with("DELETE /raw-2025.08 ") => return (404, "{}".to_owned()),
            () if request.line.starts_with("DELETE ") => r#"{"acknowledged":true}"#,
            () => r#"{"count":0}"#,
        };
        (200, body.to_owned())
    })
    .await;
    let gone = responder.store().expire(DocumentKind::Raw, "2026-01-20".parse().unwrap()).await.unwrap();
    assert_eq!(gone, 2, "07 holds what came later, 08 was gone already");
    let requests = responder.requests.lock().unwrap();
    let deleted: Vec<&str> =
        requests.iter().filter_map(|request| request.line.strip_prefix("DELETE ")).collect();
    assert_eq!(deleted, ["/raw-2025 HTTP/1.1", "/raw-2025.06 HTTP/1.1", "/raw-2025.08 HTTP/1.1"]);
}

#[test]
fn settings_show_neither_user_nor_password() {
    let hosts = ["https://canary:canary@search.example.edu:9200", "h, http://canary:canary@i", "u:canary@"];
    for host in hosts {
        let settings = elasticsearch::ElasticsearchSettings {
            user: Some("canary".into()),
            password: Some("canary".into()),
            api_key: Some("canary".into()),
            ..elasticsearch::ElasticsearchSettings::new(host)
        };
        let shown = format!("{settings:?}");
        assert!(!shown.contains("canary"), "{shown}");
        let error = Elasticsearch::new(settings).map(drop).err().map(|error| error.to_string());
        assert!(!error.unwrap_or_default().contains("canary"));
    }
    assert!(
        format!("{:?}", elasticsearch::ElasticsearchSettings::new(hosts[0]))
            .contains("search.example.edu:9200")
    );
}

#[tokio::test]
async fn credentials_that_are_not_accepted_are_refused_and_not_shown() {
    for status in [401, 403] {
        let body = r#"{"error":{"type":"security_exception","reason":"no permissions"},"status":401}"#;
        let responder = Responder::start(move |_| (status, body.to_owned())).await;
        let host = responder.url.replace("http://", "http://canary-user:canary-password@");
        for settings in [
            elasticsearch::ElasticsearchSettings::new(host),
            elasticsearch::ElasticsearchSettings {
                user: Some("canary-user".into()),
                password: Some("canary-password".into()),
                ..elasticsearch::ElasticsearchSettings::new(responder.url.as_str())
            },
            elasticsearch::ElasticsearchSettings {
                api_key: Some("canarykey".into()),
                user: Some("canary-user".into()),
                ..elasticsearch::ElasticsearchSettings::new(responder.url.as_str())
            },
        ] {
            assert!(!format!("{:?}", settings.password).contains("canary-password"));
            let key = settings.api_key.is_some();
            let store = Store::Elasticsearch(Elasticsearch::new(settings).unwrap());
            let error = store.bulk(&batch(&store, &docs(1))).await.unwrap_err();
            assert!(matches!(error, StoreError::Denied(_)), "{error}");
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
    let store = Store::Elasticsearch(
        Elasticsearch::new(elasticsearch::ElasticsearchSettings::new(host.as_str())).unwrap(),
    );
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
    let mut settings = elasticsearch::ElasticsearchSettings::new(listener.local_addr().unwrap().to_string());
    settings.request_timeout = Duration::from_millis(200);
    let store = Store::Elasticsearch(Elasticsearch::new(settings).unwrap());
    let error = store.bulk(&batch(&store, &docs(1))).await.unwrap_err();
    assert!(matches!(&error, StoreError::Away(text) if text.contains("in time")), "{error}");
}

#[tokio::test]
async fn health_is_asked_from_the_server() {
    for (status, wanted) in [(200, true), (403, true), (401, true), (429, false), (503, false)] {
        let responder = Responder::start(move |_| (status, "{}".to_owned())).await;
        assert_eq!(responder.store().healthy().await, wanted, "{status}");
        assert!(responder.requests.lock().unwrap()[0].line.starts_with("GET / "));
    }
}

#[test]
fn settings_that_cannot_be_used_are_refused_before_any_call() {
    let base = || elasticsearch::ElasticsearchSettings::new("127.0.0.1:9200");
    let file = tempfile::NamedTempFile::new().unwrap();
    for (settings, word) in [
        (elasticsearch::ElasticsearchSettings::new("ftp://h"), "ES_HOST"),
        (elasticsearch::ElasticsearchSettings { prefix: "A*".into(), ..base() }, "prefix"),
        (
            elasticsearch::ElasticsearchSettings { ca_cert: Some("/nowhere/ca.pem".into()), ..base() },
            "ES_CA_CERT",
        ),
        (elasticsearch::ElasticsearchSettings { ca_cert: Some(file.path().into()), ..base() }, "ES_CA_CERT"),
        (elasticsearch::ElasticsearchSettings { api_key: Some("canary\n".into()), ..base() }, "ES_API_KEY"),
    ] {
        let error = Elasticsearch::new(settings).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, StoreError::Misconfigured(_)) && text.contains(word), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}
