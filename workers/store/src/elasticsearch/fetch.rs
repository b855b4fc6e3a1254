//! Fetches documents by id.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::Elasticsearch;
use super::fault::{Fault, FaultContext};
use super::search;
use crate::{DocumentKind, Hit, StoreError};

/// Documents per answer, because each may be large.
const AT_ONCE: usize = 100;

#[derive(Deserialize)]
struct Got {
    #[serde(default)]
    docs: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    _id: String,
    #[serde(default)]
    _version: i64,
    _source: Option<Box<RawValue>>,
    error: Option<Fault>,
}

pub(super) async fn get_many(
    store: &Elasticsearch,
    kind: DocumentKind,
    ids: &[String],
) -> Result<Vec<Hit>, StoreError> {
    let mut found = Vec::new();
    for ids in ids.chunks(AT_ONCE) {
        if kind.is_split() {
            let query = json!({"size": ids.len(), "version": true, "query": {"ids": {"values": ids}}});
            found.extend(search::find(store, kind, &query).await?);
        } else {
            found.extend(from_one_index(store, kind, ids).await?);
        }
    }
    Ok(found)
}

/// In a known index, `_mget` also finds documents that no search sees before a refresh.
async fn from_one_index(
    store: &Elasticsearch,
    kind: DocumentKind,
    ids: &[String],
) -> Result<Vec<Hit>, StoreError> {
    let path = format!("{}/_mget", store.indices(kind));
    let answer = store.ask(Method::POST, &path, json!({"ids": ids}).to_string()).await?;
    if answer.status == StatusCode::NOT_FOUND {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for One { _id: id, _version: version, _source: source, error } in answer.accepted()?.json::<Got>()?.docs {
        match (source, error) {
            (Some(source), _) => found.push(Hit { index: kind.name().to_owned(), id, version, source }),
            (None, Some(error)) if !error.is("index_not_found_exception") => {
                let index = store.indices(kind);
                let (_, words) = error.judge(503, FaultContext { kind: None, index: Some(&index) });
                return Err(StoreError::Away(format!("{} cannot read a document: {words}", store.name())));
            }
            (None, _) => {}
        }
    }
    Ok(found)
}
