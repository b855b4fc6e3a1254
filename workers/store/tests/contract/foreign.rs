//! Foreign objects on a real search engine: index templates with a higher priority, mappings, pipelines, closed
//! indices. Every name starts with the store's random prefix.

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
    a_pipeline_costs_only_the_documents_that_it_drops_or_fails_on
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

/// Puts an ingest pipeline for the meetings of January that drops the topic "dropped" and fails on the topic "poison".
async fn pipeline(store: &Store) {
    let name = format!("{}pipeline", store.prefix());
    let nodes = ask(store, Method::GET, "_nodes/ingest", None).await.to_string();
    // The test server of Elasticsearch 9 has no scripts, and a processor of its own for the condition.
    let processors = match nodes.contains("\"refuse\"") {
        true => json!([
            {"refuse": {"field": "topic", "value": "dropped", "on_failure": [{"drop": {}}]}},
            {"refuse": {"field": "topic", "value": "poison"}},
        ]),
        false => json!([
            {"drop": {"if": "ctx.topic == 'dropped'"}},
            {"fail": {"if": "ctx.topic == 'poison'", "message": "canary {{topic}}"}},
        ]),
    };
    let path = format!("_ingest/pipeline/{name}");
    ask(store, Method::PUT, &path, Some(json!({"processors": processors}))).await;
    let index = format!("{}meetings-2026.01", store.prefix());
    write(store, &[meeting("first", 1, json!({}))]).await;
    ask(store, Method::PUT, &format!("{index}/_settings"), Some(json!({"index.final_pipeline": name}))).await;
}

async fn remove_pipeline(store: &Store) {
    let index = format!("{}meetings-2026.01", store.prefix());
    ask(store, Method::PUT, &format!("{index}/_settings"), Some(json!({"index.final_pipeline": "_none"})))
        .await;
    ask(store, Method::DELETE, &format!("_ingest/pipeline/{}pipeline", store.prefix()), None).await;
}

async fn a_pipeline_costs_only_the_documents_that_it_drops_or_fails_on(store: Store) {
    pipeline(&store).await;
    let topic = |id: &str, topic: &str| meeting(id, 1, json!({"topic": topic}));
    let batch = [
        topic("a", "kept"),
        topic("b", "poison"),
        topic("c", "dropped"),
        topic("d", "kept"),
        topic("e", "dropped"),
        topic("f", "poison"),
    ];
    let verdicts = write(&store, &batch).await;
    let found = store.examine().await;
    remove_pipeline(&store).await;
    assert_eq!((&verdicts[0], &verdicts[3]), (&Verdict::Indexed, &Verdict::Indexed));
    // OpenSearch mixes up the items of its answer that are not written.
    for dropped in [&verdicts[2], &verdicts[4]] {
        let Verdict::Refused { reason } = dropped else { panic!("{verdicts:?}") };
        assert!(reason.contains("noop") && reason.contains("index.final_pipeline"), "{reason}");
    }
    for poison in [&verdicts[1], &verdicts[5]] {
        let (Verdict::Failed { reason } | Verdict::Refused { reason }) = poison else {
            panic!("{verdicts:?}")
        };
        let named = ["fail_processor_exception", "illegal_argument_exception"];
        assert!(named.iter().any(|name| reason.contains(name)), "{reason}");
        assert!(reason.contains("index.final_pipeline"), "{reason}");
        assert!(!reason.contains("canary") && !reason.contains("poison"), "{reason}");
    }
    store.refresh().await.unwrap();
    assert_eq!(store.count(&Query::all(DocumentKind::Meetings)).await.unwrap(), 3);
    let pipelines = found.unwrap().pipelines;
    assert!(pipelines.iter().any(|used| used.contains("index.final_pipeline")), "{pipelines:?}");
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
