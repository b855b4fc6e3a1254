//! Documents counted by the values of a field.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Elasticsearch;
use super::search::{LENIENT, MOST, WHOLE, read, selection};
use crate::{Query, Span, StoreError};

#[derive(Deserialize)]
struct Grouped {
    aggregations: Option<Aggregations>,
}

#[derive(Deserialize)]
struct Aggregations {
    groups: Groups,
}

#[derive(Deserialize)]
struct Groups {
    buckets: Vec<Bucket>,
}

#[derive(Deserialize)]
struct Bucket {
    key: Value,
    key_as_string: Option<String>,
    doc_count: u64,
    first: Option<Edge>,
    last: Option<Edge>,
}

/// The first or the last time of a bucket, in milliseconds.
#[derive(Deserialize)]
struct Edge {
    value: Option<f64>,
}

/// The values of `field`, each with its count, and the span of `time` where one is asked for.
pub(super) async fn spans(
    store: &Elasticsearch,
    query: &Query,
    field: &str,
    time: Option<&str>,
) -> Result<Vec<Span>, StoreError> {
    let mut groups = json!({"terms": {"field": field, "size": MOST}});
    if let Some(time) = time {
        groups["aggs"] = json!({"first": {"min": {"field": time}}, "last": {"max": {"field": time}}});
    }
    let body = json!({"size": 0, "query": selection(query)?, "aggs": {"groups": groups}});
    let path = format!("{}/_search?{LENIENT}&{WHOLE}", store.indices(query.kind));
    let grouped: Grouped = read(store, &path, &body).await?;
    let buckets = grouped.aggregations.map(|all| all.groups.buckets).unwrap_or_default();
    let mut spans: Vec<Span> = buckets.into_iter().map(span).collect();
    spans.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.value.cmp(&other.value)));
    Ok(spans)
}

fn span(Bucket { key, key_as_string, doc_count, first, last }: Bucket) -> Span {
    let value = key_as_string.unwrap_or_else(|| match key {
        Value::String(text) => text,
        other => other.to_string(),
    });
    let time = |edge: Option<Edge>| Timestamp::from_millisecond(edge?.value? as i64).ok();
    Span { value, count: doc_count, first: time(first), last: time(last) }
}
