//! Foreign objects on a real search engine: index templates with a higher priority, mappings, pipelines, closed
//! indices. Every name starts with the store's random prefix.

use std::io::Write as _;

use reqwest::Method;
use serde_json::{Value, json};
use store::{DocumentKind, Query, Store, StoreError, Verdict};

use crate::documents::{doc, meeting, write};
use crate::servers::ask;

crate::on_every_server! {
    a_foreign_template_is_named_with_its_effect
    a_foreign_template_with_the_same_effect_is_none_of_our_business
    an_index_of_a_foreign_template_is_named
    a_data_stream_is_named
    a_pipeline_that_drops_documents_is_seen
    a_pipeline_that_fails_on_one_document_fails_on_it_alone
    a_closed_index_is_named_and_spares_the_others
    a_write_block_and_a_full_disk_have_their_own_words
}

/// Puts an index template with a higher priority for this store's sessions. The case must delete it.
async fn outrank(store: &Store, name: &str, mut template: Value) -> String {
    let name = format!("{}{name}", store.prefix());
    template["index_patterns"] = json!([format!("{}sess*", store.prefix())]);
    template["priority"] = json!(500);
    ask(store, Method::PUT, &format!("_index_template/{name}"), Some(template)).await;
    name
}

async fn remove(store: &Store, template: &str) {
    ask(store, Method::DELETE, &format!("_index_template/{template}"), None).await;
}

async fn a_foreign_template_is_named_with_its_effect(store: Store) {
    for (template, words) in [
        (json!({"template": {"settings": {"index.mapping.total_fields.limit": 5}}}), "are missing"),
        (
            json!({"template": {"mappings": {"properties": {"join_time": {"type": "keyword"}}}}}),
            "join_time is of type keyword instead of date",
        ),
        (json!({}), "are missing"),
    ] {
        let name = outrank(&store, "other", template).await;
        let (health, report) = (store.check().await, store.setup().await);
        remove(&store, &name).await;
        let (health, report) = (health.unwrap(), report.unwrap());
        assert!(!health.is_current() && report.conflicts == health.conflicts, "{health:?} {report:?}");
        let [conflict] = &health.conflicts[..] else { panic!("{health:?}") };
        assert!(conflict.text.contains(&name) && conflict.text.contains("ua-sessions"), "{conflict}");
        assert!(conflict.text.contains(words) && conflict.text.contains("priority 500"), "{conflict}");
        assert!(conflict.remedy.contains("below 200"), "{conflict}");
    }
    assert!(store.check().await.unwrap().is_current());
}

async fn a_foreign_template_with_the_same_effect_is_none_of_our_business(store: Store) {
    let found =
        ask(&store, Method::GET, &format!("_index_template/{}ua-sessions", store.prefix()), None).await;
    let template = found["index_templates"][0]["index_template"]["template"].clone();
    let name = outrank(&store, "copy", json!({"template": template})).await;
    let health = store.check().await;
    remove(&store, &name).await;
    assert!(health.unwrap().is_current());
}

async fn an_index_of_a_foreign_template_is_named(store: Store) {
    let mappings = json!({"properties": {"join_time": {"type": "keyword"}}});
    let name = outrank(&store, "other", json!({"template": {"mappings": mappings}})).await;
    let session =
        doc(DocumentKind::Sessions, "2026-01-15", "a", 1, json!({"join_time": "2026-01-15T10:00:00Z"}));
    let written = write(&store, &[session]).await;
    remove(&store, &name).await;
    assert_eq!(written, [Verdict::Indexed], "it is stored, with another meaning");
    let health = store.check().await.unwrap();
    let [conflict] = &health.conflicts[..] else { panic!("{health:?}") };
    assert!(conflict.text.contains("sessions-2026.01") && conflict.text.contains("join_time"), "{conflict}");
    let report = store.setup().await.unwrap();
    assert_eq!(report.conflicts.len(), 1, "setup cannot change a mapping, and says so: {report:?}");
}

async fn a_data_stream_is_named(store: Store) {
    let name = format!("{}stream", store.prefix());
    let template =
        json!({"index_patterns": [format!("{}sess*", store.prefix())], "priority": 500, "data_stream": {}});
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/_index_template/{name}", crate::target::url_of(&store));
    let request = client.put(url).header("content-type", "application/json").body(template.to_string());
    if request.send().await.unwrap().status() == 400 {
        // This distribution lacks data streams.
        let health = store.check().await.unwrap();
        assert!(health.is_current(), "{health:?}");
        return;
    }
    let health = store.check().await;
    remove(&store, &name).await;
    let health = health.unwrap();
    let [conflict] = &health.conflicts[..] else { panic!("{health:?}") };
    assert!(conflict.text.contains(&name) && conflict.text.contains("data stream"), "{conflict}");
}

/// Puts an ingest pipeline for the meetings of January. Returns false, with a message, if the server lacks the ingest
/// role or the processor.
async fn pipeline(store: &Store, processor: Value) -> bool {
    let roles = ask(store, Method::GET, "_nodes?filter_path=nodes.*.roles", None).await.to_string();
    if !roles.contains("ingest") {
        let _ = writeln!(std::io::stderr(), "left out: pipelines on {}", crate::target::url_of(store));
        return false;
    }
    let name = format!("{}pipeline", store.prefix());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/_ingest/pipeline/{name}", crate::target::url_of(store));
    let body = json!({"processors": [processor]}).to_string();
    let status =
        client.put(url).header("content-type", "application/json").body(body).send().await.unwrap().status();
    if !status.is_success() {
        assert_eq!(status, 400, "no such processor");
        let _ = writeln!(std::io::stderr(), "left out: pipelines on {}", crate::target::url_of(store));
        return false;
    }
    let index = format!("{}meetings-2026.01", store.prefix());
    write(store, &[meeting("first", 1, json!({}))]).await;
    ask(store, Method::PUT, &format!("{index}/_settings"), Some(json!({"index.final_pipeline": name}))).await;
    true
}

