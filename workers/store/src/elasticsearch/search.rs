//! Queries in the search engine's language, and parsing of their hits.

use ::elasticsearch::{CountParts, ScrollParts, SearchParts};
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer::StoreResponse;
use super::{Elasticsearch, shards};
use crate::condition::{Condition, Test, conditions};
use crate::query::Position;
use crate::{Cursor, DocumentKind, Hit, Query, SortOrder, StoreError};

/// Partial hits would be wrong here: a receipt that is not found causes a second fetch.
const WHOLE: &str = "allow_partial_search_results=false";
/// Pauses in milliseconds before a query that failed on some shards is sent again: shards of a new index need a
/// moment. After the last one the store counts as away.
const PAUSES: [u64; 6] = [100, 200, 400, 800, 1_500, 2_000];
/// No retry after this time.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the search engine keeps a scroll.
const KEEP: &str = "2m";
/// Days between a query's times and an index's period from which on the index cannot matter.
const MARGIN_DAYS: i64 = 3;
/// Maximum hits or groups in one answer; the search engine's own limit.
pub(super) const MOST: usize = 10_000;

/// Number of failed shards.
#[derive(Default, Deserialize)]
struct Shards {
    #[serde(default)]
    failed: u64,
}

#[derive(Deserialize)]
struct Failing {
    #[serde(default)]
    _shards: Shards,
}

#[derive(Deserialize)]
struct Found {
    _scroll_id: Option<String>,
    #[serde(default)]
    hits: Hits,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Hits {
    hits: Vec<Document>,
}

#[derive(Deserialize)]
struct Document {
    _index: String,
    _id: String,
    #[serde(default)]
    _version: i64,
    _source: Box<RawValue>,
}

/// Where to send a query: all indices of a kind, or fewer.
#[derive(Debug, Default)]
pub(super) struct Reach<'a> {
    /// Index pattern.
    indices: String,
    /// True for the single index of a kind: if it is closed, that is an error. Closed indices of a split kind are
    /// skipped.
    is_one: bool,
    /// The query, to decide which red indices cannot matter.
    query: Option<&'a Query>,
    /// Further URL parameters.
    more: String,
}

impl<'a> Reach<'a> {
    pub(super) fn of(store: &Elasticsearch, kind: DocumentKind) -> Self {
        Self { indices: store.indices(kind), is_one: !kind.is_split(), ..Self::default() }
    }

    pub(super) fn to(store: &Elasticsearch, query: &'a Query) -> Self {
        Self { query: Some(query), ..Self::of(store, query.kind) }
    }

    fn with(self, more: String) -> Self {
        Self { more, ..self }
    }

    fn path(&self, verb: &str) -> String {
        let Self { indices, is_one, query: _, more } = self;
        let indices = [indices.as_str()];
        let (url, whole) = match verb {
            "_count" => (CountParts::Index(&indices).url(), ""),
            _ => (SearchParts::Index(&indices).url(), WHOLE),
        };
        format!("{url}?ignore_unavailable={}&allow_no_indices=true&{whole}{more}", !is_one)
    }

    /// Excludes red indices whose period is far from the query's times; returns true if there was one.
    async fn spare(&mut self, store: &Elasticsearch) -> bool {
        let Some(query) = self.query.filter(|query| query.kind.is_split()) else { return false };
        let before = self.indices.len();
        for name in shards::red(store).await {
            if is_far(query, &name) {
                self.indices.push_str(&format!(",-{}{name}", store.prefix()));
            }
        }
        self.indices.len() > before
    }
}

/// Returns true when the index cannot hold a matching document: the query selects by the time that determines the
/// index, and the index's period is at least [`MARGIN_DAYS`] away.
fn is_far(query: &Query, index: &str) -> bool {
    let Some((field, (start, behind))) = query.kind.time_field().zip(query.kind.period(index)) else {
        return false;
    };
    let millisecond = |date: Date, days: i64| {
        let midnight = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0));
        midnight.map(|midnight| midnight.as_millisecond() + days * 86_400_000).ok()
    };
    let (Some(start), Some(behind)) = (millisecond(start, -MARGIN_DAYS), millisecond(behind, MARGIN_DAYS))
    else {
        return false;
    };
    let far = |test: &Test| match test {
        Test::Times(from, to) => from.is_some_and(|from| from >= behind) || to.is_some_and(|to| to < start),
        _ => false,
    };
    let conditions = conditions(query).unwrap_or_default();
    conditions.iter().any(|condition| {
        condition.field == field && !condition.tests.is_empty() && condition.tests.iter().all(far)
    })
}

