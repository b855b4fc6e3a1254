//! Diagnoses a search engine that answers: blocks, health, and the user's rights. Changes nothing: its only write is
//! made to fail.

use std::collections::BTreeMap;

use jiff::civil::Date;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::StoreResponse;
use super::conflicts::matches;
use super::fault::Fault;
use super::{Elasticsearch, expire, shards};
use crate::report::{Findings, Right};
use crate::{DocumentKind, Split, StoreError};

/// Privileges needed on our indices.
const INDEX_PRIVILEGES: [&str; 4] = ["read", "write", "create_index", "manage"];
/// Cluster privileges needed by `ua setup` and `ua check`.
const CLUSTER_PRIVILEGES: [&str; 2] = ["manage_index_templates", "monitor"];

pub(super) async fn examine(store: &Elasticsearch) -> Result<Findings, StoreError> {
    let indices = named(store, "open").await?;
    let cluster = cluster_settings(store).await?;
    let settings = index_settings(store).await?;
    let mut blocks: Vec<(String, String)> = in_force(cluster.clone(), "cluster.blocks.")
        .map(|block| ("the whole cluster".to_owned(), block))
        .collect();
    for (name, settings) in &settings {
        blocks.extend(in_force(settings.clone(), "index.blocks.").map(|block| (name.clone(), block)));
    }
    let shards::Health { status, red } = shards::health(store).await?;
    Ok(Findings {
        cluster: status,
        red,
        closed: named(store, "closed").await?,
        not_created: not_created(store, &cluster),
        pipelines: pipelines(&settings),
        read: may_read(store).await?,
        write: may_write(store, &indices).await?,
        missing_privileges: missing_privileges(store).await?,
        indices: indices.len(),
        blocks,
    })
}

/// Maximum number of red indices in a message.
const RED_SHOWN: usize = 3;

