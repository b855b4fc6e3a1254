//! Results of setting up and checking a store.

use std::fmt;

/// What `setup` did with a template, or with a view of the local file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was missing.
    Created,
    /// It differed.
    Updated,
    /// It was current.
    Unchanged,
}

/// Result of [`crate::Store::setup`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupReport {
    /// Name of each template (or view) and what happened to it, in the order of [`crate::DocumentKind::ALL`].
    pub changes: Vec<(String, Change)>,
    /// Why new indices differ from the templates nevertheless.
    pub conflicts: Vec<Conflict>,
}

/// A foreign template or an existing index that makes indices differ from our templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The conflicting object and what differs.
    pub text: String,
    /// What to do.
    pub remedy: String,
}

impl SetupReport {
    /// Returns true when every template or view was current.
    pub fn is_unchanged(&self) -> bool {
        self.changes.iter().all(|(_, change)| *change == Change::Unchanged)
    }
}

/// State of a template, or of a view in the local file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateState {
    /// It is the one that this program needs.
    Current,
    /// It differs; `ua setup` replaces it.
    Changed,
    /// It is missing; `ua setup` creates it.
    Missing,
}

/// Result of [`crate::Store::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// `Elasticsearch`, `OpenSearch` or `SQLite`.
    pub product: String,
    /// Version, for example `9.2.0`.
    pub version: String,
    /// Name and state of each template (or view).
    pub templates: Vec<(String, TemplateState)>,
    /// Why indices differ from the templates.
    pub conflicts: Vec<Conflict>,
}

/// Whether the user has a right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Right {
    /// Tried or queried, and granted.
    Granted,
    /// Refused, with the store's reason.
    Refused(String),
    /// Unknown: there is no way to find out yet.
    #[default]
    Untold,
}

/// Result of [`crate::Store::examine`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// `green`, `yellow` or `red`: the worst of our indices, or the cluster's state if there are none. `None`:
    /// unknown.
    pub cluster: Option<String>,
    /// What is blocked, and the block: `write`, `read_only`, or `read_only_allow_delete` (its disk is almost full).
    pub blocks: Vec<(String, String)>,
    /// Our indices without an active primary shard.
    pub red: Vec<String>,
    /// Our closed indices.
    pub closed: Vec<String>,
    /// Patterns of our index names that `action.auto_create_index` forbids, and the value of that setting.
    pub not_created: Option<(Vec<String>, String)>,
    /// Ingest pipelines that process documents of our indices, with the setting that names them.
    pub pipelines: Vec<String>,
    /// Number of our open indices.
    pub indices: usize,
    /// Right to read.
    pub read: Right,
    /// Right to write; unknown while no index exists.
    pub write: Right,
    /// Privileges that the store reports as missing; empty if it cannot be asked.
    pub missing_privileges: Vec<String>,
}

impl Health {
    /// Returns true when every template is current and nothing conflicts with it.
    pub fn is_current(&self) -> bool {
        self.templates.iter().all(|(_, state)| *state == TemplateState::Current) && self.conflicts.is_empty()
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.text, self.remedy)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        })
    }
}

impl fmt::Display for TemplateState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Current => "current",
            Self::Changed => "changed (run `ua setup`)",
            Self::Missing => "missing (run `ua setup`)",
        })
    }
}
