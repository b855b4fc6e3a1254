//! Bulk requests: splits batches that are too large, and gives a verdict per item.

use std::collections::BTreeMap;
use std::ops::Range;

use ::elasticsearch::BulkParts;
use reqwest::Method;
use serde::Deserialize;

use super::Elasticsearch;
use super::answer::StoreResponse;
use super::fault::{Fault, FaultContext, Meaning};
use crate::batch::Item;
use crate::{Batch, StoreError, Verdict};

/// Returns only what verdicts need. A write to an index without a primary shard waits 20 s instead of the default
/// minute.
const PARAMETERS: &str = "timeout=20s&filter_path=items.*._id,items.*.result,items.*.status,items.*.error.type,items.*.error.reason,\
                          items.*.error.caused_by.type,items.*.error.caused_by.reason,items.*.error.index";

/// Writes a batch, in several requests if the server's size limit requires it.
pub(super) async fn write(store: &Elasticsearch, batch: &Batch) -> Result<Vec<Verdict>, StoreError> {
    let mut verdicts = Vec::with_capacity(batch.len());
    // A stack; the next range to send is on top.
    let mut ranges: Vec<Range<usize>> = std::iter::once(0..batch.len()).collect();
    while let Some(range) = ranges.pop() {
        if range.is_empty() {
            continue;
        }
        match send(store, batch, range.clone()).await? {
            Some(written) => verdicts.extend(written),
            None if range.len() == 1 => verdicts.push(too_large(batch, range)),
            None => {
                let middle = range.start + range.len() / 2;
                ranges.push(middle..range.end);
                ranges.push(range.start..middle);
            }
        }
    }
    Ok(verdicts)
}

/// Verdicts of one request; `None` when the request is too large.
async fn send(
    store: &Elasticsearch,
    batch: &Batch,
    range: Range<usize>,
) -> Result<Option<Vec<Verdict>>, StoreError> {
    let body = batch.shared_ndjson(range.clone());
    if body.len() > store.request_bytes {
        return Ok(None);
    }
    let path = format!("{}?{PARAMETERS}", BulkParts::None.url());
    let answer = store.ask(Method::POST, &path, body).await?;
    if answer.status.as_u16() == 413 {
        return Ok(None);
    }
    match answer.accepted() {
        Ok(answer) => {
            let wanted: Vec<Item<'_>> = batch.items().skip(range.start).take(range.len()).collect();
            verdicts(&answer, &wanted).map(Some)
        }
        Err(StoreError::Busy(reason)) => Ok(Some(vec![Verdict::Busy { reason }; range.len()])),
        Err(error) => Err(error),
    }
}

