//! What setting up and checking a store have found.

use std::fmt;

/// What became of a template, or of a view of the local file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    Created,
    /// Another one was there.
    Updated,
    /// It was there already, just so.
    Unchanged,
}

/// What [`crate::Store::setup`] did: the name of each template (or view), and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupReport {
    /// In the order of [`crate::Kind::ALL`].
    pub changes: Vec<(String, Change)>,
    /// What gives indices another form than the templates: the templates alone do not help then.
    pub conflicts: Vec<Conflict>,
}

/// Something of others that gives indices another form than our templates do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// What it is, and what differs.
    pub text: String,
    /// What to do.
    pub remedy: String,
}

impl SetupReport {
    /// True when everything was there already.
    pub fn is_unchanged(&self) -> bool {
        self.changes.iter().all(|(_, change)| *change == Change::Unchanged)
    }
}

/// Whether a template (or a view of the local file) is the one this program needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateState {
    /// It is there, just so.
    Current,
    /// Another one is there: `ua setup` puts it right.
    Changed,
    /// It is not there: `ua setup` makes it.
    Missing,
}

/// What [`crate::Store::check`] found in a store that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// `Elasticsearch`, `OpenSearch` or `SQLite`.
    pub product: String,
    /// Its version, for example `9.2.0`.
    pub version: String,
    /// The name of each template (or view), and whether it is the right one.
    pub templates: Vec<(String, TemplateState)>,
    /// What gives indices another form than the templates.
    pub conflicts: Vec<Conflict>,
}

/// Whether the user may do something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Right {
    /// It was tried, or asked for, and is allowed.
    Granted,
    /// It is not, in the store's words.
    Refused(String),
    /// There is no way to find out yet.
    #[default]
    Untold,
}

/// What [`crate::Store::examine`] found in a store that answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// `green`, `yellow` or `red`, of our indices or, without any, of the whole; `None`: not told.
    pub cluster: Option<String>,
    /// Who is blocked, and the block: `write`, `read_only`, `read_only_allow_delete` (its disk is almost full).
    pub blocks: Vec<(String, String)>,
    /// Our indices without a primary shard.
    pub red: Vec<String>,
    /// Our indices that are closed.
    pub closed: Vec<String>,
    /// Our indices that `action.auto_create_index` forbids to make, as patterns; and the setting.
    pub not_created: Option<(Vec<String>, String)>,
    /// Ingest pipelines that our indices pass documents through, by setting and name.
    pub pipelines: Vec<String>,
    /// Our open indices.
    pub indices: usize,
    /// Reading.
    pub read: Right,
    /// Writing; untold as long as no index exists.
    pub write: Right,
    /// Privileges that the store says are missing; empty also where it cannot be asked.
    pub missing_privileges: Vec<String>,
}

impl Health {
    /// True when every template is there, just so, and nothing takes its place.
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
