//! The names of a source's parts, on the command line and in output. Constant. Independent of how a source is started,
//! so that commands need no list of sources.

use messages::{Family, Source};
use store::DocumentKind;

use super::of;
use crate::cli::Selectors;

/// The names of a source.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// The name in a sentence.
    pub(crate) name: &'static str,
    /// The role of `ua work` that fetches from it; also its name on the command line.
    pub(crate) role: &'static str,
    /// The variables that configure it.
    pub(crate) variables: &'static str,
    /// Heading of its plan, when several sources are planned.
    pub(crate) heading: Option<&'static str>,
    /// True when the source can have several accounts with labels. Otherwise it has one account without a label.
    pub(crate) has_labels: bool,
    /// The rate limits of its calls.
    pub(crate) limits: LimitNames,
    /// The flags of `ua plan` and `ua run` that apply to this source only.
    pub(crate) selectors: Own,
    /// The records that are harvested and counted.
    pub(crate) records: Records,
    /// The kinds of its documents.
    pub(crate) documents: &'static [DocumentKind],
}

/// Names of the rate limits of a source.
#[derive(Debug)]
pub(crate) struct LimitNames {
    /// The limits.
    pub(crate) each: &'static [Limit],
    /// The word by which `ua quota set` sets the share of all of them, if there is one.
    pub(crate) all: Option<&'static str>,
    /// The word by which `ua quota set` reserves calls of the day, if the source has daily limits.
    pub(crate) reserve: Option<&'static str>,
    /// The words for `ua quota set`, as in its help.
    pub(crate) to_share: &'static str,
    /// The words for `ua pause`, as in its help.
    pub(crate) to_pause: &'static str,
}

/// A rate limit of a source.
#[derive(Debug)]
pub(crate) struct Limit {
    /// Name of the rate limit.
    pub(crate) name: &'static str,
    /// The words that select this limit. No two limits share a word, across sources.
    pub(crate) words: &'static [&'static str],
    /// The jobs that mainly make these calls, if there are any.
    pub(crate) family: Option<Family>,
}

/// The flags of `ua plan` and `ua run` for one source only. Any of them selects that source.
#[derive(Debug)]
pub(crate) struct Own {
    /// The flags, as the subject of a sentence.
    pub(crate) flags: &'static str,
    /// True when any of the flags is given.
    pub(crate) are_said: fn(&Selectors) -> bool,
}

/// The records of a source. Its receipts say how many were expected and how many were received.
#[derive(Debug)]
pub(crate) struct Records {
    /// The name in output.
    pub(crate) name: &'static str,
    /// Kind of the receipts that count them.
    pub(crate) kind: &'static str,
    /// JSON field for the received records of a date.
    pub(crate) came: &'static str,
    /// JSON field for the expected records of a date.
    pub(crate) promised: &'static str,
}

/// Returns the vocabulary of every source, in the order of output.
pub(crate) fn all() -> impl Iterator<Item = (Source, &'static Vocabulary)> {
    Source::ALL.into_iter().map(|source| (source, of(source).vocabulary()))
}

/// Returns every limit of every source.
pub(crate) fn limits() -> impl Iterator<Item = (Source, &'static Limit)> {
    all().flat_map(|(source, words)| words.limits.each.iter().map(move |limit| (source, limit)))
}

/// Returns the role that mainly uses a limit.
pub(crate) fn role_of(name: &str) -> Option<&'static str> {
    let (_, limit) = limits().find(|(_, limit)| limit.name == name)?;
    limit.family.map(Family::name)
}

/// Lists a word of each source: `a, b or c`.
pub(crate) fn choice(said: impl Fn(&'static Vocabulary) -> &'static str) -> String {
    either(all().map(|(_, words)| said(words)).collect())
}

/// Lists the names of the sources whose accounts have labels.
pub(crate) fn labelled() -> String {
    either(all().filter(|(_, words)| words.has_labels).map(|(_, words)| words.name).collect())
}

fn either(mut said: Vec<&str>) -> String {
    match (said.pop(), said.is_empty()) {
        (Some(last), false) => format!("{} or {last}", said.join(", ")),
        (last, _) => last.unwrap_or_default().to_owned(),
    }
}