fn too_large(batch: &Batch, range: Range<usize>) -> Verdict {
    let bytes = batch.ndjson(range).len();
    Verdict::TooLarge {
        reason: format!("{bytes} bytes are more than the search engine takes in one request (413)"),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Items {
    items: Vec<Effects>,
}

/// Result of an item, by its action.
type Effects = BTreeMap<String, Effect>;

/// Result of one action.
#[derive(Deserialize)]
struct Effect {
    #[serde(rename = "_id")]
    id: Option<String>,
    status: u16,
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    error: Fault,
}

/// Returns one verdict per item. Ignores the answer's `errors`, which does not cover documents dropped by a pipeline.
fn verdicts(answer: &StoreResponse, wanted: &[Item<'_>]) -> Result<Vec<Verdict>, StoreError> {
    // A derived decoder also accepts an array for an object.
    let is_array = answer.body.trim_ascii_start().starts_with(b"[");
    let Items { mut items } = if is_array { Items::default() } else { answer.json()? };
    if items.len() != wanted.len() {
        let (name, found, wanted) = (&answer.name, items.len(), wanted.len());
        return Err(StoreError::Away(format!(
            "{name} answers for {found} of {wanted} documents, so none of them counts as written; is a proxy in between?"
        )));
    }
    if !reorder(&mut items, wanted) {
        let name = &answer.name;
        return Err(StoreError::Away(format!(
            "{name} answers for other documents than it was sent, so none of them counts as written; is a proxy in between?"
        )));
    }
    Ok(items.into_iter().zip(wanted).map(|(effects, item)| verdict(effects, *item)).collect())
}

/// Sorts the results into the order of the items sent. Returns false if they name other ids. OpenSearch mixes up the
/// order of items that an ingest pipeline drops or fails on. A result without an id belongs to the item at its place.
fn reorder(effects: &mut [Effects], wanted: &[Item<'_>]) -> bool {
    let is_of = |effects: &Effects, item: &Item<'_>| {
        effects.values().all(|effect| effect.id.as_deref().is_none_or(|id| id == item.id))
    };
    for (place, item) in wanted.iter().enumerate() {
        if is_of(&effects[place], item) {
            continue;
        }
        let mut misplaced =
            (place + 1..wanted.len()).filter(|&other| !is_of(&effects[other], &wanted[other]));
        let Some(found) = misplaced.find(|&other| is_of(&effects[other], item)) else { return false };
        effects.swap(place, found);
    }
    true
}

fn verdict(mut effects: Effects, item: Item<'_>) -> Verdict {
    let action = if item.is_deletion { "delete" } else { "index" };
    let Some(Effect { status, result, error, .. }) = effects.remove(action) else {
        let reason = "the search engine answers for another action than the one it was asked for".to_owned();
        return Verdict::Refused { reason };
    };
    match status {
        // The document is missing, or its whole index.
        404 if item.is_deletion
            && (result.as_deref() == Some("not_found") || error.is("index_not_found_exception")) =>
        {
            Verdict::Indexed
        }
        200..=299 => effect(status, result.as_deref(), item.is_deletion),
        409 => Verdict::Stale,
        413 => Verdict::TooLarge { reason: error.shown(Some(item.kind)) },
        _ => {
            let place = FaultContext { kind: Some(item.kind), index: Some(item.index) };
            let (meaning, reason) = error.judge(status, place);
            match meaning {
                Meaning::Busy => Verdict::Busy { reason },
                Meaning::Denied => Verdict::Denied { reason },
                Meaning::Failed => Verdict::Failed { reason },
                Meaning::Refused => Verdict::Refused { reason },
            }
        }
    }
}

/// A success status alone does not prove that the document was written.
fn effect(status: u16, result: Option<&str>, is_deletion: bool) -> Verdict {
    let found = match result {
        Some("created" | "updated") if !is_deletion => return Verdict::Indexed,
        Some("deleted" | "not_found") if is_deletion => return Verdict::Indexed,
        Some(known @ ("noop" | "created" | "updated" | "deleted" | "not_found")) => known,
        Some(_) => "an unknown word",
        None => "none",
    };
    let reason = format!(
        "not_written: the search engine answers {status} with the result {found}, and wrote nothing; \
         does an ingest pipeline drop the document (index.default_pipeline, index.final_pipeline)?"
    );
    Verdict::Refused { reason }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::StatusCode;
    use serde_json::json;

    use super::*;
    use crate::DocumentKind;

    fn judged(body: &str, wanted: usize) -> Result<Vec<Verdict>, StoreError> {
        let mut batch = Batch::new();
        for id in 0..wanted {
            batch
                .push("", DocumentKind::Meetings, "meetings-2026.01".into(), id.to_string(), 1, &json!({}))
                .unwrap();
        }
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer = StoreResponse { status: StatusCode::OK, body, name: "http://h:1/".into(), target: None };
        let items: Vec<Item<'_>> = batch.items().collect();
        verdicts(&answer, &items)
    }

    fn names(verdicts: &[Verdict]) -> Vec<String> {
        let name = |verdict: &Verdict| {
            format!("{verdict:?}").split([' ', '{']).next().unwrap_or_default().to_owned()
        };
        verdicts.iter().map(name).collect()
    }

    #[test]
    fn each_item_has_its_own_verdict() {
        let body = r#"{"items":[{"index":{"status":201,"result":"created"}},
            {"index":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"r"}}},
            {"index":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"r"}}},
            {"index":{"status":503,"error":{"type":"unavailable_shards_exception","reason":"r"}}},
            {"index":{"status":403,"error":{"type":"cluster_block_exception","reason":"r"}}},
            {"index":{"status":400,"error":{"type":"index_closed_exception","reason":"closed"}}},
            {"index":{"status":403,"error":{"type":"security_exception","reason":"r"}}},
            {"index":{"status":404,"error":{"type":"index_not_found_exception","reason":"[action.auto_create_index]"}}},
            {"index":{"status":500,"error":{"type":"fail_processor_exception","reason":"r"}}},
            {"index":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"field [topic]"}}}]}"#;
        let wanted =
            ["Indexed", "Stale", "Busy", "Busy", "Busy", "Busy", "Denied", "Denied", "Failed", "Refused"];
        assert_eq!(names(&judged(body, 10).unwrap()), wanted);
    }

    #[test]
    fn success_without_an_effect_is_refused() {
        let body = r#"{"errors":false,"items":[{"index":{"status":200,"result":"updated"}},
            {"index":{"status":200,"result":"noop"}},{"index":{"status":200}},{"create":{"status":201,"result":"created"}},
            {"index":{"status":200,"result":"canary"}}]}"#;
        let verdicts = judged(body, 5).unwrap();
        assert_eq!(names(&verdicts), ["Indexed", "Refused", "Refused", "Refused", "Refused"]);
        assert!(format!("{verdicts:?}").contains("noop") && !format!("{verdicts:?}").contains("canary"));
    }

    #[test]
    fn an_item_is_known_by_its_id_and_not_by_its_place() {
        let created = |id: &str| format!(r#"{{"index":{{"_id":"{id}","status":201,"result":"created"}}}}"#);
        let noop = |id: &str| format!(r#"{{"index":{{"_id":"{id}","status":200,"result":"noop"}}}}"#);
        let failed = |id: &str| {
            format!(
                r#"{{"index":{{"_id":"{id}","status":500,"error":{{"type":"fail_processor_exception"}}}}}}"#
            )
        };
        let judged = |items: &[String]| judged(&format!(r#"{{"items":[{}]}}"#, items.join(",")), items.len());
        let mixed = [created("0"), noop("2"), failed("4"), created("3"), failed("1")];
        let wanted = ["Indexed", "Failed", "Refused", "Indexed", "Failed"];
        assert_eq!(names(&judged(&mixed).unwrap()), wanted);
        for others in [[created("0"), created("7")], [created("0"), created("0")]] {
            assert!(matches!(judged(&others), Err(StoreError::Away(_))), "{others:?}");
        }
    }

    #[test]
    fn a_deletion_is_done_when_the_document_is_not_there() {
        let answers = [
            (r#"{"delete":{"status":200,"result":"deleted"}}"#, "Indexed"),
            (r#"{"delete":{"status":404,"result":"not_found"}}"#, "Indexed"),
            (
                r#"{"delete":{"status":404,"error":{"type":"index_not_found_exception","reason":"r"}}}"#,
                "Indexed",
            ),
            (
                r#"{"delete":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"r"}}}"#,
                "Stale",
            ),
            (r#"{"delete":{"status":200,"result":"noop"}}"#, "Refused"),
            (r#"{"delete":{"status":200,"result":"updated"}}"#, "Refused"),
            (r#"{"index":{"status":200,"result":"deleted"}}"#, "Refused"),
        ];
        for (body, wanted) in answers {
            let mut batch = Batch::new();
            batch
                .push_deletion("", DocumentKind::Meetings, "meetings-2026.01".into(), "a".into(), 1)
                .unwrap();
            let effects = serde_json::from_str(body).unwrap();
            assert_eq!(names(&[verdict(effects, batch.items().next().unwrap())]), [wanted], "{body}");
        }
    }

    #[test]
    fn an_answer_for_fewer_items_settles_none() {
        for body in [
            r#"{"errors":true,"items":[{"index":{"status":201,"result":"created"}}]}"#,
            r#"{"errors":false}"#,
            r#"[[{"index":{"status":201,"result":"created"}},{"index":{"status":201,"result":"created"}}]]"#,
            "{}",
            r#"{"errors":fal"#,
            "<html></html>",
        ] {
            assert!(matches!(judged(body, 2), Err(StoreError::Away(_))), "{body}");
        }
    }
}
