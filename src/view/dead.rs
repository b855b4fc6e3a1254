//! The dead-letter desk: counts by class with next steps, the newest letters, and one letter in full.

use std::time::Duration;

use indexer::desk::{self, Filter, Group, Listed};
use jiff::Timestamp;
use messages::{DeadEvent, DeadLetter, DeadState, Queue};
use serde::{Serialize, Serializer};

use super::{Fact, Table};
use crate::assemble;
use crate::cli::{DlqFilter, DlqList};
use crate::config::Config;
use crate::units;

/// Timeout for the broker's count of unfiled letters.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// Maximum characters of a message in the output.
const EXCERPT: usize = 2_000;

/// The selected letters, with counts by class.
#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    #[serde(serialize_with = "class_lines")]
    groups: Vec<Group>,
    #[serde(serialize_with = "without_bodies")]
    letters: Vec<DeadLetter>,
    /// Letters of all classes that wait on the broker for filing; `None` when the broker did not answer.
    unfiled: Option<u64>,
    /// Rows that this version of `ua` cannot read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) unreadable: Vec<String>,
    /// The selected state; `None`: all.
    #[serde(skip)]
    state: Option<DeadState>,
}

/// A letter in full.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    #[serde(flatten)]
    letter: DeadLetter,
    http_status: Option<u16>,
    next_step: &'static str,
    message: String,
}

/// Builds the filter for these arguments.
pub(crate) fn filter(words: &DlqFilter, state: Option<DeadState>) -> Filter {
    Filter {
        state,
        class: words.class,
        source: words.source,
        origin: words.queue.clone(),
        date: words.date,
        meeting_uuid: words.uuid.clone(),
        since: words.since.map(|since| since.before(runtime::clock::now())),
    }
}

/// Returns the selected letters and the number of unfiled ones. An unreachable broker is not an error.
///
/// # Errors
/// When the store is unreachable.
pub(crate) async fn list(words: &DlqList, config: &Config) -> anyhow::Result<Listing> {
    let (listing, unfiled) = tokio::join!(filed(words, config), unfiled(config));
    Ok(Listing { unfiled, ..listing? })
}

async fn filed(words: &DlqList, config: &Config) -> anyhow::Result<Listing> {
    let store = assemble::store(config)?;
    let filter = filter(&words.filter, words.state.0);
    let groups = desk::groups(&store, &filter).await?;
    let limit = usize::try_from(words.limit)?;
    let Listed { letters, unreadable } =
        if limit == 0 { Listed::default() } else { desk::list(&store, &filter, limit).await? };
    Ok(Listing { groups, letters, unfiled: None, unreadable, state: words.state.0 })
}

async fn unfiled(config: &Config) -> Option<u64> {
    let asked = async {
        let broker = assemble::reader(config, "dlq").await.ok()?;
        let depth = broker.depth(&Queue::dead()).await;
        broker.close().await;
        depth.ok()
    };
    tokio::time::timeout(PATIENCE, asked).await.ok()?.map(|depth| depth.ready)
}

/// Returns the letter with this id; `None` when there is none.
///
/// # Errors
/// When the store is unreachable, or the row cannot be read.
pub(crate) async fn one(id: &str, config: &Config) -> anyhow::Result<Option<Shown>> {
    let Some(letter) = desk::show(&assemble::store(config)?, id).await? else { return Ok(None) };
    let message = String::from_utf8_lossy(&letter.body_bytes()?).into_owned();
    let (http_status, next_step) = (letter.cause.http_status(), letter.cause.class.next_step());
    Ok(Some(Shown { letter, http_status, next_step, message }))
}

impl Listing {
    /// Returns the table of classes with their next step; the first column is the class. `None` without letters.
    pub(crate) fn classes(&self) -> Option<Table> {
        let mut table = Table::new(&["class", "letters", "oldest", "newest", "next step"]);
        for group in &self.groups {
            table.add([
                group.class.clone(),
                units::count(group.count),
                moment(group.oldest),
                moment(group.newest),
                group.next_step().to_owned(),
            ]);
        }
        (!self.groups.is_empty()).then_some(table)
    }

