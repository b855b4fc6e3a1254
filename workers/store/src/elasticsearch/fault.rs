//! The error object of a search engine: what it means, and what of it may be shown.
//!
//! Its texts quote documents, queries, and in Elasticsearch 7 the whole HTTP request. So none of them is shown where a
//! request held a document or a query: only the type, the name of a field, and words of our own.

use serde::Deserialize;

use crate::DocumentKind;

mod text;

use text::is_name;

/// The error object of an answer or of an item of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fault {
    #[serde(rename = "type")]
    kind: String,
    reason: Option<String>,
    index: Option<String>,
    caused_by: Option<Box<Fault>>,
}

/// What an error is a reason for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The search engine cannot do it now; the document and the settings of `ua` are innocent.
    Busy,
    /// The search engine refuses this program.
    Denied,
    /// The search engine failed by itself, which may be due to this one document.
    Failed,
    /// The content is refused.
    Refused,
}

/// What a request was about.
#[derive(Debug, Clone, Copy)]
pub(super) struct FaultContext<'a> {
    pub(super) kind: Option<DocumentKind>,
    pub(super) index: Option<&'a str>,
}

impl Fault {
    /// What the error means, and one line that says what happened and what to do.
    pub(super) fn judge(&self, status: u16, place: FaultContext<'_>) -> (Meaning, String) {
        let name = self.index.as_deref().filter(|name| is_name(name)).or(place.index);
        let index = name.map_or_else(|| "an index".to_owned(), |name| format!("the index {name}"));
        let shown = self.shown(place.kind);
        let (meaning, words) = match self.kind.as_str() {
            "cluster_block_exception" => (Meaning::Busy, self.block(&index)),
            "index_closed_exception" => (
                Meaning::Busy,
                format!("{index} is closed; open it (POST {}/_open)", name.unwrap_or("INDEX")),
            ),
            "unavailable_shards_exception"
            | "no_shard_available_action_exception"
            | "search_phase_execution_exception"
                if status >= 500 || !self.is("search_phase_execution_exception") =>
            {
                let remedy =
                    "look at the nodes and disks of the search engine (GET _cluster/allocation/explain)";
                (Meaning::Busy, format!("{index} has no primary shard (its health is red); {remedy}"))
            }
            "search_phase_execution_exception" if status == 404 => (
                Meaning::Busy,
                "the search engine has forgotten the place of a scan; repeat the command".to_owned(),
            ),
            "validation_exception" if self.says("shards open") => {
                let remedy = "delete or close old indices, set UA_INDEX_SPLIT to a longer period, or raise cluster.max_shards_per_node";
                (Meaning::Busy, format!("the cluster takes no more shards; {remedy}"))
            }
            "circuit_breaking_exception" => {
                (Meaning::Busy, "the search engine is short of memory; give it a larger heap".to_owned())
            }
            "index_not_found_exception" if self.says("auto_create_index") => (
                Meaning::Denied,
                format!("the cluster's action.auto_create_index forbids to make {index}; allow it"),
            ),
            "index_not_found_exception" if place.kind.is_some() => {
                (Meaning::Busy, format!("{index} was deleted while a document was written"))
            }
            "index_create_block_exception" => (
                Meaning::Busy,
                "the cluster makes no new indices for now; look at its disks and blocks".to_owned(),
            ),
            "master_not_discovered_exception"
            | "cluster_manager_not_discovered_exception"
            | "not_master_exception" => {
                (Meaning::Busy, "the cluster has no elected master; look at its nodes".to_owned())
            }
            "security_exception" | "authentication_exception" | "authorization_exception" => {
                (Meaning::Denied, self.rights(status))
            }
            // Neither a field nor a setting of the mapping is named: most processors of pipelines fail in this way.
            "illegal_argument_exception" if place.kind.is_some() && shown == self.name() => {
                let remedy = "look at its ingest pipelines (index.default_pipeline, index.final_pipeline)";
                (Meaning::Refused, format!("{index} refuses the document; {remedy}"))
            }
            _ => match status {
                408 | 502..=504 => (Meaning::Busy, "the search engine is not available for now".to_owned()),
                429 => (Meaning::Busy, "the search engine is overloaded".to_owned()),
                401 | 403 => (Meaning::Denied, self.rights(status)),
                404 => (
                    Meaning::Denied,
                    "the search engine does not know this request; is ES_HOST right?".to_owned(),
                ),
                500..=599 => {
                    let remedy = "look at its ingest pipelines (index.default_pipeline, index.final_pipeline) and its log";
                    (Meaning::Failed, format!("the search engine fails on this request; {remedy}"))
                }
                _ => return (Meaning::Refused, shown),
            },
        };
        (meaning, format!("{words} ({status} {shown})"))
    }

