//! Refusals, redirects and endless answers from load balancers, proxies or an unhealthy search engine.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use store::{DocumentKind, Elasticsearch, Query, Store, StoreError, Verdict, elasticsearch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::answers::fine;
use crate::documents::{Doc, batch, meeting, write};
use crate::responder::{Request, Responder};

fn docs(count: usize) -> Vec<Doc> {
    (0..count).map(|n| meeting(&format!("m{n}"), 1, json!({"duration": n}))).collect()
}

#[tokio::test]
async fn a_refusal_of_a_bulk_is_the_peers_and_names_the_likely_causes() {
    for (status, body, words) in [
        (401, "<html>login</html>", "proxy or load balancer"),
        (403, "", "proxy or load balancer"),
        (404, "<html>not found</html>", "proxy or load balancer"),
        (404, r#"{"error":"no handler found for uri [/_bulk]"}"#, "ES_HOST"),
        (405, "", "ES_HOST"),
        (
            400,
            r#"{"error":{"type":"illegal_argument_exception","reason":"canary"}}"#,
            "illegal_argument_exception",
        ),
        (
            401,
            r#"{"error":{"type":"security_exception","reason":"unable to authenticate user [canary]"}}"#,
            "security index",
        ),
        (
            403,
            r#"{"error":{"type":"security_exception","reason":"current license is non-compliant for canary"}}"#,
            "licence",
        ),
    ] {
        let responder = Responder::start(move |_| (status, body.to_owned())).await;
        let store = responder.store();
        let error = store.bulk(&batch(&store, &docs(2))).await.unwrap_err();
        let text = error.to_string();
        let is_denied = matches!(status, 401 | 403);
        let is_meant = match error {
            StoreError::Denied(_) => is_denied,
            StoreError::Refused(_) => !is_denied,
            _ => false,
        };
        assert!(is_meant, "{status} {body}: {text}");
        assert!(
            text.contains(words) && text.contains(&status.to_string()) && !text.contains("canary"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_refused_and_nothing_is_sent_to_its_target() {
    let target = Responder::start(fine).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/login?token=canary", target.url.replace("127.0.0.1", "localhost"));
        let redirecting = redirecting(status, location).await;
        let store = Store::Elasticsearch(
            Elasticsearch::new(elasticsearch::ElasticsearchSettings::new(redirecting)).unwrap(),
        );
        let errors = [
            store.bulk(&batch(&store, &docs(2))).await.map(drop).unwrap_err(),
            store.count(&Query::all(DocumentKind::Meetings)).await.map(drop).unwrap_err(),
            store.setup().await.map(drop).unwrap_err(),
        ];
        for error in errors {
            let text = error.to_string();
            assert!(
                matches!(error, StoreError::Refused(_)) && text.contains("redirects to localhost ("),
                "{text}"
            );
            assert!(!text.contains("canary") && !text.contains("login"), "{text}");
        }
    }
    assert!(target.requests.lock().unwrap().is_empty(), "documents went to another host");
}

/// URL of a server that redirects every request.
async fn redirecting(status: u16, location: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut some = [0; 65_536];
            let _ = stream.read(&mut some).await;
            let head = format!(
                "HTTP/1.1 {status} X\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    url
}

#[tokio::test]
async fn an_answer_is_read_up_to_a_bound() {
    let long = format!(r#"{{"count":1,"more":"{}"}}"#, "x".repeat(2 << 20));
    let responder = Responder::start(move |_| (200, long.clone())).await;
    let small =
        || Elasticsearch::new(elasticsearch::ElasticsearchSettings::new(responder.url.as_str())).unwrap();
    let store = Store::Elasticsearch(small().with_answer_bytes(1 << 20));
    let error = store.count(&Query::all(DocumentKind::Meetings)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Away(text) if text.contains("more than 1 MB")), "{error}");
    let store = Store::Elasticsearch(small().with_answer_bytes(4 << 20));
    assert_eq!(store.count(&Query::all(DocumentKind::Meetings)).await.unwrap(), 1);
    // Only the start of an error answer is read.
    let page = format!("<html>{}</html>", "x".repeat(8 << 20));
    let responder = Responder::start(move |_| (502, page.clone())).await;
    let error = responder.store().bulk(&batch(&responder.store(), &docs(1))).await.unwrap_err();
    assert!(matches!(&error, StoreError::Away(text) if text.contains("502")), "{error}");
}

/// Verdict of the second of three items; the other two are written.
async fn verdict_of(item: Value) -> Verdict {
    let responder = Responder::start(move |_| {
        let fine = json!({"index": {"status": 201, "result": "created"}});
        (200, json!({"errors": true, "items": [fine, {"index": item}, fine]}).to_string())
    })
    .await;
    let mut verdicts = write(&responder.store(), &docs(3)).await;
    assert_eq!((&verdicts[0], &verdicts[2]), (&Verdict::Indexed, &Verdict::Indexed));
    verdicts.remove(1)
}

#[tokio::test]
async fn each_trouble_of_an_item_is_its_own() {
    let error = |status: u16, kind: &str, reason: &str| json!({"status": status, "error": {"type": kind, "reason": reason}});
    for (item, words) in [
        (error(429, "es_rejected_execution_exception", "canary"), "overloaded"),
        (error(429, "circuit_breaking_exception", "canary"), "short of memory"),
        (
            error(
                429,
                "cluster_block_exception",
                "[TOO_MANY_REQUESTS/12/flood, index has read-only-allow-delete block]",
            ),
            "disk",
        ),
        (error(400, "index_closed_exception", "closed"), "meetings-2026.01 is closed"),
        (error(503, "unavailable_shards_exception", "canary"), "no primary shard"),
        (
            error(400, "validation_exception", "this cluster currently has [5]/[5] maximum shards open"),
            "no more shards",
        ),
    ] {
        let verdict = verdict_of(item).await;
        let Verdict::Busy { reason } = &verdict else { panic!("{words}: {verdict:?}") };
        assert!(reason.contains(words) && !reason.contains("canary"), "{reason}");
        assert_eq!(reason.contains("overloaded"), words == "overloaded", "{reason}");
    }
    for item in [
        error(403, "security_exception", "action [indices:data/write/bulk] for canary"),
        error(404, "index_not_found_exception", "no such index and [action.auto_create_index] is [false]"),
    ] {
        let verdict = verdict_of(item).await;
        assert!(matches!(&verdict, Verdict::Denied { reason } if !reason.contains("canary")), "{verdict:?}");
    }
    let verdict = verdict_of(error(500, "fail_processor_exception", "canary")).await;
    assert!(
        matches!(&verdict, Verdict::Failed { reason } if reason.contains("fail_processor_exception")),
        "{verdict:?}"
    );
    for item in [
        json!({"status": 200, "result": "noop"}),
        json!({"status": 200}),
        json!({"status": 201, "result": "x"}),
    ] {
        let verdict = verdict_of(item).await;
        assert!(
            matches!(&verdict, Verdict::Refused { reason } if reason.contains("wrote nothing")),
            "{verdict:?}"
        );
    }
}

/// A search engine with red indices: requests that include one get 503.
async fn with_red(red: &'static [&'static str]) -> Responder {
    Responder::start(move |request: &Request| {
        let line = request.line.as_str();
        if line.contains("_cluster/health") {
            let indices: serde_json::Map<String, Value> =
                red.iter().map(|name| ((*name).to_owned(), json!({"status": "red"}))).collect();
            return (200, json!({"status": "red", "indices": indices}).to_string());
        }
        let path = line.split(['/', '?']).nth(1).unwrap_or_default();
        let asks = |name: &&&str| {
            let kind = name.split('-').next().unwrap_or_default();
            path.split(',').any(|part| part.starts_with(kind)) && !path.contains(&format!(",-{name}"))
        };
        match red.iter().find(asks) {
            Some(_) => {
                let fault =
                    json!({"type": "search_phase_execution_exception", "reason": "all shards failed"});
                (503, json!({"error": fault, "status": 503}).to_string())
            }
            None => (200, json!({"count": 7, "hits": {"hits": []}, "_shards": {"failed": 0}}).to_string()),
        }
    })
    .await
}

#[tokio::test]
async fn a_red_index_is_named_soon_and_only_where_it_matters() {
    let responder = with_red(&["meetings-2025.03"]).await;
    let store = responder.store();
    let begun = Instant::now();
    let near = Query::all(DocumentKind::Meetings).with("start_time", "2025-03-30");
    let error = store.count(&near).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Away(text) if text.contains("meetings-2025.03") && text.contains("primary shard")),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    for far in ["2025-04-05", "2025-02-20", "2026-03-15"] {
        assert_eq!(
            store.count(&Query::all(DocumentKind::Meetings).with("start_time", far)).await.unwrap(),
            7,
            "{far}"
        );
    }
    assert!(
        store.count(&Query::all(DocumentKind::Meetings).with("topic", "x")).await.is_err(),
        "it may be in any month"
    );
    assert_eq!(store.count(&Query::all(DocumentKind::Sessions)).await.unwrap(), 7, "another kind");
    store.refresh().await.unwrap();
    let refreshed = responder.requests.lock().unwrap().pop().unwrap().line;
    assert!(refreshed.contains("_refresh") && refreshed.contains(",-meetings-2025.03/"), "{refreshed}");
}

#[tokio::test]
async fn a_red_index_of_receipts_is_named_and_not_refreshed() {
    let responder = with_red(&["harvests"]).await;
    let error = responder.store().count(&Query::all(DocumentKind::Harvests)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Away(text) if text.contains(": harvests;")), "{error}");
    responder.store().refresh().await.unwrap();
    let refreshed = responder.requests.lock().unwrap().pop().unwrap().line;
    assert!(refreshed.contains("_refresh") && !refreshed.contains("harvests"), "{refreshed}");
}

#[tokio::test]
async fn a_template_that_is_not_acknowledged_is_not_loaded() {
    let puts = AtomicUsize::new(0);
    let responder = Responder::start(move |request| {
        let put = request.line.starts_with("PUT ");
        let first = put && puts.fetch_add(1, Ordering::Relaxed) == 0;
        (
            200,
            if first { r#"{"acknowledged":false}"# } else { r#"{"acknowledged":true,"index_templates":[]}"# }
                .to_owned(),
        )
    })
    .await;
    let error = responder.store().setup().await.unwrap_err();
    assert!(matches!(&error, StoreError::Away(text) if text.contains("did not confirm")), "{error}");
}

#[tokio::test]
async fn a_scan_that_the_server_has_forgotten_is_no_refusal() {
    let hit = json!({"_index": "meetings-2026.01", "_id": "m", "_version": 1, "_source": {}});
    let responder = Responder::start(move |request| match request.line.contains("_search/scroll") {
        true => {
            let fault = json!({"type": "search_phase_execution_exception", "reason": "all shards failed"});
            (404, json!({"error": fault, "status": 404}).to_string())
        }
        false => (200, json!({"_scroll_id": "s", "hits": {"hits": [hit]}}).to_string()),
    })
    .await;
    let store = responder.store();
    let (_, cursor) = store.scan(&Query::all(DocumentKind::Meetings), 1, None).await.unwrap();
    let error = store.scan(&Query::all(DocumentKind::Meetings), 1, cursor).await.unwrap_err();
    assert!(matches!(&error, StoreError::Away(text) if text.contains("place of a scan")), "{error}");
}