    /// Returns the newest letters with a heading; the first column is the letter's id. `None` when none is listed.
    pub(crate) fn newest(&self) -> Option<(String, Table)> {
        let all: u64 = self.groups.iter().map(|group| group.count).sum();
        let heading =
            format!("the newest {} of {}", units::count(self.letters.len() as u64), units::count(all));
        let mut table = Table::new(&["id", "class", "died", "attempts", "replays", "queue", "cause"]);
        for letter in &self.letters {
            let class = match self.state {
                Some(_) => letter.cause.class.to_string(),
                None => format!("{} ({})", letter.cause.class, letter.state),
            };
            table.add([
                letter.id.clone(),
                class,
                moment(Some(letter.died_at)),
                units::count(letter.attempts.into()),
                units::count(letter.replays.into()),
                letter.origin.to_string(),
                letter.cause.text.clone(),
            ]);
        }
        (!self.letters.is_empty()).then_some((heading, table))
    }

    /// Returns sentences about rows and letters that the list omits.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let unreadable = self.unreadable.first().map(|first| {
            format!(
                "{} of another version of ua, {first} first: not shown; an ua as new as the one that wrote them reads them",
                units::some(self.unreadable.len() as u64, "row"),
            )
        });
        let unfiled = match self.unfiled {
            Some(0) => None,
            Some(unfiled) => Some(format!(
                "{} in {}, not filed yet: `ua work index` brings them here",
                units::some(unfiled, "more dead letter"),
                Queue::dead(),
            )),
            None => Some(format!(
                "the broker did not say how many more wait in {}: see `ua status`",
                Queue::dead()
            )),
        };
        unreadable.into_iter().chain(unfiled).collect()
    }
}

impl Shown {
    pub(crate) fn id(&self) -> &str {
        &self.letter.id
    }

    /// Returns the letter's properties. Each event of the history is one fact; only the first has a name.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let or_unknown = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
        let DeadLetter { state, attempts, replays, died_at, origin, first_seen, cause, .. } = &self.letter;
        let mut facts = vec![
            (
                "state",
                format!(
                    "{state}, {}, {}",
                    units::some((*attempts).into(), "attempt"),
                    units::some((*replays).into(), "replay")
                ),
            ),
            ("died", format!("{died_at} in {origin} (first seen {first_seen})")),
            ("cause", cause.to_string()),
        ];
        facts.extend(self.http_status.map(|status| ("status", status.to_string())));
        facts.push(("next step", self.next_step.to_owned()));
        facts.push(("source", or_unknown(self.letter.source.map(|source| source.to_string()))));
        facts.push(("date", or_unknown(self.letter.date.map(|date| date.to_string()))));
        facts.push(("meeting", or_unknown(self.letter.meeting_uuid.as_ref().map(ToString::to_string))));
        if self.letter.pieces > 0 {
            let pieces = units::some(self.letter.pieces.into(), "piece");
            facts.push(("stored in", format!("{pieces}, {} bytes in all", units::count(self.letter.bytes))));
        }
        for (at, event) in self.letter.history.iter().enumerate() {
            facts.push((if at == 0 { "history" } else { "" }, told(event)));
        }
        facts
    }

    /// Returns the beginning of the message, and true when it is cut.
    pub(crate) fn excerpt(&self) -> (&str, bool) {
        let end = self.message.char_indices().nth(EXCERPT).map_or(self.message.len(), |(at, _)| at);
        (&self.message[..end], end < self.message.len())
    }
}

#[derive(Serialize)]
struct ClassLine<'a> {
    class: &'a str,
    count: u64,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    next_step: &'static str,
}

fn class_lines<S: Serializer>(groups: &[Group], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(groups.iter().map(|group| {
        let Group { class, count, oldest, newest } = group;
        ClassLine { class, count: *count, oldest: *oldest, newest: *newest, next_step: group.next_step() }
    }))
}

/// Serialises the rows without their messages, which were not read.
fn without_bodies<S: Serializer>(letters: &[DeadLetter], serializer: S) -> Result<S::Ok, S::Error> {
    let without_body = |letter| {
        let mut value = serde_json::to_value(letter)?;
        if let Some(fields) = value.as_object_mut() {
            fields.remove("body");
        }
        Ok(value)
    };
    let rows: Result<Vec<serde_json::Value>, serde_json::Error> = letters.iter().map(without_body).collect();
    rows.map_err(serde::ser::Error::custom)?.serialize(serializer)
}

fn told(event: &DeadEvent) -> String {
    let DeadEvent { at, state, cause, queue, .. } = event;
    let mut text = format!("{at} {}", if *state == DeadState::Dead { "died" } else { state.name() });
    if let Some(queue) = queue {
        text += if *state == DeadState::Replayed { " to " } else { " in " };
        text += queue.as_str();
    }
    if let Some(cause) = cause {
        text += &format!(": {cause}");
    }
    text
}

fn moment(time: Option<Timestamp>) -> String {
    time.map(|time| time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()).unwrap_or_default()
}