    /// The type, with the field or words of our own; never the search engine's text.
    pub(super) fn shown(&self, kind: Option<DocumentKind>) -> String {
        let name = self.name();
        let field = kind.and_then(|kind| self.all().find_map(|fault| fault.field(kind)));
        match (field, self.all().find_map(Self::known)) {
            (Some(field), Some(words)) => format!("{name}: field [{field}]: {words}"),
            (Some(field), None) => format!("{name}: field [{field}]"),
            (None, Some(words)) => format!("{name}: {words}"),
            (None, None) => name.to_owned(),
        }
    }

    /// The whole text in one line: only for requests without documents and queries.
    pub(super) fn aloud(&self) -> String {
        let texts: Vec<&str> = self.all().filter_map(|fault| fault.reason.as_deref()).collect();
        let words = texts.join(": ").split_whitespace().collect::<Vec<_>>().join(" ");
        let words: String = words.chars().filter(|char| !char.is_control()).take(400).collect();
        format!("{}: {words}", self.name())
    }

    /// True for a block of the index or the cluster, by whatever status it comes.
    pub(super) fn is_block(&self) -> bool {
        self.kind == "cluster_block_exception"
    }

    /// True when the error is of this type.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    fn all(&self) -> impl Iterator<Item = &Self> {
        // Deeper causes say the same again.
        std::iter::successors(Some(self), |fault| fault.caused_by.as_deref()).take(4)
    }

    fn says(&self, text: &str) -> bool {
        self.all().any(|fault| fault.reason.as_deref().is_some_and(|reason| reason.contains(text)))
    }

    fn block(&self, index: &str) -> String {
        let words = match () {
            () if self.says("read-only-allow-delete") || self.says("read-only / allow delete") => {
                "takes no writes, because the disk of the search engine is full (flood stage); free disk space"
            }
            () if self.says("state not recovered") || self.says("no master") => {
                "is not ready: the cluster has just started or has no elected master; look at its nodes"
            }
            () if self.says("index read (api)") => {
                "cannot be read (index.blocks.read); set that block to null"
            }
            () => "takes no writes, because a block is set (index.blocks or cluster.blocks); set it to null",
        };
        format!("{index} {words}")
    }

    fn rights(&self, status: u16) -> String {
        if self.says("license") {
            return "the search engine's licence does not allow this; look at GET _license".to_owned();
        }
        let action = self.all().find_map(Self::action);
        let what = action.map_or_else(String::new, |action| format!(" {action}"));
        match status {
            401 => "the search engine does not accept the credentials; look at ES_USER and ES_PASSWORD, or ES_API_KEY, \
                    and at its security index"
                .to_owned(),
            _ => format!("the search engine forbids this{what}; give the user of ES_USER or ES_API_KEY the right to do it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: &str) -> Fault {
        serde_json::from_str(body).unwrap()
    }

    #[test]
    fn a_reason_shows_type_and_field_and_nothing_of_the_document() {
        let source = r#"at [Source: (byte[])\"POST /_bulk HTTP/1.1\r\nAuthorization: Basic canary\r\n\r\n{\"email\":\"canary@example.org\"}\"; line: 1]"#;
        for (reason, wanted) in [
            (
                "failed to parse field [duration] of type [integer] in document with id 'canary'. Preview of field's value: 'canary@example.org'",
                "field [duration]",
            ),
            (
                "[1:13] failed to parse field [harvest.fetched_at] of type [date] in document with id 'canary'",
                "field [harvest.fetched_at]",
            ),
            (
                "object mapping for [host] tried to parse field [host] as object, but found a concrete value",
                "field [host]",
            ),
            (
                "mapping set to strict, dynamic introduction of [name] within [host] is not allowed",
                "field [host.name]",
            ),
            (
                "mapping set to strict, dynamic introduction of [canary@example] within [host] is not allowed",
                "field [host]",
            ),
            (
                "mapping set to strict, dynamic introduction of [canary@example] within [_doc] is not allowed",
                "strict_dynamic",
            ),
            (
                "Document contains at least one immense term in field=\"topic\" whose UTF8 encoding ... '[canary]...'",
                "field [topic]: a text is longer",
            ),
            ("Limit of total fields [5] has been exceeded", "total_fields.limit"),
        ] {
            let body = format!(
                r#"{{"type":"strict_dynamic_mapping_exception","reason":{},"caused_by":{{"type":"json_parse_exception","reason":"Duplicate of canary {source}"}}}}"#,
                serde_json::json!(reason)
            );
            let (meaning, line) = fault(&body).judge(
                400,
                FaultContext { kind: Some(DocumentKind::Meetings), index: Some("meetings-2026.01") },
            );
            assert_eq!(meaning, Meaning::Refused);
            assert!(line.starts_with("strict_dynamic_mapping_exception") && line.contains(wanted), "{line}");
            assert!(!line.contains("canary") && !line.contains("Basic"), "{line}");
        }
        let raw =
            fault(r#"{"type":"x","reason":"dynamic introduction of [canary] within [body] is not allowed"}"#);
        assert!(
            !raw.shown(Some(DocumentKind::Raw)).contains("canary"),
            "names in an API's answer are not ours"
        );
        let odd = fault(r#"{"type":"canary@example.org","reason":"canary"}"#);
        assert_eq!(odd.shown(Some(DocumentKind::Meetings)), "unknown_error");
    }

    #[test]
    fn each_cause_has_its_own_words() {
        for (status, body, meaning, words) in [
            (
                403,
                r#"{"type":"cluster_block_exception","reason":"index [m] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];"}"#,
                Meaning::Busy,
                "disk of the search engine is full",
            ),
            (
                429,
                r#"{"type":"cluster_block_exception","reason":"index [m] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];"}"#,
                Meaning::Busy,
                "disk of the search engine is full",
            ),
            (
                403,
                r#"{"type":"cluster_block_exception","reason":"index [m] blocked by: [FORBIDDEN/8/index write (api)];"}"#,
                Meaning::Busy,
                "a block is set",
            ),
            (
                503,
                r#"{"type":"cluster_block_exception","reason":"blocked by: [SERVICE_UNAVAILABLE/2/no master];"}"#,
                Meaning::Busy,
                "no elected master",
            ),
            (
                400,
                r#"{"type":"index_closed_exception","reason":"closed","index":"m"}"#,
                Meaning::Busy,
                "the index m is closed; open it (POST m/_open)",
            ),
            (
                503,
                r#"{"type":"unavailable_shards_exception","reason":"[m][0] primary shard is not active"}"#,
                Meaning::Busy,
                "no primary shard",
            ),
            (
                503,
                r#"{"type":"search_phase_execution_exception","reason":"all shards failed"}"#,
                Meaning::Busy,
                "no primary shard",
            ),
            (
                400,
                r#"{"type":"validation_exception","reason":"Validation Failed: 1: this action would add [2] total shards, but this cluster currently has [1000]/[1000] maximum shards open;"}"#,
                Meaning::Busy,
                "takes no more shards",
            ),
            (
                400,
                r#"{"type":"validation_exception","reason":"this action would add [1] shards, but this cluster currently has [5]/[5] maximum normal shards open;"}"#,
                Meaning::Busy,
                "takes no more shards",
            ),
            (
                429,
                r#"{"type":"circuit_breaking_exception","reason":"[parent] Data too large"}"#,
                Meaning::Busy,
                "short of memory",
            ),
            (
                429,
                r#"{"type":"es_rejected_execution_exception","reason":"rejected"}"#,
                Meaning::Busy,
                "overloaded",
            ),
            (
                404,
                r#"{"type":"index_not_found_exception","reason":"no such index [m] and [action.auto_create_index] is [false]"}"#,
                Meaning::Denied,
                "action.auto_create_index",
            ),
            (
                403,
                r#"{"type":"security_exception","reason":"action [indices:data/write/bulk[s]] is unauthorized for user [canary]"}"#,
                Meaning::Denied,
                "forbids this indices:data/write/bulk",
            ),
            (
                401,
                r#"{"type":"security_exception","reason":"unable to authenticate user [canary]"}"#,
                Meaning::Denied,
                "security index",
            ),
            (
                500,
                r#"{"type":"fail_processor_exception","reason":"canary"}"#,
                Meaning::Failed,
                "fail_processor_exception",
            ),
            (
                400,
                r#"{"type":"illegal_argument_exception","reason":"pipeline with id [canary] does not exist"}"#,
                Meaning::Refused,
                "pipeline does not exist",
            ),
            (
                400,
                r#"{"type":"illegal_argument_exception","reason":"unable to convert [canary] to integer"}"#,
                Meaning::Refused,
                "look at its ingest pipelines",
            ),
        ] {
            let (found, text) = fault(body)
                .judge(status, FaultContext { kind: Some(DocumentKind::Meetings), index: Some("m") });
            assert_eq!(found, meaning, "{body}");
            assert!(text.contains(words) && !text.contains("canary"), "{text}");
            let kind = fault(body).name().to_owned();
            assert!(text.contains(&kind), "the type is shown: {text}");
        }
    }
}
