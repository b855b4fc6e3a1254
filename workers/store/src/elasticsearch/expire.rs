//! Deletes expired indices, each by its name.

use std::collections::BTreeMap;

use jiff::civil::Date;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Elasticsearch, search, shards};
use crate::{DocumentKind, StoreError};

/// Deletes the indices of `kind` that hold nothing dated or received on `before` or later.
pub(super) async fn expire(
    store: &Elasticsearch,
    kind: DocumentKind,
    before: Date,
) -> Result<u64, StoreError> {
    let mut deleted = 0;
    if !kind.is_split() {
        return Ok(deleted);
    }
    let mut old = names(store, &store.indices(kind), "open").await?;
    old.retain(|name| kind.is_before(name.strip_prefix(store.prefix()).unwrap_or(name), before));
    if old.is_empty() {
        return Ok(deleted);
    }
    // The content of a red index is unknown; it expires once it has recovered.
    let red = shards::red(store).await;
    old.retain(|name| !red.iter().any(|red| name.strip_prefix(store.prefix()) == Some(red)));
    for name in old {
        if !is_young(store, kind, &name, before).await? {
            deleted += u64::from(delete(store, &name).await?);
        }
    }
    Ok(deleted)
}

/// Returns true when the index holds a document received on `before` or later.
async fn is_young(
    store: &Elasticsearch,
    kind: DocumentKind,
    name: &str,
    before: Date,
) -> Result<bool, StoreError> {
    let received = if kind == DocumentKind::Raw { "fetched_at" } else { "harvest.fetched_at" };
    // Include the latest writes.
    store.ask(Method::POST, &format!("{name}/_refresh?ignore_unavailable=true"), ()).await?.accepted()?;
    let query = json!({"range": {received: {"gte": before.to_string(), "format": "strict_date"}}});
    Ok(search::count_in(store, name, query).await? > 0)
}

/// Names of the indices that match a pattern. Deletion then uses names, because servers refuse wildcards.
pub(super) async fn names(
    store: &Elasticsearch,
    pattern: &str,
    which: &str,
) -> Result<Vec<String>, StoreError> {
    let path = format!("{pattern}/_settings?expand_wildcards={which}&ignore_unavailable=true");
    let indices: BTreeMap<String, Value> = store.ask(Method::GET, &path, ()).await?.accepted()?.json()?;
    Ok(indices.into_keys().collect())
}

/// Deletes an index or template; returns false when it did not exist.
pub(super) async fn delete(store: &Elasticsearch, path: &str) -> Result<bool, StoreError> {
    let answer = store.ask(Method::DELETE, path, ()).await?;
    if answer.status == StatusCode::NOT_FOUND {
        return Ok(false);
    }
    answer.accepted()?.acknowledged().map(|()| true)
}
