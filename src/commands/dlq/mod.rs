//! `ua dlq`: the desk of dead letters.

mod account;
mod act;
mod list;
mod show;

use indexer::desk::Choice;
use messages::DeadState;

use crate::cli::{DlqChoice, DlqCommand};
use crate::config::Config;
use crate::exit::{Outcome, usage};
use crate::view::dead::filter;

pub(super) async fn execute(command: DlqCommand, config: &Config) -> anyhow::Result<Outcome> {
    match command {
        DlqCommand::List(words) => list::execute(&words, config).await,
        DlqCommand::Show { id, json } => show::execute(&id, json, config).await,
        DlqCommand::Replay(words) => act::replay(words, config).await,
        DlqCommand::Drop(words) => act::drop(words, config).await,
    }
}

fn choice(words: &DlqChoice) -> anyhow::Result<Choice> {
    if !words.ids.is_empty() {
        return Ok(Choice::Ids(words.ids.clone()));
    }
    let filter = filter(&words.filter, Some(DeadState::Dead));
    if filter.is_everything() && words.limit.is_none() && !words.all {
        return Err(usage(
            "name ids, a filter (--class, --date, ...) or a --limit; --all means every dead letter",
        ));
    }
    Ok(Choice::Fitting(filter, words.limit))
}
