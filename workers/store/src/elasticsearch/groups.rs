//! Counts and sums per value of a field.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Elasticsearch;
use super::search::{MOST, Reach, read, selection};
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
    /// Sums by field name.
    #[serde(flatten)]
    more: HashMap<String, Value>,
}

/// First or last time of a bucket, in milliseconds.
#[derive(Deserialize)]
struct Edge {
    value: Option<f64>,
}

/// Values of `field` with their counts, and the range of `time` if given.
pub(super) async fn spans(
    store: &Elasticsearch,
    query: &Query,
    field: &str,
    time: Option<&str>,
) -> Result<Vec<Span>, StoreError> {
    let edges = time.map_or(
        json!({}),
        |time| json!({"first": {"min": {"field": time}}, "last": {"max": {"field": time}}}),
    );
    let mut spans: Vec<Span> = buckets(store, query, field, edges).await?.into_iter().map(span).collect();
    spans.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.value.cmp(&other.value)));
    Ok(spans)
}

/// Values of `by` with the sums of `fields`.
pub(super) async fn sums(
    store: &Elasticsearch,
    query: &Query,
    by: &str,
    fields: &[&'static str],
) -> Result<Vec<(String, Vec<i64>)>, StoreError> {
    let sums: Value =
        fields.iter().map(|field| ((*field).to_owned(), json!({"sum": {"field": field}}))).collect();
    let summed = |bucket: Bucket| {
        #[expect(clippy::cast_possible_truncation, reason = "whole numbers, added up as floats")]
        let whole = |field: &&str| {
            let sum = bucket.more.get(*field).and_then(|sum| sum["value"].as_f64());
            sum.unwrap_or(0.0).round() as i64
        };
        let sums = fields.iter().map(whole).collect();
        (bucket.value(), sums)
    };
    Ok(buckets(store, query, by, sums).await?.into_iter().map(summed).collect())
}

/// Buckets of `field` with the sub-aggregations `more`.
async fn buckets(
    store: &Elasticsearch,
    query: &Query,
    field: &str,
    more: Value,
) -> Result<Vec<Bucket>, StoreError> {
    let groups = json!({"terms": {"field": field, "size": MOST}, "aggs": more});
    let body = json!({"size": 0, "query": selection(query)?, "aggs": {"groups": groups}});
    let grouped: Grouped = read(store, Reach::to(store, query), "_search", &body).await?;
    Ok(grouped.aggregations.map(|all| all.groups.buckets).unwrap_or_default())
}

impl Bucket {
    fn value(self) -> String {
        self.key_as_string.unwrap_or_else(|| match self.key {
            Value::String(text) => text,
            other => other.to_string(),
        })
    }
}

fn span(bucket: Bucket) -> Span {
    let time = |edge: Option<&Edge>| Timestamp::from_millisecond(edge?.value? as i64).ok();
    let (count, first, last) = (bucket.doc_count, time(bucket.first.as_ref()), time(bucket.last.as_ref()));
    Span { value: bucket.value(), count, first, last }
}
