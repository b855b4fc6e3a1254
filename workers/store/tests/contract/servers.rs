//! Tests on real search engines: templates and request limits.

use reqwest::Method;
use serde_json::{Value, json};
use store::{Change, DocumentKind, Elasticsearch, Query, Store, TemplateState, Verdict, elasticsearch};

use crate::documents::{doc, meetings, write};
use crate::target::url_of;

/// Runs cases on every available search engine.
#[macro_export]
macro_rules! on_every_server {
    ($($case:ident)*) => {
        mod es7 { $crate::on_every_server!(@on "UA_TEST_ES_7", $($case)*); }
        mod es9 { $crate::on_every_server!(@on "UA_TEST_ES_9", $($case)*); }
        mod os2 { $crate::on_every_server!(@on "UA_TEST_OS_2", $($case)*); }
        mod os3 { $crate::on_every_server!(@on "UA_TEST_OS_3", $($case)*); }
    };
    (@on $variable:literal, $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                use $crate::target::{random_prefix, run_on, search_engine, server};
                if let Some(url) = server($variable) {
                    run_on(search_engine(&url, random_prefix()), super::$case).await;
                }
            }
        )*
    };
}

on_every_server! {
    a_changed_template_is_seen_and_put_right
    the_mapping_of_a_new_index_is_the_template
    an_index_of_before_learns_new_fields
    a_batch_over_the_limit_is_cut
}

/// Sends a request directly to the server; it must succeed.
pub(crate) async fn ask(store: &Store, method: Method, path: &str, body: Option<Value>) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.request(method, format!("{}/{path}", url_of(store)));
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap()
}

async fn a_changed_template_is_seen_and_put_right(store: Store) {
    let path = format!("_index_template/{}ua-meetings", store.prefix());
    let found = ask(&store, Method::GET, &path, None).await;
    let mut template = found["index_templates"][0]["index_template"].clone();
    // Newer servers return dates that they do not accept.
    let parts = ["index_patterns", "priority", "version", "_meta", "template"];
    template.as_object_mut().unwrap().retain(|part, _| parts.contains(&part.as_str()));
    template["template"]["mappings"]["properties"]["topic"]["ignore_above"] = 7.into();
    ask(&store, Method::PUT, &path, Some(template)).await;
    ask(&store, Method::DELETE, &format!("_index_template/{}ua-raw", store.prefix()), None).await;

    let health = store.check().await.unwrap();
    for (name, state) in &health.templates {
        let wanted = match name.rsplit_once("ua-").unwrap().1 {
            "meetings" => TemplateState::Changed,
            "raw" => TemplateState::Missing,
            _ => TemplateState::Current,
        };
        assert_eq!(*state, wanted, "{name}");
    }
    let report = store.setup().await.unwrap();
    let changed: Vec<Change> = report.changes.iter().map(|(_, change)| *change).collect();
    assert_eq!(changed[DocumentKind::Meetings as usize], Change::Updated);
    assert_eq!(changed[DocumentKind::Raw as usize], Change::Created);
    assert_eq!(
        changed.iter().filter(|change| **change == Change::Unchanged).count(),
        DocumentKind::ALL.len() - 2
    );
    assert!(store.check().await.unwrap().is_current());
}

async fn the_mapping_of_a_new_index_is_the_template(store: Store) {
    for kind in DocumentKind::ALL {
        let doc = doc(kind, "2026-01-15", "a", 1, json!({}));
        assert_eq!(write(&store, std::slice::from_ref(&doc)).await, [Verdict::Indexed]);
        let index = format!("{}{}", store.prefix(), doc.index);
        let found = ask(&store, Method::GET, &format!("{index}/_mapping"), None).await;
        let file = std::fs::read_to_string(format!("../../index_templates/{}.json", kind.name())).unwrap();
        let wanted: Value = serde_json::from_str(&file).unwrap();
        let (found, wanted) = (&found[&index]["mappings"], &wanted["template"]["mappings"]);
        assert_eq!(
            found["dynamic"].as_str().unwrap(),
            wanted["dynamic"].as_str().unwrap_or("true"),
            "{kind:?}"
        );
        let names = |mappings: &Value| -> Vec<String> {
            mappings["properties"].as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(names(found), names(wanted), "{kind:?}");
    }
}

async fn an_index_of_before_learns_new_fields(store: Store) {
    let index = format!("{}deadletters", store.prefix());
    ask(&store, Method::DELETE, &format!("_index_template/{}ua-deadletters", store.prefix()), None).await;
    let old = json!({"mappings": {"dynamic": "strict", "properties": {"id": {"type": "keyword"}}}});
    ask(&store, Method::PUT, &index, Some(old)).await;
    let doc = doc(
        DocumentKind::Deadletters,
        "2026-01-15",
        "a",
        1,
        json!({"id": "a", "source": "zoom", "history": [{"x": 1}]}),
    );
    let verdicts = write(&store, std::slice::from_ref(&doc)).await;
    assert!(matches!(verdicts[0], Verdict::Refused { .. }), "{verdicts:?}");
    store.setup().await.unwrap();
    assert_eq!(write(&store, std::slice::from_ref(&doc)).await, [Verdict::Indexed]);
    store.refresh().await.unwrap();
    assert_eq!(store.count(&Query::all(DocumentKind::Deadletters).with("source", "zoom")).await.unwrap(), 1);
}

async fn a_batch_over_the_limit_is_cut(store: Store) {
    let settings = elasticsearch::ElasticsearchSettings {
        prefix: store.prefix().to_owned(),
        ..elasticsearch::ElasticsearchSettings::new(url_of(&store))
    };
    let small = Store::Elasticsearch(Elasticsearch::new(settings).unwrap().with_request_bytes(4_000));
    let mut docs = meetings(100);
    docs[50].body["topic"] = "x".repeat(5_000).into();
    let verdicts = write(&small, &docs).await;
    for (n, verdict) in verdicts.iter().enumerate() {
        assert_eq!(matches!(verdict, Verdict::TooLarge { .. }), n == 50, "{n}: {verdict:?}");
        assert!(n == 50 || *verdict == Verdict::Indexed, "{n}: {verdict:?}");
    }
    store.refresh().await.unwrap();
    assert_eq!(store.count(&Query::all(DocumentKind::Meetings)).await.unwrap(), 99);
}
