//! Counts documents by several fields with a composite aggregation, which has no limit on the number of pages.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Elasticsearch;
use super::search::{MOST, Reach, read, selection};
use crate::tally::Spot;
use crate::{Group, Grouping, Query, StoreError, TallyCursor};

/// Name of the source for steps. The sources for words are named by their position.
const STEP: &str = "step";

#[derive(Deserialize)]
struct Tallied {
    aggregations: Option<Aggregations>,
}

#[derive(Deserialize)]
struct Aggregations {
    groups: Groups,
}

#[derive(Deserialize)]
struct Groups {
    after_key: Option<Value>,
    buckets: Vec<Bucket>,
}

#[derive(Deserialize)]
struct Bucket {
    key: Map<String, Value>,
    doc_count: u64,
}

pub(super) async fn page(
    store: &Elasticsearch,
    query: &Query,
    grouping: &Grouping,
    page: usize,
    after: Option<TallyCursor>,
) -> Result<(Vec<Group>, Option<TallyCursor>), StoreError> {
    let page = page.clamp(1, MOST);
    let mut composite = json!({"size": page, "sources": sources(grouping)});
    match after {
        None => {}
        Some(TallyCursor(Spot::After(key))) => composite["after"] = key,
        Some(TallyCursor(Spot::Behind(_))) => {
            return Err(StoreError::Misconfigured("this place belongs to another store".to_owned()));
        }
    }
    let groups = json!({"groups": {"composite": composite}});
    let body = json!({"size": 0, "track_total_hits": false, "query": selection(query)?, "aggs": groups});
    let tallied: Tallied = read(store, Reach::to(store, query), "_search", &body).await?;
    let Some(Aggregations { groups }) = tallied.aggregations else { return Ok((Vec::new(), None)) };
    let next = groups.after_key.filter(|_| groups.buckets.len() == page);
    let groups = groups.buckets.into_iter().map(|bucket| group(bucket, grouping)).collect();
    Ok((groups, next.map(|key| TallyCursor(Spot::After(key)))))
}

fn sources(grouping: &Grouping) -> Vec<Value> {
    let word = |(at, field): (usize, &&str)| json!({at.to_string(): {"terms": {"field": field}}});
    let steps = grouping
        .steps
        .map(|(field, width)| json!({STEP: {"histogram": {"field": field, "interval": width}}}));
    grouping.words.iter().enumerate().map(word).chain(steps).collect()
}

fn group(Bucket { mut key, doc_count }: Bucket, grouping: &Grouping) -> Group {
    let mut word = |at: usize| match key.remove(&at.to_string()) {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let words = (0..grouping.words.len()).map(&mut word).collect();
    let start = key.get(STEP).and_then(Value::as_f64).unwrap_or(0.0);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the number of a step is whole and far from the bounds"
    )]
    let step = grouping.steps.map_or(0, |(_, width)| (start / f64::from(width)).round() as i64);
    Group { words, step, count: doc_count }
}
