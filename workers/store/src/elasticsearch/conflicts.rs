//! Finds what overrides our index templates: foreign templates with a higher priority, and indices made from them.
//! Read-only.

use ::elasticsearch::indices::IndicesSimulateIndexTemplateParts;
use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::effect::{Differences, differences};
use super::shards::{own, some};
use super::{Elasticsearch, templates};
use crate::report::Conflict;
use crate::{DocumentKind, StoreError};

/// An index template that may override ours.
#[derive(Debug, Deserialize)]
struct Rival {
    #[serde(default)]
    index_patterns: Vec<String>,
    #[serde(default)]
    priority: i64,
    data_stream: Option<Value>,
    #[serde(skip)]
    name: String,
}

/// Mappings and settings that a new index would get.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Made {
    mappings: Value,
    settings: Value,
}

/// Everything that makes our indices differ from our templates.
pub(super) async fn conflicts(store: &Elasticsearch) -> Result<Vec<Conflict>, StoreError> {
    let mut found = Vec::new();
    let rivals = rivals(store).await?;
    for kind in DocumentKind::ALL {
        found.extend(outranked(store, kind, rivals.as_deref()).await?);
    }
    found.extend(existing(store).await?);
    Ok(found)
}

/// All index templates of the server; `None` if the user lacks the right to list them.
async fn rivals(store: &Elasticsearch) -> Result<Option<Vec<Rival>>, StoreError> {
    #[derive(Deserialize)]
    struct All {
        #[serde(default)]
        index_templates: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        name: String,
        index_template: Rival,
    }
    let answer = store.ask(Method::GET, "_index_template", ()).await?;
    if !answer.status.is_success() {
        return untold(answer.accepted());
    }
    let All { index_templates } = answer.json()?;
    Ok(Some(
        index_templates
            .into_iter()
            .map(|One { name, index_template }| Rival { name, ..index_template })
            .collect(),
    ))
}