pub(super) async fn search(store: &Elasticsearch, query: &Query) -> Result<Vec<Hit>, StoreError> {
    let mut body = json!({
        "size": query.limit.min(MOST),
        "version": true,
        "track_total_hits": false,
        "query": selection(query)?,
        "_source": {"excludes": query.without},
    });
    if let Some((field, order)) = query.order {
        body["sort"] = json!([sorting(field, order)]);
    }
    let mut hits = hits(store, read(store, Reach::to(store, query), "_search", &body).await?);
    if query.order.is_none() {
        hits.sort_by(|one, other| one.id.cmp(&other.id));
    }
    Ok(hits)
}

fn sorting(field: &str, order: SortOrder) -> Value {
    let order = match order {
        SortOrder::Ascending => "asc",
        SortOrder::Descending => "desc",
    };
    json!({field: {"order": order, "missing": "_last", "unmapped_type": "keyword"}})
}

pub(super) async fn count(store: &Elasticsearch, query: &Query) -> Result<u64, StoreError> {
    counted(store, Reach::to(store, query), selection(query)?).await
}

/// Number of documents in one index that match a query in the search engine's language.
pub(super) async fn count_in(store: &Elasticsearch, index: &str, query: Value) -> Result<u64, StoreError> {
    counted(store, Reach { indices: index.to_owned(), ..Reach::default() }, query).await
}

async fn counted(store: &Elasticsearch, reach: Reach<'_>, query: Value) -> Result<u64, StoreError> {
    #[derive(Deserialize)]
    struct Counted {
        #[serde(default)]
        count: u64,
    }
    let counted: Counted = read(store, reach, "_count", &json!({"query": query})).await?;
    Ok(counted.count)
}

// A scroll needs no unique sort field, works the same in all versions, and sees one snapshot.
pub(super) async fn scan(
    store: &Elasticsearch,
    query: &Query,
    page: usize,
    after: Option<Cursor>,
) -> Result<(Vec<Hit>, Option<Cursor>), StoreError> {
    let page = page.clamp(1, MOST);
    let mut found: Found = match after {
        None => {
            let mut body = json!({
                "size": page,
                "version": true,
                "sort": ["_doc"],
                "query": selection(query)?,
                "_source": {"excludes": query.without},
            });
            if let Some((field, order)) = query.order {
                body["sort"] = json!([sorting(field, order)]);
                body["query"] = json!({"bool": {"filter": [body["query"], {"exists": {"field": field}}]}});
            }
            read(store, Reach::to(store, query).with(format!("&scroll={KEEP}")), "_search", &body).await?
        }
        Some(Cursor(Position::Scroll(id))) => {
            let body = json!({"scroll": KEEP, "scroll_id": id});
            // No retry: the shards that answered have already advanced.
            whole(&store.ask(Method::POST, &ScrollParts::None.url(), body.to_string()).await?.accepted()?)?
        }
        Some(Cursor(Position::Behind { .. })) => {
            return Err(StoreError::Misconfigured("this cursor belongs to another store".to_owned()));
        }
    };
    let place = found._scroll_id.take();
    let hits = hits(store, found);
    match place {
        Some(id) if hits.len() == page => Ok((hits, Some(Cursor(Position::Scroll(id))))),
        Some(id) => {
            leave(store, id).await;
            Ok((hits, None))
        }
        None => Ok((hits, None)),
    }
}

/// Frees the scroll. It expires anyway if this fails.
pub(super) async fn leave(store: &Elasticsearch, place: String) {
    let _ =
        store.ask(Method::DELETE, &ScrollParts::None.url(), json!({"scroll_id": [place]}).to_string()).await;
}

/// Returns the hits of a query in the search engine's language.
pub(super) async fn find(
    store: &Elasticsearch,
    kind: DocumentKind,
    body: &Value,
) -> Result<Vec<Hit>, StoreError> {
    Ok(hits(store, read(store, Reach::of(store, kind), "_search", body).await?))
}

