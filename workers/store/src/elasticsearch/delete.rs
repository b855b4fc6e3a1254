//! Deletes documents by id, and reads the cluster's clock.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::Elasticsearch;
use crate::{Hit, StoreError};

/// Default of `index.gc_deletes`.
const GC_DELETES: Duration = Duration::from_secs(60);
/// Documents deleted per request.
const SOME: usize = 1_000;

#[derive(Deserialize)]
struct Items {
    items: Vec<Action>,
}

#[derive(Deserialize)]
struct Action {
    delete: Item,
}

#[derive(Deserialize)]
struct Item {
    status: u16,
}

pub(super) async fn delete(store: &Elasticsearch, hits: &[Hit]) -> Result<u64, StoreError> {
    let mut gone = 0;
    for some in hits.chunks(SOME) {
        let mut body = String::new();
        for hit in some {
            let index = format!("{}{}", store.prefix(), hit.index);
            let meta = json!({"_index": index, "_id": hit.id, "version": hit.version, "version_type": "external_gte"});
            body.push_str(&json!({"delete": meta}).to_string());
            body.push('\n');
        }
        let items: Items = store.ask(Method::POST, "_bulk", body).await?.accepted()?.json()?;
        for Action { delete: Item { status } } in items.items {
            match status {
                200..=299 => gone += 1,
                // Deleted already, or changed since.
                404 | 409 => {}
                429 | 500..=599 => {
                    return Err(StoreError::Busy(format!("a removal was answered with {status}")));
                }
                _ => {
                    let text =
                        format!("the search engine removes no documents ({status}): see the user's rights");
                    return Err(StoreError::Refused(text));
                }
            }
        }
    }
    Ok(gone)
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

/// The longest `index.gc_deletes` of our indices; [`GC_DELETES`] where it is not set.
pub(super) async fn remembers(store: &Elasticsearch) -> Result<Duration, StoreError> {
    let path = format!(
        "{}/_settings/index.gc_deletes?flat_settings=true&ignore_unavailable=true&allow_no_indices=true",
        store.all_indices()
    );
    let answer = store.ask(Method::GET, &path, ()).await?;
    if answer.status == StatusCode::FORBIDDEN {
        return Ok(GC_DELETES);
    }
    let indices: BTreeMap<String, Index> = answer.accepted()?.json()?;
    let times = indices
        .values()
        .map(|index| index.settings.get("index.gc_deletes").map_or(GC_DELETES, |text| time(text)));
    Ok(times.max().unwrap_or(Duration::ZERO))
}

fn time(text: &str) -> Duration {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let read = |(unit, millis): (&str, u64)| {
        let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
        Duration::try_from_secs_f64(number * millis as f64 / 1e3).ok()
    };
    units.into_iter().find_map(read).unwrap_or(GC_DELETES)
}

#[derive(Deserialize)]
struct Health {
    epoch: String,
}

/// Reads the clock of the node that answers.
pub(super) async fn clock(store: &Elasticsearch) -> Result<Option<Timestamp>, StoreError> {
    let answer = store.ask(Method::GET, "_cat/health?h=epoch&format=json", ()).await?;
    if answer.status == StatusCode::FORBIDDEN {
        return Ok(None);
    }
    let health: Vec<Health> = answer.accepted()?.json()?;
    let epoch = health.first().and_then(|health| health.epoch.parse().ok());
    Ok(epoch.and_then(|seconds| Timestamp::from_second(seconds).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_search_engine_are_read() {
        let millis = ["60s", "500ms", "1m", "1.5h", "0s", "2d", "-1"].map(|text| time(text).as_millis());
        assert_eq!(millis, [60_000, 500, 60_000, 5_400_000, 0, 172_800_000, 60_000]);
    }
}