/// Converts a refusal to `None`.
fn untold<T, U>(refused: Result<T, StoreError>) -> Result<Option<U>, StoreError> {
    match refused {
        Ok(_) | Err(StoreError::Refused(_) | StoreError::Denied(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The foreign templates that would apply to new indices of this kind.
async fn outranked(
    store: &Elasticsearch,
    kind: DocumentKind,
    rivals: Option<&[Rival]>,
) -> Result<Vec<Conflict>, StoreError> {
    let ours = templates::name(store, kind);
    let names = possible(kind).map(|name| format!("{}{name}", store.prefix()));
    // Check one index name per winning template.
    let mut winners: BTreeMap<Option<&str>, (String, Option<&Rival>)> = BTreeMap::new();
    for name in names {
        let matching = rivals.unwrap_or_default().iter().filter(|rival| rival.matches(&name));
        let winner = matching.max_by_key(|rival| (rival.priority, rival.name == ours));
        winners.entry(winner.map(|rival| &*rival.name)).or_insert((name, winner));
    }
    let mut found = Vec::new();
    for (name, winner) in winners.into_values() {
        // A missing or changed template of ours is reported elsewhere.
        let is_told = rivals.is_some();
        if is_told && winner.is_none_or(|winner| winner.name == ours) {
            continue;
        }
        let streams = winner.is_some_and(|winner| winner.data_stream.is_some());
        let made = simulated(store, &name).await?;
        let differences =
            made.map(|made| differences(kind, &made.mappings, &templates::settings(&made.settings)));
        if let Some(what) = in_words(streams, differences) {
            found.push(conflict(store, kind, &ours, &name, winner, &what));
        }
    }
    Ok(found)
}

fn in_words(streams: bool, differences: Option<Differences>) -> Option<String> {
    let differences = differences.filter(|differences| !differences.is_empty());
    match (streams, differences) {
        (true, _) => Some("it makes a data stream, which takes no updates".to_owned()),
        (false, Some(differences)) => Some(differences.words()),
        (false, None) => None,
    }
}

fn conflict(
    store: &Elasticsearch,
    kind: DocumentKind,
    ours: &str,
    index: &str,
    winner: Option<&Rival>,
    what: &str,
) -> Conflict {
    let pattern = store.indices(kind);
    let (who, remedy) = match winner {
        Some(Rival { name, priority, .. }) => (
            format!("the index template {name} (priority {priority})"),
            format!(
                "lower the priority of {name} below {}, or change its index_patterns so that they leave out {pattern}; \
                 then delete or reindex the indices that it made",
                templates::priority(kind)
            ),
        ),
        None => (
            "another index template".to_owned(),
            format!(
                "find it with POST _index_template/_simulate_index/{index}, and have it leave out {pattern}"
            ),
        ),
    };
    Conflict { text: format!("{who} takes the place of {ours} for {index}: {what}"), remedy }
}

/// Simulates an index of this name; `None` if the user lacks the right, or the server lacks the API.
async fn simulated(store: &Elasticsearch, name: &str) -> Result<Option<Made>, StoreError> {
    #[derive(Deserialize)]
    struct Simulated {
        #[serde(default)]
        template: Made,
    }
    let answer = store.ask(Method::POST, &IndicesSimulateIndexTemplateParts::Name(name).url(), ()).await?;
    if !answer.status.is_success() {
        return untold(answer.accepted());
    }
    Ok(Some(answer.json::<Simulated>()?.template))
}

/// Our existing indices that differ from their templates.
async fn existing(store: &Elasticsearch) -> Result<Vec<Conflict>, StoreError> {
    let mappings = parts(store, "_mapping", "mappings").await?;
    let mut settings = parts(store, "_settings", "settings").await?;
    let mut alike: BTreeMap<(DocumentKind, String, bool), Vec<String>> = BTreeMap::new();
    for (name, mappings) in mappings {
        let Some((kind, index)) = kind_of(store, &name) else { continue };
        let settings = settings.remove(&name).unwrap_or_else(|| json!({}));
        let found = differences(kind, &mappings, &templates::settings(&settings));
        if !found.is_empty() {
            alike.entry((kind, found.words(), found.wrong.is_empty())).or_default().push(index);
        }
    }
    let of = |((kind, words, learns), indices): ((DocumentKind, String, bool), Vec<String>)| {
        Conflict {
        text: format!("not as {} makes it: {} ({words})", templates::name(store, kind), some(&indices)),
        remedy: match learns {
            true => "run `ua setup`".to_owned(),
            false => "a mapping cannot be changed: delete the index and plan its dates again with --force, or reindex it \
                      into one that the template makes"
                .to_owned(),
        },
    }
    };
    Ok(alike.into_iter().map(of).collect())
}

/// One part (mappings or settings) of each of our open indices, by name.
async fn parts(store: &Elasticsearch, path: &str, part: &str) -> Result<BTreeMap<String, Value>, StoreError> {
    let path = format!("{}/{path}?ignore_unavailable=true&allow_no_indices=true", store.all_indices());
    let answer = store.ask(Method::GET, &path, ()).await?;
    if !answer.status.is_success() {
        return Ok(untold(answer.accepted())?.unwrap_or_default());
    }
    let indices: BTreeMap<String, Value> = answer.json()?;
    let part = |mut index: Value| index.get_mut(part).map(Value::take).unwrap_or_default();
    Ok(indices.into_iter().map(|(name, index)| (name, part(index))).collect())
}

fn kind_of(store: &Elasticsearch, name: &str) -> Option<(DocumentKind, String)> {
    let name = own(store, name)?;
    DocumentKind::ALL.into_iter().find(|kind| kind.is_name(&name)).map(|kind| (kind, name))
}

/// Names that indices of a kind may get, without prefix: each month of 2020 to 2049, one year and one day.
fn possible(kind: DocumentKind) -> Box<dyn Iterator<Item = String>> {
    let name = kind.name();
    if !kind.is_split() {
        return Box::new(std::iter::once(name.to_owned()));
    }
    let months =
        (2020..2050).flat_map(move |year| (1..=12).map(move |month| format!("{name}-{year}.{month:02}")));
    let others = ["2026", "2026.01.02"].map(|period| format!("{name}-{period}"));
    Box::new(months.chain(others))
}

impl Rival {
    fn matches(&self, name: &str) -> bool {
        self.index_patterns.iter().any(|pattern| matches(pattern.as_bytes(), name.as_bytes()))
    }
}

/// Matches a name against a pattern in which `*` stands for any text.
pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [] => name.is_empty(),
        [b'*', rest @ ..] => (0..=name.len()).any(|from| matches(rest, &name[from..])),
        [byte, rest @ ..] => {
            name.split_first().is_some_and(|(first, name)| first == byte && matches(rest, name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, wanted) in [
            ("*", "sessions-2026.01", true),
            ("sessions-*", "sessions-2026.01", true),
            ("*sessions*", "t-sessions-2026.01", true),
            ("sess*-2026.*", "sessions-2026.01", true),
            ("sessions-2027*", "sessions-2026.01", false),
            ("sessions-", "sessions-2026.01", false),
            ("harvests", "harvests", true),
            ("", "harvests", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), wanted, "{pattern} {name}");
        }
        assert_eq!(possible(DocumentKind::Harvests).collect::<Vec<_>>(), ["harvests"]);
        assert!(possible(DocumentKind::Sessions).any(|name| name == "sessions-2031.11"));
    }
}
