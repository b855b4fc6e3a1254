//! `ua dlq show`: one dead letter with its message and history.

use std::fmt::Write as _;

use crate::config::Config;
use crate::exit::{Outcome, usage};
use crate::output;
use crate::view::dead::{self, Shown};

pub(super) async fn execute(id: &str, json: bool, config: &Config) -> anyhow::Result<Outcome> {
    let Some(shown) = dead::one(id, config).await? else {
        return Err(usage(format!("no dead letter {id}; `ua dlq list --state all` shows them")));
    };
    if json {
        output::say_json(&shown)?;
    } else {
        output::say(&text(&shown));
    }
    Ok(Outcome::Complete)
}

fn text(shown: &Shown) -> String {
    let mut text = messages::printable(shown.id()).into_owned();
    let mut line = |name: &str, value: &str| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\n  {name:<10}{value}");
    };
    for (name, fact) in shown.facts() {
        line(name, &messages::printable(&fact));
    }
    let (excerpt, more) = shown.excerpt();
    // The indentation keeps lines of the message apart from ours.
    let excerpt = excerpt.replace('\n', "\n            ");
    line("message", &format!("{excerpt}{}", if more { "... (--json shows all of it)" } else { "" }));
    text
}
