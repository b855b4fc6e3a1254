//! `ua dlq replay` and `ua dlq drop`: select the letters and the target. [`Account`] reports the outcomes.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use indexer::desk::{self, Archive, Choice, ReplayLimits};
use runtime::clock;
use store::Store;

use super::account::Account;
use super::choice;
use crate::assemble;
use crate::cli::{DlqDrop, DlqReplay};
use crate::config::Config;
use crate::exit::{Outcome, usage};
use crate::{output, units};

pub(super) async fn replay(words: DlqReplay, config: &Config) -> anyhow::Result<Outcome> {
    let choice = choice(&words.choice)?;
    let store = assemble::store(config)?;
    let broker = if words.dry_run { None } else { Some(assemble::reader(config, "dlq").await?) };
    let mut account = Account::new(&choice, words.json);
    let how = ReplayLimits { max_replays: words.max_replays };
    let done =
        desk::replay(&store, broker.as_ref(), &choice, how, |id, outcome| account.tell(id, &outcome)).await;
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
    let done = desk::drop(&store, file, &choice, |id, outcome| account.tell(id, &outcome)).await;
    if account.count("dropped") > 0 {
        output::remark(&format!("what was dropped is in {}", archive.path().display()));
    }
    account.end("dropped", done)
}

fn usual_file(config: &Config) -> PathBuf {
    config.data_dir.join(format!("dropped-{}.ndjson", clock::now().strftime("%Y%m%dT%H%M%S")))
}

/// Asks the operator before letters are dropped; without a terminal, `--yes` is required.
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
    let letters = units::some(letters, "dead letter");
    let what = format!("{letters} would be dropped into {}", archive.path().display());
    if !std::io::stdin().is_terminal() {
        return Err(usage(format!("{what}; say --yes to drop them, --dry-run to see them")));
    }
    match &*output::asked(&format!("{what}. Drop them? [y/N]"))? {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(usage("nothing was dropped")),
    }
}
