//! `ua dlq show`: one dead letter, with its message and its history.

use std::fmt::Write as _;

use indexer::desk;
use messages::{DeadEvent, DeadLetter, DeadState};
use serde::Serialize;

use crate::assemble;
use crate::config::Config;
use crate::exit::{Outcome, usage};
use crate::output;

/// Characters of a message that are shown.
const EXCERPT: usize = 2_000;

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    letter: &'a DeadLetter,
    http_status: Option<u16>,
    next_step: &'static str,
    message: &'a str,
}

pub(super) async fn execute(id: &str, json: bool, config: &Config) -> anyhow::Result<Outcome> {
    let Some(letter) = desk::show(&assemble::store(config)?, id).await? else {
        return Err(usage(format!("no dead letter {id}; `ua dlq list --state all` shows them")));
    };
    let body = letter.body_bytes()?;
    let message = String::from_utf8_lossy(&body);
    if json {
        let (http_status, next_step) = (letter.cause.http_status(), letter.cause.class.next_step());
        output::say_json(&Shown { letter: &letter, http_status, next_step, message: &message })?;
    } else {
        output::say(&output::plain(&text(&letter, &message)));
    }
    Ok(Outcome::Complete)
}

fn text(letter: &DeadLetter, message: &str) -> String {
    let mut text = letter.id.clone();
    let mut line = |name: &str, value: &str| {
        // Writing into a text cannot fail.
        let _ = write!(text, "\n  {name:<10}{value}");
    };
    let or_unknown = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
    let DeadLetter { state, attempts, replays, died_at, origin, first_seen, cause, .. } = letter;
    line("state", &format!("{state}, {attempts} attempts, {replays} replays"));
    line("died", &format!("{died_at} in {origin} (first seen {first_seen})"));
    line("cause", &cause.to_string());
    if let Some(status) = cause.http_status() {
        line("status", &status.to_string());
    }
    line("next step", cause.class.next_step());
    line("source", &or_unknown(letter.source.map(|source| source.to_string())));
    line("date", &or_unknown(letter.date.map(|date| date.to_string())));
    line("meeting", &or_unknown(letter.meeting_uuid.as_ref().map(ToString::to_string)));
    for (at, event) in letter.history.iter().enumerate() {
        line(if at == 0 { "history" } else { "" }, &told(event));
    }
    let excerpt: String = message.chars().take(EXCERPT).collect();
    let more = if excerpt.len() < message.len() { "... (--json shows all of it)" } else { "" };
    line("message", &format!("{excerpt}{more}"));
    text
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
