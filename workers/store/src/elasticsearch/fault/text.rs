//! What of a search engine's reason may be shown: its type, a field of our templates, an action, words of our own.

use super::Fault;
use crate::{DocumentKind, template};

/// Words for a text that a search engine's reason contains.
const KNOWN: [(&str, &str); 10] = [
    (
        "Limit of total fields",
        "the index takes fewer fields than a document has (index.mapping.total_fields.limit)",
    ),
    (
        "Limit of mapping depth",
        "the index takes fewer levels than a document has (index.mapping.depth.limit)",
    ),
    ("allowed in data streams", "the name belongs to a data stream, which takes no updates"),
    ("pipeline with id", "its ingest pipeline does not exist (index.default_pipeline, index.final_pipeline)"),
    ("immense term", "a text is longer than the index takes"),
    ("Duplicate field", "a field comes twice"),
    ("mapping set to strict", "the mapping is strict and lacks a field of the document"),
    ("field name cannot", "a field has no usable name"),
    ("routing is required", "the index asks for a routing value (_routing.required)"),
    ("REST request body size", "the request is too large"),
];

impl Fault {
    /// The type, if it is the name of one.
    pub(super) fn name(&self) -> &str {
        let plain = self.kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if plain && (1..=80).contains(&self.kind.len()) { &self.kind } else { "unknown_error" }
    }

    pub(super) fn known(&self) -> Option<&'static str> {
        let reason = self.reason.as_deref()?;
        KNOWN.iter().find(|(text, _)| reason.contains(text)).map(|(_, words)| *words)
    }

    /// The action that a refusal of rights names.
    pub(super) fn action(&self) -> Option<&str> {
        let reason = self.reason.as_deref()?;
        let start = ["[indices:", "[cluster:"].into_iter().find_map(|start| reason.find(start))? + 1;
        let fine = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b':' | b'/' | b'_' | b'*');
        let length = reason.bytes().skip(start).take_while(|byte| fine(*byte)).count();
        reason.get(start..start + length.min(80))
    }

    /// The field that is meant, if the kind's template has it. Another name is the document's, and may be anything.
    pub(super) fn field(&self, kind: DocumentKind) -> Option<String> {
        let fields = &template::of(kind).fields;
        let is_known = |name: &str| fields.find(name).is_some();
        if let Some((parent, name)) = self.introduced() {
            let path = if parent == "_doc" { name.to_owned() } else { format!("{parent}.{name}") };
            return if is_known(&path) { Some(path) } else { is_known(parent).then(|| parent.to_owned()) };
        }
        self.bracketed().chain(self.quoted()).find(|name| is_known(name)).map(str::to_owned)
    }

    /// The place and the name of a field that a strict mapping does not have.
    fn introduced(&self) -> Option<(&str, &str)> {
        let (_, rest) = self.reason.as_deref()?.split_once("dynamic introduction of [")?;
        let (name, rest) = rest.split_once("] within [")?;
        let (parent, _) = rest.split_once(']')?;
        Some((parent, name))
    }

    /// What stands in brackets.
    fn bracketed(&self) -> impl Iterator<Item = &str> {
        let parts = self.reason.as_deref().unwrap_or_default().split('[').skip(1);
        parts.filter_map(|part| part.split_once(']')).map(|(token, _)| token)
    }

    /// What stands behind the word field in quotes.
    fn quoted(&self) -> impl Iterator<Item = &str> {
        let reason = self.reason.as_deref().unwrap_or_default();
        ["field=\"", "Duplicate field '"].into_iter().filter_map(move |before| {
            let (_, rest) = reason.split_once(before)?;
            rest.split_once(['"', '\'']).map(|(name, _)| name)
        })
    }
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

/// True for the name of an index.
pub(super) fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name.bytes().all(|byte| is_of_a_name(byte) || matches!(byte, b'-' | b'.'))
}
