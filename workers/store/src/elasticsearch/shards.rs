//! Finds our red indices. They lack an active primary shard, so searches miss documents and writes fail.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;

use super::{Elasticsearch, QUICK};
use crate::{DocumentKind, StoreError};

/// Cluster health, limited to our indices.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// The worst status of our indices, or of the cluster if there are none; `None` if unknown.
    pub(super) status: Option<String>,
    /// Our red indices, without prefix.
    pub(super) red: Vec<String>,
}

/// Requests the health. Returns an empty result if the user lacks the right.
pub(super) async fn health(store: &Elasticsearch) -> Result<Health, StoreError> {
    #[derive(Deserialize)]
    struct Cluster {
        #[serde(default)]
        status: String,
        #[serde(default)]
        indices: BTreeMap<String, Index>,
    }
    #[derive(Deserialize)]
    struct Index {
        status: String,
    }
    let path = "_cluster/health?level=indices&timeout=3s&filter_path=status,indices.*.status";
    let answer = store.ask_within(Method::GET, path, (), Some(QUICK)).await?;
    // 408: the wait timed out, but the body holds the health.
    let told = answer.status.is_success() || answer.status.as_u16() == 408;
    if !told {
        return match answer.accepted() {
            Ok(_) | Err(StoreError::Refused(_) | StoreError::Denied(_)) => Ok(Health::default()),
            Err(error) => Err(error),
        };
    }
    let Cluster { status, indices } = answer.json()?;
    let ours = indices.into_iter().filter_map(|(name, index)| Some((own(store, &name)?, index.status)));
    let ours: Vec<(String, String)> = ours.collect();
    let rank = |status: &str| ["green", "yellow", "red"].iter().position(|known| *known == status);
    let worst = ours.iter().map(|(_, status)| status.clone()).max_by_key(|status| rank(status));
    let red = ours.into_iter().filter(|(_, status)| status == "red").map(|(name, _)| name).collect();
    Ok(Health { status: worst.or(Some(status)), red })
}

/// Our red indices, without prefix; empty if the server does not say.
pub(super) async fn red(store: &Elasticsearch) -> Vec<String> {
    health(store).await.unwrap_or_default().red
}

/// Name of one of our indices without the prefix; `None` for other indices.
pub(super) fn own(store: &Elasticsearch, name: &str) -> Option<String> {
    let name = name.strip_prefix(store.prefix())?;
    DocumentKind::ALL.into_iter().any(|kind| kind.is_name(name)).then(|| name.to_owned())
}

/// Up to three names, and the number of further ones.
pub(super) fn some(names: &[String]) -> String {
    let shown = names.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        0..=3 => shown,
        more => format!("{shown} and {} more", more - 3),
    }
}