async fn remove_pipeline(store: &Store) {
    let index = format!("{}meetings-2026.01", store.prefix());
    ask(store, Method::PUT, &format!("{index}/_settings"), Some(json!({"index.final_pipeline": "_none"})))
        .await;
    ask(store, Method::DELETE, &format!("_ingest/pipeline/{}pipeline", store.prefix()), None).await;
}

async fn a_pipeline_that_drops_documents_is_seen(store: Store) {
    let processor = json!({"drop": {"if": "ctx.topic == 'dropped'"}});
    if !pipeline(&store, processor).await {
        return;
    }
    let topic = |id: &str, topic: &str| meeting(id, 1, json!({"topic": topic}));
    let verdicts = write(&store, &[topic("a", "kept"), topic("b", "dropped"), topic("c", "kept")]).await;
    let found = store.examine().await;
    remove_pipeline(&store).await;
    assert_eq!((&verdicts[0], &verdicts[2]), (&Verdict::Indexed, &Verdict::Indexed));
    assert!(matches!(&verdicts[1], Verdict::Refused { reason } if reason.contains("noop")), "{verdicts:?}");
    store.refresh().await.unwrap();
    assert_eq!(store.count(&Query::all(DocumentKind::Meetings)).await.unwrap(), 3);
    let pipelines = found.unwrap().pipelines;
    assert!(pipelines.iter().any(|used| used.contains("index.final_pipeline")), "{pipelines:?}");
}

async fn a_pipeline_that_fails_on_one_document_fails_on_it_alone(store: Store) {
    let processor = json!({"fail": {"if": "ctx.topic == 'poison'", "message": "canary {{topic}}"}});
    if !pipeline(&store, processor).await {
        return;
    }
    let topic = |id: &str, topic: &str| meeting(id, 1, json!({"topic": topic}));
    let verdicts = write(&store, &[topic("a", "well"), topic("b", "poison"), topic("c", "well")]).await;
    remove_pipeline(&store).await;
    assert_eq!((&verdicts[0], &verdicts[2]), (&Verdict::Indexed, &Verdict::Indexed));
    let Verdict::Failed { reason } = &verdicts[1] else { panic!("{verdicts:?}") };
    assert!(reason.contains("fail_processor_exception") && !reason.contains("canary"), "{reason}");
}

async fn a_closed_index_is_named_and_spares_the_others(store: Store) {
    let receipt = |id: &str| doc(DocumentKind::Harvests, "2026-01-15", id, 1, json!({"job_id": id}));
    write(&store, &[meeting("a", 1, json!({})), receipt("r")]).await;
    let close = async |index: &str| {
        ask(&store, Method::POST, &format!("{}{index}/_close", store.prefix()), None).await;
    };
    close("meetings-2026.01").await;
    let other = doc(DocumentKind::Meetings, "2026-02-15", "b", 1, json!({"meeting_uuid": "b"}));
    let verdicts = write(&store, &[meeting("a", 2, json!({})), other]).await;
    assert_eq!(verdicts[1], Verdict::Indexed);
    let Verdict::Busy { reason } = &verdicts[0] else { panic!("{verdicts:?}") };
    assert!(reason.contains("meetings-2026.01 is closed") && reason.contains("_open"), "{reason}");
    store.refresh().await.unwrap();
    assert_eq!(
        store.count(&Query::all(DocumentKind::Meetings)).await.unwrap(),
        1,
        "the open months are read"
    );
    let closed = store.examine().await.unwrap().closed;
    assert!(closed.len() == 1 && closed[0].ends_with("meetings-2026.01"), "{closed:?}");
    close("harvests").await;
    let error = store.count(&Query::all(DocumentKind::Harvests)).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Away(text) if text.contains("harvests is closed")),
        "no receipt is no answer: {error}"
    );
    let error = store.get(DocumentKind::Harvests, "r").await.unwrap_err();
    assert!(matches!(&error, StoreError::Away(text) if text.contains("closed")), "{error}");
}

async fn a_write_block_and_a_full_disk_have_their_own_words(store: Store) {
    write(&store, &[meeting("a", 1, json!({}))]).await;
    let settings = format!("{}meetings-2026.01/_settings", store.prefix());
    for (block, words) in
        [("write", "a block is set"), ("read_only_allow_delete", "disk of the search engine is full")]
    {
        let name = format!("index.blocks.{block}");
        ask(&store, Method::PUT, &settings, Some(json!({&name: true}))).await;
        let verdicts = write(&store, &[meeting("a", 2, json!({}))]).await;
        let found = store.examine().await.unwrap();
        ask(&store, Method::PUT, &settings, Some(json!({&name: null}))).await;
        assert!(
            matches!(&verdicts[..], [Verdict::Busy { reason }] if reason.contains(words)),
            "{verdicts:?}"
        );
        assert!(found.blocks.iter().any(|(_, found)| found == block), "{found:?}");
    }
}
