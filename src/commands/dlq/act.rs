//! `ua dlq replay` and `ua dlq drop`: a line for each letter that was named, and for each that was not done.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use indexer::desk::{self, Archive, Choice, DeskError, Fate, Replaying};
use runtime::clock;
use serde::Serialize;
use store::Store;

use super::choice;
use crate::assemble;
use crate::cli::{DlqDrop, DlqReplay};
use crate::config::Config;
use crate::exit::{Outcome, usage};
use crate::output;

/// Letters that were not done and are named one by one; the others are counted.
const NAMED: u64 = 20;

pub(super) async fn replay(words: DlqReplay, config: &Config) -> anyhow::Result<Outcome> {
    let choice = choice(&words.choice)?;
    let store = assemble::store(config)?;
    let broker = if words.dry_run { None } else { Some(assemble::reader(config, "dlq").await?) };
    let mut account = Account::new(&choice, words.json);
    let how = Replaying { max_replays: words.max_replays };
    let done = desk::replay(&store, broker.as_ref(), &choice, how, |id, fate| account.tell(id, &fate)).await;
    if let Some(broker) = broker {
        broker.close().await;
    }
    account.end("replayed", done)
}

pub(super) async fn drop(words: DlqDrop, config: &Config) -> anyhow::Result<Outcome> {
    let choice = choice(&words.choice)?;
    let store = assemble::store(config)?;
    let mut archive = Archive::new(words.to.unwrap_or_else(|| usual_file(config)));
    if !words.yes && !words.dry_run {
        confirm(&store, &choice, &archive).await?;
    }
    let mut account = Account::new(&choice, words.json);
    let file = (!words.dry_run).then_some(&mut archive);
    let done = desk::drop(&store, file, &choice, |id, fate| account.tell(id, &fate)).await;
    if account.count("dropped") > 0 {
        output::remark(&format!("what was dropped is in {}", archive.path().display()));
    }
    account.end("dropped", done)
}

fn usual_file(config: &Config) -> PathBuf {
    config.data_dir.join(format!("dropped-{}.ndjson", clock::now().strftime("%Y%m%dT%H%M%S")))
}

/// Asks before letters are given up; without a terminal `--yes` has to say so.
async fn confirm(store: &Store, choice: &Choice, archive: &Archive) -> anyhow::Result<()> {
    let letters = match choice {
        Choice::Ids(ids) => ids.len() as u64,
        Choice::Fitting(filter, limit) => {
            let all: u64 = desk::groups(store, filter).await?.iter().map(|group| group.count).sum();
            all.min(limit.map_or(u64::MAX, |limit| limit as u64))
        }
    };
    if letters == 0 {
        return Ok(());
    }
    let what = format!("{letters} dead letters would be dropped into {}", archive.path().display());
    if !std::io::stdin().is_terminal() {
        return Err(usage(format!("{what}; say --yes to drop them, --dry-run to see them")));
    }
    let mut err = std::io::stderr().lock();
    write!(err, "{what}. Drop them? [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(usage("nothing was dropped")),
    }
}

/// What became of the letters so far.
struct Account {
    json: bool,
    /// The user named each letter, and is told of each.
    named: bool,
    counts: BTreeMap<&'static str, u64>,
    undone: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    outcome: &'static str,
    text: String,
}

impl Account {
    fn new(choice: &Choice, json: bool) -> Self {
        let named = matches!(choice, Choice::Ids(_));
        Self { json, named, counts: BTreeMap::new(), undone: 0 }
    }

    fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    fn tell(&mut self, id: &str, fate: &Fate) {
        *self.counts.entry(fate.name()).or_default() += 1;
        self.undone += u64::from(!fate.is_done());
        if self.json {
            // A line of these two texts and a word can always be written.
            let _ = output::say_json(&Line { id, outcome: fate.name(), text: fate.to_string() });
        } else if self.named || (!fate.is_done() && self.undone <= NAMED) {
            output::say(&output::plain(&format!("{id}: {fate}")));
        }
    }

    fn end(self, done: &str, ended: Result<(), DeskError>) -> anyhow::Result<Outcome> {
        let all: u64 = self.counts.values().sum();
        if !self.named || ended.is_err() {
            let (count, would) = (self.count(done), self.count("would"));
            let mut text = match (all, would) {
                (0, _) => "no dead letter fits".to_owned(),
                (_, 0) => format!("{done} {count} of {all} dead letters"),
                _ => format!("{would} of {all} dead letters would be {done}"),
            };
            let others = self.counts.iter().filter(|(name, _)| **name != done && **name != "would");
            others.for_each(|(name, count)| text += &format!(", {count} {name}"));
            if ended.is_err() {
                text += "; then it ended, the rest is as it was: say it again to go on";
            }
            // Not a result where results are lines of JSON.
            if self.json || ended.is_err() { output::remark(&text) } else { output::say(&text) }
        }
        ended?;
        Ok(if self.undone == 0 { Outcome::Complete } else { Outcome::Incomplete })
    }
}