pub(super) async fn sum(
    store: &Elasticsearch,
    query: &Query,
    fields: &[&'static str],
) -> Result<Vec<i64>, StoreError> {
    #[derive(Deserialize)]
    struct Summed {
        #[serde(default)]
        aggregations: BTreeMap<String, Sum>,
    }
    #[derive(Deserialize)]
    struct Sum {
        value: f64,
    }
    let aggregations: Value =
        fields.iter().map(|field| ((*field).to_owned(), json!({"sum": {"field": field}}))).collect();
    let body = json!({"size": 0, "query": selection(query)?, "aggs": aggregations});
    let Summed { aggregations } = read(store, Reach::to(store, query), "_search", &body).await?;
    #[expect(clippy::cast_possible_truncation, reason = "the search engine adds whole numbers up as floats")]
    let whole = |field: &&str| aggregations.get(*field).map_or(0, |sum| sum.value.round() as i64);
    Ok(fields.iter().map(whole).collect())
}

/// Sends a query; retries for a while when shards fail.
pub(super) async fn read<T: DeserializeOwned>(
    store: &Elasticsearch,
    mut reach: Reach<'_>,
    verb: &str,
    body: &Value,
) -> Result<T, StoreError> {
    let begun = Instant::now();
    let mut pauses = PAUSES.into_iter().map(Duration::from_millis);
    let mut spared = false;
    loop {
        let answer = store.ask(Method::POST, &reach.path(verb), body.to_string()).await?;
        let partial = match answer.status {
            StatusCode::SERVICE_UNAVAILABLE => true,
            // The single index of a kind is created by its first document.
            StatusCode::NOT_FOUND
                if answer.fault().is_some_and(|fault| fault.is("index_not_found_exception")) =>
            {
                return from_nothing(&answer);
            }
            status => status.is_success() && failing(&answer)? > 0,
        };
        if partial && !std::mem::replace(&mut spared, true) && reach.spare(store).await {
            continue;
        }
        match pauses.next().filter(|pause| partial && begun.elapsed() + *pause <= PATIENCE) {
            Some(pause) => tokio::time::sleep(pause).await,
            None if partial => return Err(torn(store, answer).await),
            None => return whole(&answer.accepted()?),
        }
    }
}

/// Result for a missing index.
fn from_nothing<T: DeserializeOwned>(answer: &StoreResponse) -> Result<T, StoreError> {
    serde_json::from_str("{}").map_err(|error| answer.unreadable(&error))
}

/// Error for failed shards, with the names of red indices if the server lists them.
async fn torn(store: &Elasticsearch, answer: StoreResponse) -> StoreError {
    let red = shards::red(store).await;
    if red.is_empty() {
        return answer.accepted().and_then(|answer| whole::<Value>(&answer)).err().unwrap_or_else(|| {
            StoreError::Away(format!(
                "{} answers without some of its shards; look at its health",
                store.name()
            ))
        });
    }
    StoreError::Away(format!(
        "{}: without a primary shard (health red): {}; look at its nodes and disks (GET _cluster/allocation/explain)",
        store.name(),
        shards::some(&red)
    ))
}

fn failing(answer: &StoreResponse) -> Result<u64, StoreError> {
    Ok(answer.json::<Failing>()?._shards.failed)
}

/// Parses the answer if no shard failed.
fn whole<T: DeserializeOwned>(answer: &StoreResponse) -> Result<T, StoreError> {
    match failing(answer)? {
        0 => answer.json(),
        failed => Err(StoreError::Away(format!(
            "{} answers without {failed} of its shards; look at the cluster's health",
            answer.name
        ))),
    }
}

fn hits(store: &Elasticsearch, found: Found) -> Vec<Hit> {
    let prefix = store.prefix();
    let hit = |document: Document| Hit {
        index: document._index.strip_prefix(prefix).map_or_else(|| document._index.clone(), str::to_owned),
        id: document._id,
        version: document._version,
        source: document._source,
    };
    found.hits.hits.into_iter().map(hit).collect()
}

/// The query in the search engine's language.
pub(super) fn selection(query: &Query) -> Result<Value, StoreError> {
    let filters: Vec<Value> = conditions(query)?.into_iter().map(filter).collect();
    Ok(if filters.is_empty() { json!({"match_all": {}}) } else { json!({"bool": {"filter": filters}}) })
}

fn filter(Condition { field, tests }: Condition) -> Value {
    let mut tests: Vec<Value> = tests.into_iter().map(|test| one(field, test)).collect();
    match tests.len() {
        0 => json!({"match_none": {}}),
        1 => tests.remove(0),
        _ => json!({"bool": {"should": tests, "minimum_should_match": 1}}),
    }
}

fn one(field: &str, test: Test) -> Value {
    match test {
        Test::Missing => json!({"bool": {"must_not": {"exists": {"field": field}}}}),
        Test::Is(text) => json!({"term": {field: text}}),
        Test::IsTrue(wanted) => json!({"term": {field: wanted}}),
        Test::Numbers(from, to) => json!({"range": {field: ends(from, to)}}),
        Test::Texts(from, to) => json!({"range": {field: ends(from, to)}}),
        // Elements of a nested list are hidden documents of their own.
        Test::Filled => json!({"nested": {"path": field, "query": {"match_all": {}}}}),
        Test::Times(from, to) => {
            let mut range = ends(from, to);
            range["format"] = "epoch_millis".into();
            json!({"range": {field: range}})
        }
    }
}

fn ends<T: Into<Value>>(from: Option<T>, to: Option<T>) -> Value {
    let ends = [("gte", from), ("lte", to)].into_iter();
    ends.filter_map(|(name, end)| Some((name.to_owned(), end?.into()))).collect()
}
