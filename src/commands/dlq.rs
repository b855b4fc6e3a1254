//! `ua dlq`: the desk of dead letters.

use indexer::desk::{self, Filter, Replay};
use messages::{DeadLetter, DeadState};
use serde::Serialize;

use crate::assemble;
use crate::cli::{DlqCommand, DlqFilter};
use crate::config::Config;
use crate::exit::{Outcome, usage};
use crate::output;

/// Bytes of a message shown by `show`.
const EXCERPT: usize = 2_000;

pub(super) async fn execute(command: DlqCommand, config: &Config) -> anyhow::Result<Outcome> {
    match command {
        DlqCommand::List(filter) => list(&filter, config).await,
        DlqCommand::Show { id, json } => show(&id, json, config).await,
        DlqCommand::Replay { ids, filter, dry_run } => replay(ids, &filter, dry_run, config).await,
    }
}

fn chosen(filter: &DlqFilter) -> Filter {
    Filter { state: Some(DeadState::Dead), class: filter.class, limit: Some(filter.limit), origin: None }
}

async fn list(filter: &DlqFilter, config: &Config) -> anyhow::Result<Outcome> {
    let letters = desk::list(&assemble::store(config)?, &chosen(filter)).await?;
    if filter.json {
        letters.iter().try_for_each(output::say_json)?;
        return Ok(Outcome::Complete);
    }
    if letters.is_empty() {
        output::say("no dead letters");
        return Ok(Outcome::Complete);
    }
    let mut table = output::table(&["id", "class", "died", "attempts", "queue", "cause"]);
    for letter in &letters {
        table.add_row([
            letter.id.clone(),
            letter.cause.class.to_string(),
            letter.died_at.to_string(),
            letter.attempts.to_string(),
            letter.origin.to_string(),
            letter.cause.text.clone(),
        ]);
    }
    output::say(&table.to_string());
    Ok(Outcome::Complete)
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    letter: &'a DeadLetter,
    next_step: &'static str,
    message: String,
}

async fn show(id: &str, json: bool, config: &Config) -> anyhow::Result<Outcome> {
    let Some(letter) = desk::show(&assemble::store(config)?, id).await? else {
        return Err(usage(format!("no dead letter {id}; `ua dlq list` shows them")));
    };
    let body = letter.body_bytes()?;
    let text = String::from_utf8_lossy(&body);
    if json {
        let next_step = letter.cause.class.next_step();
        output::say_json(&Shown { letter: &letter, next_step, message: text.into_owned() })?;
        return Ok(Outcome::Complete);
    }
    let excerpt: String = text.chars().take(EXCERPT).collect();
    let more = if excerpt.len() < text.len() { "… (--json shows all of it)" } else { "" };
    output::say(&format!(
        "{}\n  state     {:?}, {} attempts, {} replays\n  died      {} in {} (first seen {})\n  cause     {}\n  next step {}\n  message   {excerpt}{more}",
        letter.id,
        letter.state,
        letter.attempts,
        letter.replays,
        letter.died_at,
        letter.origin,
        letter.first_seen,
        letter.cause,
        letter.cause.class.next_step(),
    ));
    Ok(Outcome::Complete)
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    outcome: String,
}

async fn replay(
    ids: Vec<String>,
    filter: &DlqFilter,
    dry_run: bool,
    config: &Config,
) -> anyhow::Result<Outcome> {
    let store = assemble::store(config)?;
    let ids = match ids.is_empty() {
        false => ids,
        true => desk::list(&store, &chosen(filter)).await?.into_iter().map(|letter| letter.id).collect(),
    };
    if dry_run {
        ids.iter().for_each(|id| output::say(&format!("would replay {id}")));
        return Ok(Outcome::Complete);
    }
    let broker = assemble::broker(config, "dlq").await?;
    let done = desk::replay(&store, &broker, &ids).await?;
    broker.close().await;
    let all = done.iter().all(|(_, outcome)| matches!(outcome, Replay::Replayed(_)));
    for (id, outcome) in &done {
        let outcome = said(outcome);
        if filter.json {
            output::say_json(&Line { id, outcome })?;
        } else {
            output::say(&format!("{id}: {outcome}"));
        }
    }
    Ok(if all { Outcome::Complete } else { Outcome::Incomplete })
}

fn said(outcome: &Replay) -> String {
    match outcome {
        Replay::Replayed(queue) => format!("replayed to {queue}"),
        Replay::RowBehind(queue, error) => {
            format!("replayed to {queue}, but its row still says dead: {error}")
        }
        Replay::NotDead(state) => format!("is not dead but {state:?}"),
        Replay::Missing => "there is no such dead letter".to_owned(),
        Replay::Failed(why) => format!("not replayed: {why}"),
    }
}
