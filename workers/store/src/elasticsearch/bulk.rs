//! Bulk requests: cut where they are too large, and a verdict for every item.

use std::ops::Range;

use ::elasticsearch::http::Method;
use serde::Deserialize;

use super::Elasticsearch;
use super::answer::{Answer, Fault};
use crate::{Batch, StoreError, Verdict};

const PATH: &str = "_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason";

/// Writes a batch, in as many requests as the server's limit asks for.
pub(super) async fn write(store: &Elasticsearch, batch: &Batch) -> Result<Vec<Verdict>, StoreError> {
    let mut verdicts = Vec::with_capacity(batch.len());
    // The next range to send is on top.
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

/// The verdicts of one request, or `None` when it is too large.
async fn send(
    store: &Elasticsearch,
    batch: &Batch,
    range: Range<usize>,
) -> Result<Option<Vec<Verdict>>, StoreError> {
    let body = batch.shared_ndjson(range.clone());
    if body.len() > store.request_bytes {
        return Ok(None);
    }
    let answer = store.ask(Method::Post, PATH, body).await?;
    match answer.status.as_u16() {
        413 => Ok(None),
        429 => Ok(Some(vec![Verdict::Busy; range.len()])),
        _ => verdicts(&answer.accepted()?, range.len()).map(Some),
    }
}

fn too_large(batch: &Batch, range: Range<usize>) -> Verdict {
    let bytes = batch.ndjson(range).len();
    Verdict::TooLarge {
        reason: format!("{bytes} bytes are more than the search engine takes in one request (413)"),
    }
}

#[derive(Deserialize)]
struct Errors {
    errors: bool,
}

#[derive(Deserialize)]
struct Items {
    items: Vec<Action>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Index(Item),
    Delete(Item),
}

#[derive(Deserialize)]
struct Item {
    status: u16,
    #[serde(default)]
    error: Fault,
}

fn verdicts(answer: &Answer, wanted: usize) -> Result<Vec<Verdict>, StoreError> {
    // Nearly always nothing went wrong: then no item needs to be looked at.
    if !answer.json::<Errors>()?.errors {
        return Ok(vec![Verdict::Indexed; wanted]);
    }
    let Items { items } = answer.json()?;
    if items.len() != wanted {
        let (name, found) = (&answer.name, items.len());
        return Err(StoreError::Away(format!(
            "{name} answers for {found} of {wanted} documents; is a proxy in between?"
        )));
    }
    let verdict = |action| match action {
        // What is to go is not there.
        Action::Delete(Item { status: 404, error }) if error.kind.is_empty() => Ok(Verdict::Indexed),
        Action::Index(item) | Action::Delete(item) => verdict(item, &answer.name),
    };
    items.into_iter().map(verdict).collect()
}

fn verdict(item: Item, name: &str) -> Result<Verdict, StoreError> {
    let Item { status, error } = item;
    match (status, error.kind.as_str()) {
        (200..=299, _) => Ok(Verdict::Indexed),
        (409, _) => Ok(Verdict::Stale),
        (413, _) => Ok(Verdict::TooLarge { reason: error.in_one_line() }),
        // A full disk makes indices read-only for a while: the document is innocent.
        (429 | 500..=599, _) | (_, "cluster_block_exception") => Ok(Verdict::Busy),
        // What is wrong here is wrong for every document, until somebody corrects it.
        (401 | 403 | 404, _)
        | (
            _,
            "validation_exception"
            | "index_closed_exception"
            | "invalid_index_name_exception"
            | "index_create_block_exception"
            | "security_exception",
        ) => Err(StoreError::Refused(format!(
            "{name} makes no index for the documents ({status}): {}; correct its settings or the user's rights",
            error.in_one_line()
        ))),
        _ => Ok(Verdict::Refused { reason: error.in_one_line() }),
    }
}

#[cfg(test)]
mod tests {
    use ::elasticsearch::http::StatusCode;
    use bytes::Bytes;

    use super::*;

    fn answer(body: &'static str) -> Answer {
        Answer {
            status: StatusCode::OK,
            body: Bytes::from_static(body.as_bytes()),
            name: "http://h:1/".into(),
        }
    }

    #[test]
    fn each_item_has_its_own_verdict() {
        let body = r#"{"errors":true,"items":[{"index":{"status":201}},
            {"index":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"r"}}},
            {"index":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"r"}}},
            {"index":{"status":503,"error":{"type":"unavailable_shards_exception","reason":"r"}}},
            {"index":{"status":403,"error":{"type":"cluster_block_exception","reason":"r"}}},
            {"index":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"field [x]"}}}]}"#;
        let wanted = [
            Verdict::Indexed,
            Verdict::Stale,
            Verdict::Busy,
            Verdict::Busy,
            Verdict::Busy,
            Verdict::Refused { reason: "mapper_parsing_exception: field [x]".into() },
        ];
        assert_eq!(verdicts(&answer(body), 6).unwrap(), wanted);
    }

    #[test]
    fn without_errors_no_item_is_read() {
        assert_eq!(
            verdicts(&answer(r#"{"errors":false}"#), 2).unwrap(),
            [Verdict::Indexed, Verdict::Indexed]
        );
    }

    #[test]
    fn an_answer_for_fewer_items_settles_none() {
        let body = r#"{"errors":true,"items":[{"index":{"status":201}}]}"#;
        assert!(matches!(verdicts(&answer(body), 2), Err(StoreError::Away(_))));
        assert!(matches!(verdicts(&answer(r#"{"errors":fal"#), 2), Err(StoreError::Away(_))));
        assert!(matches!(verdicts(&answer("<html></html>"), 2), Err(StoreError::Away(_))));
    }

    #[test]
    fn what_is_wrong_for_all_documents_is_no_verdict_on_one() {
        for (status, kind) in
            [(400, "validation_exception"), (404, "index_not_found_exception"), (403, "security_exception")]
        {
            let item = Item { status, error: Fault { kind: kind.into(), reason: Some("why".into()) } };
            let error = verdict(item, "http://h:1/").unwrap_err();
            assert!(matches!(&error, StoreError::Refused(text) if text.contains(kind)), "{error}");
        }
    }
}