/// Reports red indices. Also `None` if the server does not say.
pub(super) async fn trouble(store: &Elasticsearch) -> Option<String> {
    #[derive(Deserialize)]
    struct Cluster {
        indices: BTreeMap<String, Index>,
    }
    #[derive(Deserialize)]
    struct Index {
        status: String,
    }
    // A pattern without a match is fine; the health API waits for a missing name.
    let patterns = DocumentKind::ALL
        .map(|kind| store.indices(kind))
        .map(|name| name.trim_end_matches('*').to_owned() + "*");
    let path = format!("_cluster/health/{}?level=indices&timeout=1s", patterns.join(","));
    let answer = store.ask(Method::GET, &path, ()).await.ok()?;
    let cluster: Cluster = answer.json().ok()?;
    let red = cluster.indices.into_iter().filter(|(_, index)| index.status == "red");
    let red: Vec<String> = red.map(|(name, _)| name).collect();
    let more = red.len().checked_sub(RED_SHOWN).filter(|more| *more > 0);
    let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
    let shown = red.iter().take(RED_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    (!red.is_empty()).then(|| {
        format!(
            "red in the search engine: {shown}{more}: documents in there are missing until its nodes are back"
        )
    })
}

/// Our open or closed indices. Uses patterns, because a plain name matches an index in any state.
async fn named(store: &Elasticsearch, which: &str) -> Result<Vec<String>, StoreError> {
    let patterns = DocumentKind::ALL.map(|kind| format!("{}{}*", store.prefix(), kind.name())).join(",");
    match expire::names(store, &patterns, which).await {
        Ok(mut names) => {
            names.retain(|name| shards::own(store, name).is_some());
            Ok(names)
        }
        // Writing works without the right to list indices.
        Err(StoreError::Refused(_) | StoreError::Denied(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

type ClusterSettings = BTreeMap<String, Value>;

/// Effective cluster settings by full name: transient before persistent before default.
async fn cluster_settings(store: &Elasticsearch) -> Result<ClusterSettings, StoreError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct All {
        defaults: ClusterSettings,
        persistent: ClusterSettings,
        transient: ClusterSettings,
    }
    let answer =
        store.ask(Method::GET, "_cluster/settings?flat_settings=true&include_defaults=true", ()).await?;
    if answer.status == StatusCode::FORBIDDEN {
        return Ok(ClusterSettings::new());
    }
    let All { defaults, persistent, transient } = answer.accepted()?.json()?;
    Ok(defaults.into_iter().chain(persistent).chain(transient).collect())
}

/// Settings of our indices by full name.
async fn index_settings(store: &Elasticsearch) -> Result<BTreeMap<String, ClusterSettings>, StoreError> {
    #[derive(Deserialize)]
    struct Index {
        settings: ClusterSettings,
    }
    let path = format!(
        "{}/_settings?flat_settings=true&ignore_unavailable=true&allow_no_indices=true",
        store.all_indices()
    );
    let answer = store.ask(Method::GET, &path, ()).await?;
    if answer.status == StatusCode::FORBIDDEN {
        return Ok(BTreeMap::new());
    }
    let indices: BTreeMap<String, Index> = answer.accepted()?.json()?;
    Ok(indices.into_iter().map(|(name, index)| (name, index.settings)).collect())
}

fn pipelines(settings: &BTreeMap<String, ClusterSettings>) -> Vec<String> {
    let of = |settings: &ClusterSettings| {
        let names = ["index.default_pipeline", "index.final_pipeline"];
        let used =
            names.into_iter().filter_map(|name| Some(format!("{name} {}", settings.get(name)?.as_str()?)));
        used.filter(|used| !used.ends_with(" _none")).collect::<Vec<_>>()
    };
    let mut used: Vec<String> = settings.values().flat_map(of).collect();
    used.sort();
    used.dedup();
    used
}

/// Patterns of our indices that the cluster does not create automatically, and the setting's value.
fn not_created(store: &Elasticsearch, cluster: &ClusterSettings) -> Option<(Vec<String>, String)> {
    let setting = cluster.get("action.auto_create_index")?;
    let setting = setting.as_str().map_or_else(|| setting.to_string(), str::to_owned);
    let is_made = |kind: &DocumentKind| {
        let name = format!("{}{}", store.prefix(), kind.index(Split::Month, Date::constant(2026, 1, 1)));
        is_created(&setting, &name)
    };
    let refused: Vec<String> =
        DocumentKind::ALL.iter().filter(|kind| !is_made(kind)).map(|kind| store.indices(*kind)).collect();
    (!refused.is_empty()).then_some((refused, setting))
}

/// Evaluates `action.auto_create_index`: true, false, or a list of patterns of which the first match decides. No
/// match means false.
fn is_created(setting: &str, name: &str) -> bool {
    match setting {
        "true" => return true,
        "false" => return false,
        _ => {}
    }
    for pattern in setting.trim_matches(['[', ']']).split(',').map(|pattern| pattern.trim_matches([' ', '"']))
    {
        let (allows, pattern) = match pattern.strip_prefix('-') {
            Some(pattern) => (false, pattern),
            None => (true, pattern.strip_prefix('+').unwrap_or(pattern)),
        };
        if matches(pattern.as_bytes(), name.as_bytes()) {
            return allows;
        }
    }
    false
}

/// Active blocks that hinder work.
fn in_force(
    settings: impl IntoIterator<Item = (String, Value)>,
    prefix: &str,
) -> impl Iterator<Item = String> {
    settings.into_iter().filter_map(move |(name, value)| {
        let block = name.strip_prefix(prefix)?;
        let on = value == "true" || value == true;
        // A metadata block does not stop work. A longer name is an option of a block, such as OpenSearch's
        // `create_index.auto_release`, which is on by default.
        (on && block != "metadata" && !block.contains('.')).then(|| block.to_owned())
    })
}

async fn may_read(store: &Elasticsearch) -> Result<Right, StoreError> {
    let path =
        format!("{}/_search?size=0&ignore_unavailable=true&allow_no_indices=true", store.all_indices());
    judged(&store.ask(Method::GET, &path, ()).await?)
}

/// Tries a write with a condition that no document fulfils: without the right to write, the server refuses it for
/// that reason, else for the condition. Writes nothing and creates no index.
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
    let receipts = format!("{}{}", store.prefix(), DocumentKind::Harvests.name());
    let Some(index) = indices.iter().find(|name| **name == receipts).or(indices.last()) else {
        return Ok(Right::Untold);
    };
    let action = json!({"index": {"_index": index, "_id": "ua-check", "if_seq_no": 1_u64 << 52, "if_primary_term": 1}});
    let answer = store.ask(Method::POST, "_bulk", format!("{action}\n{{}}\n")).await?;
    if !answer.status.is_success() {
        return judged(&answer);
    }
    let bulk: Bulk = answer.json()?;
    let item = bulk.items.into_iter().next().and_then(|item| item.into_values().next());
    Ok(match item {
        None => Right::Untold,
        Some(item) if item.status == 403 || item.error.is_block() => Right::Refused(item.error.shown(None)),
        Some(_) => Right::Granted,
    })
}

fn judged(answer: &StoreResponse) -> Result<Right, StoreError> {
    match answer.status {
        StatusCode::FORBIDDEN => Ok(Right::Refused(answer.reason())),
        status if status.is_success() => Ok(Right::Granted),
        _ => Ok(Right::Untold),
    }
}

/// Privileges that the user lacks. Only Elasticsearch with security enabled can be asked.
async fn missing_privileges(store: &Elasticsearch) -> Result<Vec<String>, StoreError> {
    #[derive(Deserialize)]
    struct Privileges {
        cluster: BTreeMap<String, bool>,
        index: BTreeMap<String, BTreeMap<String, bool>>,
    }
    let names = DocumentKind::ALL.map(|kind| store.indices(kind));
    let question = json!({
        "cluster": CLUSTER_PRIVILEGES,
        "index": [{"names": names, "privileges": INDEX_PRIVILEGES}]
    });
    let answer = store.ask(Method::POST, "_security/user/_has_privileges", question.to_string()).await?;
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
    fn the_first_pattern_that_fits_decides_whether_an_index_is_made() {
        for (setting, wanted) in [
            ("true", true),
            ("false", false),
            ("-sessions-*,+*", false),
            ("+sessions-*,-*", true),
            ("logs-*,harvests", false),
            (r#"["logs-*","sess*"]"#, true),
        ] {
            assert_eq!(is_created(setting, "sessions-2026.01"), wanted, "{setting}");
        }
    }

    #[test]
    fn only_blocks_that_are_switched_on_and_hinder_count() {
        let settings: BTreeMap<String, Value> = serde_json::from_value(json!({
            "index.blocks.read_only_allow_delete": "true",
            "index.blocks.write": "false",
            "index.blocks.metadata": "true",
            "index.blocks.read": true,
            "index.blocks.create_index.auto_release": "true",
            "index.number_of_shards": "1",
        }))
        .unwrap();
        let blocks: Vec<String> = in_force(settings, "index.blocks.").collect();
        assert_eq!(blocks, ["read", "read_only_allow_delete"]);
    }
}
