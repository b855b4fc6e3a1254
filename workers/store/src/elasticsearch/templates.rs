//! The index templates on the server: loads and compares them; tests delete them.

use ::elasticsearch::indices::{IndicesGetIndexTemplateParts, IndicesPutIndexTemplateParts};
use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Elasticsearch;
use super::conflicts::conflicts;
use super::expire::{delete, names};
use crate::report::{Change, TemplateState};
use crate::{DocumentKind, Health, SetupReport, StoreError, template};

pub(super) async fn load(store: &Elasticsearch) -> Result<SetupReport, StoreError> {
    let mut found = found(store).await?;
    let (mut changes, mut untaught) = (Vec::new(), None);
    for kind in DocumentKind::ALL {
        let (name, wanted) = (name(store, kind), wanted(store, kind)?);
        let change = match state(found.remove(&name), &wanted) {
            TemplateState::Current => Change::Unchanged,
            TemplateState::Changed => Change::Updated,
            TemplateState::Missing => Change::Created,
        };
        // Written even when unchanged, to test the user's right.
        let path = IndicesPutIndexTemplateParts::Name(&name).url();
        store.ask(Method::PUT, &path, wanted.to_string()).await?.accepted_aloud()?.acknowledged()?;
        untaught = teach(store, kind, &wanted).await?.err().or(untaught);
        changes.push((name, change));
    }
    let conflicts = conflicts(store).await?;
    // If an index refused new fields, its mapping conflicts, and `conflicts` reports it.
    match untaught {
        Some(error) if conflicts.is_empty() => Err(error),
        _ => Ok(SetupReport { changes, conflicts }),
    }
}

/// Adds new fields to existing indices: a template only applies to later indices, and this month's strict index would
/// refuse documents with a new field until the month is over. Inner error: an index refused.
async fn teach(
    store: &Elasticsearch,
    kind: DocumentKind,
    wanted: &Value,
) -> Result<Result<(), StoreError>, StoreError> {
    let path = format!("{}/_mapping?ignore_unavailable=true&allow_no_indices=true", store.indices(kind));
    let answer = store.ask(Method::PUT, &path, wanted["template"]["mappings"].to_string()).await?;
    match answer.status {
        StatusCode::NOT_FOUND => Ok(Ok(())),
        StatusCode::BAD_REQUEST => Ok(answer.accepted_aloud().map(|_| ())),
        _ => answer.accepted()?.acknowledged().map(Ok),
    }
}

pub(super) async fn check(store: &Elasticsearch) -> Result<Health, StoreError> {
    #[derive(Deserialize)]
    struct Root {
        version: Version,
    }
    #[derive(Deserialize)]
    struct Version {
        number: String,
        distribution: Option<String>,
    }
    let Root { version } = store.ask(Method::GET, "", ()).await?.accepted()?.json()?;
    let product = match version.distribution.as_deref() {
        Some("opensearch") => "OpenSearch",
        _ => "Elasticsearch",
    };
    let mut found = found(store).await?;
    let mut templates = Vec::new();
    for kind in DocumentKind::ALL {
        let name = name(store, kind);
        let state = state(found.remove(&name), &wanted(store, kind)?);
        templates.push((name, state));
    }
    let conflicts = conflicts(store).await?;
    Ok(Health { product: product.to_owned(), version: version.number, templates, conflicts })
}

pub(super) async fn wipe(store: &Elasticsearch) -> Result<(), StoreError> {
    for names in names(store, &store.all_indices(), "all").await?.chunks(20) {
        delete(store, &names.join(",")).await?;
    }
    delete(store, &format!("_index_template/{}ua-*", store.prefix())).await?;
    Ok(())
}

pub(super) fn name(store: &Elasticsearch, kind: DocumentKind) -> String {
    format!("{}ua-{}", store.prefix(), kind.name())
}

/// Priority of our template.
pub(super) fn priority(kind: DocumentKind) -> i64 {
    let template: Value = serde_json::from_str(template::of(kind).text).unwrap_or_default();
    template["priority"].as_i64().unwrap_or_default()
}

/// The template for this server.
fn wanted(store: &Elasticsearch, kind: DocumentKind) -> Result<Value, StoreError> {
    let unreadable =
        |error| StoreError::Misconfigured(format!("the template of {} is damaged: {error}", kind.name()));
    let mut template: Value = serde_json::from_str(template::of(kind).text).map_err(unreadable)?;
    template["index_patterns"] = json!([store.indices(kind)]);
    Ok(template)
}

/// Our templates on the server, by name.
async fn found(store: &Elasticsearch) -> Result<BTreeMap<String, Value>, StoreError> {
    #[derive(Deserialize)]
    struct All {
        index_templates: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        name: String,
        index_template: Value,
    }
    let names = format!("{}ua-*", store.prefix());
    let answer = store.ask(Method::GET, &IndicesGetIndexTemplateParts::Name(&names).url(), ()).await?;
    if answer.status == StatusCode::NOT_FOUND {
        return Ok(BTreeMap::new());
    }
    let All { index_templates } = answer.accepted()?.json()?;
    Ok(index_templates.into_iter().map(|one| (one.name, one.index_template)).collect())
}

fn state(found: Option<Value>, wanted: &Value) -> TemplateState {
    let same = |found: &Value| {
        let part = |name: &str| found[name] == wanted[name];
        part("index_patterns")
            && part("priority")
            && part("version")
            && part("_meta")
            && found["template"]["mappings"] == wanted["template"]["mappings"]
            && settings(&found["template"]["settings"]) == settings(&wanted["template"]["settings"])
    };
    match found {
        None => TemplateState::Missing,
        Some(found) if same(&found) => TemplateState::Current,
        Some(_) => TemplateState::Changed,
    }
}

/// Settings as text by full name without `index.`, the form in which servers return them.
pub(super) fn settings(settings: &Value) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    flatten("", settings, &mut flat);
    let short = |name: String| name.strip_prefix("index.").map(str::to_owned).unwrap_or(name);
    flat.into_iter().map(|(name, value)| (short(name), value)).collect()
}

fn flatten(name: &str, value: &Value, flat: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                flatten(&name, value, flat);
            }
        }
        Value::String(text) => drop(flat.insert(name.to_owned(), text.clone())),
        Value::Null => {}
        other => drop(flat.insert(name.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_the_same_however_the_server_writes_its_settings() {
        let wanted: Value = serde_json::from_str(template::of(DocumentKind::Meetings).text).unwrap();
        let mut found = wanted.clone();
        found["template"]["settings"] = json!({"index": {
            "number_of_shards": "1", "auto_expand_replicas": "0-1", "refresh_interval": "5s", "mapping": {"coerce": "false"}
        }});
        assert_eq!(state(Some(found.clone()), &wanted), TemplateState::Current);
        found["template"]["mappings"]["properties"]["topic"]["ignore_above"] = 7.into();
        assert_eq!(state(Some(found), &wanted), TemplateState::Changed);
        assert_eq!(state(None, &wanted), TemplateState::Missing);
    }
}
