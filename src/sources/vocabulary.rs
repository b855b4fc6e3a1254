//! What people call the parts of a source: on the command line, and in what they are shown. Facts that stand still; who
//! reads or writes such words asks here, and lists no source itself.
//! Must not know how a source is put to work.

use messages::{Family, Source};
use store::DocumentKind;

use super::of;
use crate::cli::Selectors;

/// The words of a source.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// Its name in a sentence.
    pub(crate) name: &'static str,
    /// The role of `ua work` that fetches from it: its name on the command line.
    pub(crate) role: &'static str,
    /// The variables that configure it.
    pub(crate) variables: &'static str,
    /// What a plan of it is announced by, where there are several.
    pub(crate) heading: Option<&'static str>,
    /// True when it can have several accounts, told by their labels. Else it has one, which has none.
    pub(crate) has_labels: bool,
    /// What bounds its calls.
    pub(crate) limits: LimitNames,
    /// What of `ua plan` and `ua run` is for it alone.
    pub(crate) selectors: Own,
    /// What is harvested of it and counted.
    pub(crate) records: Records,
    /// The kinds of its documents.
    pub(crate) documents: &'static [DocumentKind],
}

/// What the limits of a source's calls are called.
#[derive(Debug)]
pub(crate) struct LimitNames {
    /// Each of them.
    pub(crate) each: &'static [Limit],
    /// The word by which `ua quota set` shares all of them, where there is one.
    pub(crate) all: Option<&'static str>,
    /// The word by which it leaves calls of the day to others, where days are counted.
    pub(crate) reserve: Option<&'static str>,
    /// What can be shared, as its help says it.
    pub(crate) to_share: &'static str,
    /// What can be paused, as the help of `ua pause` says it.
    pub(crate) to_pause: &'static str,
}

/// A limit of a source's calls.
#[derive(Debug)]
pub(crate) struct Limit {
    /// The name of the rate limit.
    pub(crate) name: &'static str,
    /// The words that mean it, besides others of the same limit. No two limits share one, whatever their sources.
    pub(crate) words: &'static [&'static str],
    /// The jobs that make these calls, if they are more than an odd one.
    pub(crate) family: Option<Family>,
}

/// The words of `ua plan` and `ua run` that are for one source alone: who says them means that source.
#[derive(Debug)]
pub(crate) struct Own {
    /// The flags, as the subject of a sentence.
    pub(crate) flags: &'static str,
    /// Whether any of them is said.
    pub(crate) are_said: fn(&Selectors) -> bool,
}

/// The records of a source: its receipts say how many of them were promised and how many came.
#[derive(Debug)]
pub(crate) struct Records {
    /// What people call them.
    pub(crate) name: &'static str,
    /// The kind of the receipts that count them.
    pub(crate) kind: &'static str,
    /// The figure of a date that says how many came.
    pub(crate) came: &'static str,
    /// The figure of a date that says how many were promised.
    pub(crate) promised: &'static str,
}

/// The words of every source, in the order in which people are told of sources.
pub(crate) fn all() -> impl Iterator<Item = (Source, &'static Vocabulary)> {
    Source::ALL.into_iter().map(|source| (source, of(source).vocabulary()))
}

/// Every limit of every source.
pub(crate) fn limits() -> impl Iterator<Item = (Source, &'static Limit)> {
    all().flat_map(|(source, words)| words.limits.each.iter().map(move |limit| (source, limit)))
}

/// The role whose calls a limit counts.
pub(crate) fn role_of(name: &str) -> Option<&'static str> {
    let (_, limit) = limits().find(|(_, limit)| limit.name == name)?;
    limit.family.map(Family::name)
}

/// What each source says, as a list in a sentence: `a, b or c`.
pub(crate) fn choice(said: impl Fn(&'static Vocabulary) -> &'static str) -> String {
    either(all().map(|(_, words)| said(words)).collect())
}

/// The names of the sources whose accounts have labels, as a list in a sentence.
pub(crate) fn labelled() -> String {
    either(all().filter(|(_, words)| words.has_labels).map(|(_, words)| words.name).collect())
}

fn either(mut said: Vec<&str>) -> String {
    match (said.pop(), said.is_empty()) {
        (Some(last), false) => format!("{} or {last}", said.join(", ")),
        (last, _) => last.unwrap_or_default().to_owned(),
    }
}
