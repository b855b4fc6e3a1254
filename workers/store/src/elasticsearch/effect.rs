//! Compares an index, existing or simulated, with the template of its kind. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{DocumentKind, template};

/// Number of differences that are listed before the rest is counted.
const NAMED: usize = 2;

/// Differences that make the store refuse or misinterpret documents.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// Differences of existing fields and settings, as text.
    pub(super) wrong: Vec<String>,
    /// Fields that the mapping lacks; they can be added.
    pub(super) missing: Vec<String>,
}

impl Differences {
    pub(super) fn is_empty(&self) -> bool {
        self.wrong.is_empty() && self.missing.is_empty()
    }

    /// All differences in one line.
    pub(super) fn words(&self) -> String {
        let mut words: Vec<String> = self.wrong.iter().take(NAMED).cloned().collect();
        if let Some(more) = self.wrong.len().checked_sub(NAMED).filter(|more| *more > 0) {
            words.push(format!("{more} more of this kind"));
        }
        match &self.missing[..] {
            [] => {}
            [one] => words.push(format!("the field {one} is missing")),
            [one, rest @ ..] => words.push(format!("the field {one} and {} more are missing", rest.len())),
        }
        words.join(", ")
    }
}

/// Compares mappings and settings (by full name, without `index.`) with the template of `kind`.
pub(super) fn differences(
    kind: DocumentKind,
    mappings: &Value,
    settings: &BTreeMap<String, String>,
) -> Differences {
    let wanted: Value = serde_json::from_str(template::of(kind).text).unwrap_or_default();
    let wanted = &wanted["template"]["mappings"];
    let mut found = Differences::default();
    compare("", &wanted["properties"], &mappings["properties"], &mut found);
    if mappings["_source"]["enabled"] == false {
        found.wrong.push("_source is disabled".to_owned());
    }
    if mappings["_routing"]["required"] == true {
        found.wrong.push("_routing is required".to_owned());
    }
    for (setting, needed) in [("mapping.total_fields.limit", count(wanted)), ("mapping.depth.limit", 3)] {
        let limit = settings.get(setting).and_then(|limit| limit.parse::<usize>().ok());
        if let Some(limit) = limit.filter(|limit| *limit < needed) {
            found.wrong.push(format!("index.{setting} is {limit}, and documents need {needed}"));
        }
    }
    if let Some(mode) = settings.get("mode").filter(|mode| *mode != "standard") {
        found.wrong.push(format!("index.mode is {mode}"));
    }
    found
}

fn compare(above: &str, wanted: &Value, found: &Value, differences: &mut Differences) {
    let empty = Map::new();
    let found = found.as_object().unwrap_or(&empty);
    for (name, wanted) in wanted.as_object().unwrap_or(&empty) {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        let Some(found) = found.get(name) else {
            differences.missing.push(path);
            continue;
        };
        if takes_anything(wanted) && takes_anything(found) {
            continue;
        }
        let (type_found, type_wanted) = (type_of(found), type_of(wanted));
        if type_found != type_wanted {
            differences
                .wrong
                .push(format!("the field {path} is of type {type_found} instead of {type_wanted}"));
            continue;
        }
        for parameter in ["enabled", "format", "ignore_malformed"] {
            let (found, wanted) = (parameter_of(found, parameter), parameter_of(wanted, parameter));
            if found != wanted {
                differences
                    .wrong
                    .push(format!("the field {path} has {parameter} {found} instead of {wanted}"));
            }
        }
        if wanted["properties"].is_object() {
            compare(&path, &wanted["properties"], &found["properties"], differences);
        }
    }
}

/// Stored without being parsed: any text or object fits, whatever the type.
fn takes_anything(field: &Value) -> bool {
    field["enabled"] == false || field["type"] == "binary"
}

fn type_of(field: &Value) -> &str {
    field["type"].as_str().unwrap_or("object")
}

fn parameter_of(field: &Value, parameter: &str) -> String {
    match (&field[parameter], parameter) {
        (Value::Null, "enabled") => "true".to_owned(),
        (Value::Null, "ignore_malformed") => "false".to_owned(),
        (Value::Null, _) => "unset".to_owned(),
        (Value::String(text), _) => text.clone(),
        (other, _) => other.to_string(),
    }
}

/// Number of fields in a mapping, counted as the server's limit counts them.
fn count(mapping: &Value) -> usize {
    let of = |part: &str| -> usize {
        mapping[part].as_object().map_or(0, |fields| fields.values().map(|field| 1 + count(field)).sum())
    };
    of("properties") + of("fields")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(kind: DocumentKind) -> Value {
        let file: Value = serde_json::from_str(template::of(kind).text).unwrap();
        file["template"]["mappings"].clone()
    }

    #[test]
    fn an_index_made_by_the_template_is_like_it() {
        for kind in DocumentKind::ALL {
            let mut mapping = wanted(kind);
            assert!(differences(kind, &mapping, &BTreeMap::new()).is_empty(), "{kind:?}");
            mapping["properties"]["added"] = json!({"type": "keyword"});
            let limit = BTreeMap::from([("mapping.total_fields.limit".to_owned(), "1000".to_owned())]);
            assert!(differences(kind, &mapping, &limit).is_empty(), "{kind:?}: a field more does no harm");
        }
    }

    #[test]
    fn what_refuses_or_misreads_documents_is_named() {
        let few = BTreeMap::from([("mapping.total_fields.limit".to_owned(), "5".to_owned())]);
        let limited = differences(DocumentKind::Sessions, &wanted(DocumentKind::Sessions), &few).words();
        assert!(limited.contains("total_fields.limit is 5"), "{limited}");
        let mut other = wanted(DocumentKind::Sessions);
        other["properties"]["join_time"] = json!({"type": "keyword"});
        other["properties"]["device"]["properties"]["raw"] = json!({"type": "long"});
        other["properties"]["ip_address"] = json!({"type": "ip"});
        other["properties"].as_object_mut().unwrap().remove("topic");
        other["_source"] = json!({"enabled": false});
        let found = differences(DocumentKind::Sessions, &other, &BTreeMap::new());
        assert_eq!(found.missing, ["topic"]);
        let wrong = found.wrong.join("; ");
        for part in [
            "join_time is of type keyword instead of date",
            "device.raw is of type long",
            "ip_address has ignore_malformed",
            "_source",
        ] {
            assert!(wrong.contains(part), "{wrong}");
        }
        assert_eq!(
            differences(DocumentKind::Runs, &json!({}), &BTreeMap::new()).words().matches("missing").count(),
            1
        );
        let mode = BTreeMap::from([("mode".to_owned(), "logsdb".to_owned())]);
        assert!(!differences(DocumentKind::Runs, &wanted(DocumentKind::Runs), &mode).is_empty());
    }
}
