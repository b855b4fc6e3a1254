//! A closer look at a search engine that answers: blocks, the cluster's state, and what the user may do. Asks only;
//! the one write it tries is made so that it cannot succeed.

use std::collections::BTreeMap;

use ::elasticsearch::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Fault};
use super::{Elasticsearch, expire};
use crate::report::{Findings, Right};
use crate::{Kind, StoreError};

/// What is asked of an index that is to be written to.
const INDEX_PRIVILEGES: [&str; 4] = ["read", "write", "create_index", "manage"];
/// What is asked of the cluster, for `ua setup` and `ua check`.
const CLUSTER_PRIVILEGES: [&str; 2] = ["manage_index_templates", "monitor"];

pub(super) async fn examine(store: &Elasticsearch) -> Result<Findings, StoreError> {
    let indices = match expire::names(store, &store.all_indices(), "open").await {
        Ok(names) => names,
        // Not to be told the names of indices is no hindrance to writing into them.
        Err(StoreError::Refused(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut blocks = cluster_blocks(store).await?;
    blocks.extend(index_blocks(store).await?);
    Ok(Findings {
        cluster: cluster(store, &indices).await?,
        read: may_read(store).await?,
        write: may_write(store, &indices).await?,
        missing_privileges: missing_privileges(store).await?,
        indices: indices.len(),
        blocks,
    })
}

/// Health of our indices, or of the cluster while there are none; `None` where it is not told.
async fn cluster(store: &Elasticsearch, indices: &[String]) -> Result<Option<String>, StoreError> {
    #[derive(Deserialize)]
    struct Cluster {
        status: String,
    }
    // A few stand for all: the address of a request has a bound.
    let some = indices.iter().rev().take(20).map(String::as_str).collect::<Vec<_>>().join(",");
    let answer = store.ask(Method::Get, &format!("_cluster/health/{some}?timeout=3s"), ()).await?;
    match answer.status {
        StatusCode::FORBIDDEN => Ok(None),
        // Told, but not in time to become better.
        StatusCode::REQUEST_TIMEOUT => Ok(Some(answer.json::<Cluster>()?.status)),
        _ => Ok(Some(answer.accepted()?.json::<Cluster>()?.status)),
    }
}

async fn cluster_blocks(store: &Elasticsearch) -> Result<Vec<(String, String)>, StoreError> {
    #[derive(Deserialize)]
    struct Settings {
        persistent: BTreeMap<String, Value>,
        transient: BTreeMap<String, Value>,
    }
    let answer = store.ask(Method::Get, "_cluster/settings?flat_settings=true", ()).await?;
    if answer.status == StatusCode::FORBIDDEN {
        return Ok(Vec::new());
    }
    let Settings { persistent, transient } = answer.accepted()?.json()?;
    let all = persistent.into_iter().chain(transient);
    Ok(in_force(all, "cluster.blocks.").map(|block| ("the whole cluster".to_owned(), block)).collect())
}

async fn index_blocks(store: &Elasticsearch) -> Result<Vec<(String, String)>, StoreError> {
    #[derive(Deserialize)]
    struct Index {
        settings: BTreeMap<String, Value>,
    }
    let path = format!(
        "{}/_settings/index.blocks.*?flat_settings=true&ignore_unavailable=true&allow_no_indices=true",
        store.all_indices()
    );
    let answer = store.ask(Method::Get, &path, ()).await?;
    if answer.status == StatusCode::FORBIDDEN {
        return Ok(Vec::new());
    }
    let indices: BTreeMap<String, Index> = answer.accepted()?.json()?;
    let blocks = indices.into_iter().flat_map(|(name, index)| {
        in_force(index.settings, "index.blocks.").map(move |block| (name.clone(), block)).collect::<Vec<_>>()
    });
    Ok(blocks.collect())
}

/// The blocks among settings that are switched on and hinder work.
fn in_force(
    settings: impl IntoIterator<Item = (String, Value)>,
    prefix: &str,
) -> impl Iterator<Item = String> {
    settings.into_iter().filter_map(move |(name, value)| {
        let block = name.strip_prefix(prefix)?;
        let on = value == "true" || value == true;
        // Metadata alone is blocked by nothing that stops work.
        (on && block != "metadata").then(|| block.to_owned())
    })
}

async fn may_read(store: &Elasticsearch) -> Result<Right, StoreError> {
    let path =
        format!("{}/_search?size=0&ignore_unavailable=true&allow_no_indices=true", store.all_indices());
    judged(&store.ask(Method::Get, &path, ()).await?)
}

/// Tries a write on a condition that no document fulfils: who may not write is refused for that, all others for the
/// condition. Nothing is written, and no index made.
async fn may_write(store: &Elasticsearch, indices: &[String]) -> Result<Right, StoreError> {
    #[derive(Deserialize)]
    struct Bulk {
        items: Vec<BTreeMap<String, Item>>,
    }
    #[derive(Deserialize)]
    struct Item {
        status: u16,
        #[serde(default)]
        error: Fault,
    }
    let receipts = format!("{}{}", store.prefix(), Kind::Harvests.name());
    let Some(index) = indices.iter().find(|name| **name == receipts).or(indices.last()) else {
        return Ok(Right::Untold);
    };
    let action = json!({"index": {"_index": index, "_id": "ua-check", "if_seq_no": 1_u64 << 52, "if_primary_term": 1}});
    let answer = store.ask(Method::Post, "_bulk", format!("{action}\n{{}}\n")).await?;
    if !answer.status.is_success() {
        return judged(&answer);
    }
    let bulk: Bulk = answer.json()?;
    let item = bulk.items.into_iter().next().and_then(|item| item.into_values().next());
    Ok(match item {
        None => Right::Untold,
        Some(item) if item.status == 403 || item.error.kind.contains("block") => {
            Right::Refused(item.error.in_one_line())
        }
        Some(_) => Right::Granted,
    })
}

fn judged(answer: &Answer) -> Result<Right, StoreError> {
    match answer.status {
        StatusCode::FORBIDDEN => Ok(Right::Refused(answer.reason())),
        status if status.is_success() => Ok(Right::Granted),
        _ => Ok(Right::Untold),
    }
}

/// Privileges that the user lacks, where the server can be asked: Elasticsearch with security switched on.
async fn missing_privileges(store: &Elasticsearch) -> Result<Vec<String>, StoreError> {
    #[derive(Deserialize)]
    struct Privileges {
        cluster: BTreeMap<String, bool>,
        index: BTreeMap<String, BTreeMap<String, bool>>,
    }
    let names = Kind::ALL.map(|kind| store.indices(kind));
    let question = json!({
        "cluster": CLUSTER_PRIVILEGES,
        "index": [{"names": names, "privileges": INDEX_PRIVILEGES}]
    });
    let answer = store.ask(Method::Post, "_security/user/_has_privileges", question.to_string()).await?;
    if !answer.status.is_success() {
        return Ok(Vec::new());
    }
    let Ok(told) = answer.json::<Privileges>() else { return Ok(Vec::new()) };
    let lacks = |(privilege, has): (&String, &bool)| (!has).then(|| privilege.clone());
    let cluster = told.cluster.iter().filter_map(lacks).map(|privilege| format!("{privilege} (cluster)"));
    let index = told.index.iter().flat_map(|(name, all)| {
        all.iter().filter_map(lacks).map(move |privilege| format!("{privilege} on {name}"))
    });
    Ok(cluster.chain(index).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocks_that_are_switched_on_and_hinder_count() {
        let settings: BTreeMap<String, Value> = serde_json::from_value(json!({
            "index.blocks.read_only_allow_delete": "true",
            "index.blocks.write": "false",
            "index.blocks.metadata": "true",
            "index.blocks.read": true,
            "index.number_of_shards": "1",
        }))
        .unwrap();
        let blocks: Vec<String> = in_force(settings, "index.blocks.").collect();
        assert_eq!(blocks, ["read", "read_only_allow_delete"]);
    }
}
