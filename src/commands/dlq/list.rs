//! `ua dlq list`: how many of which class and what to do about them; below them the newest.

use indexer::desk::{self, Group, Listed};
use jiff::Timestamp;
use messages::{DeadLetter, DeadState};
use serde::Serialize;

use super::filter;
use crate::assemble;
use crate::cli::DlqList;
use crate::config::Config;
use crate::exit::Outcome;
use crate::{output, words};

#[derive(Serialize)]
struct Listing<'a> {
    groups: Vec<ClassLine<'a>>,
    letters: Vec<serde_json::Value>,
    /// Rows that this version cannot read.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unreadable: &'a [String],
}

#[derive(Serialize)]
struct ClassLine<'a> {
    class: &'a str,
    count: u64,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    next_step: &'static str,
}

pub(super) async fn execute(words: &DlqList, config: &Config) -> anyhow::Result<Outcome> {
    let store = assemble::store(config)?;
    let filter = filter(&words.filter, words.state.0);
    let groups = desk::groups(&store, &filter).await?;
    let limit = usize::try_from(words.limit)?;
    let Listed { letters, unreadable } =
        if limit == 0 { Listed::default() } else { desk::list(&store, &filter, limit).await? };
    if words.json {
        let listing = Listing {
            groups: groups.iter().map(class_line).collect(),
            letters: letters.iter().map(without_body).collect::<Result<_, _>>()?,
            unreadable: &unreadable,
        };
        output::say_json(&listing)?;
    } else {
        print(&groups, &letters, words.state.0);
    }
    if let Some(first) = unreadable.first() {
        output::remark(&format!(
            "{} of another version of ua, {} first: not shown; an ua as new as the one that wrote them reads them",
            words::some(unreadable.len() as u64, "row"),
            output::plain(first),
        ));
    }
    Ok(Outcome::Complete)
}

fn class_line(group: &Group) -> ClassLine<'_> {
    let Group { class, count, oldest, newest } = group;
    ClassLine { class, count: *count, oldest: *oldest, newest: *newest, next_step: group.next_step() }
}

/// The row as JSON; its message was not read.
fn without_body(letter: &DeadLetter) -> Result<serde_json::Value, serde_json::Error> {
    let mut value = serde_json::to_value(letter)?;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("body");
    }
    Ok(value)
}

fn print(groups: &[Group], letters: &[DeadLetter], state: Option<DeadState>) {
    if groups.is_empty() {
        output::say("no dead letters");
        return;
    }
    let mut table = output::table(&["class", "letters", "oldest", "newest", "next step"]);
    for group in groups {
        table.add_row([
            output::plain(&group.class),
            group.count.to_string(),
            moment(group.oldest),
            moment(group.newest),
            group.next_step().to_owned(),
        ]);
    }
    output::say(&table.to_string());
    if letters.is_empty() {
        return;
    }
    let all: u64 = groups.iter().map(|group| group.count).sum();
    output::say(&format!("the newest {} of {all}:", letters.len()));
    let mut table = output::table(&["id", "class", "died", "attempts", "replays", "queue", "cause"]);
    for letter in letters {
        let class = match state {
            Some(_) => letter.cause.class.to_string(),
            None => format!("{} ({})", letter.cause.class, letter.state),
        };
        table.add_row([
            output::plain(&letter.id),
            class,
            moment(Some(letter.died_at)),
            letter.attempts.to_string(),
            letter.replays.to_string(),
            output::plain(letter.origin.as_str()),
            output::plain(&letter.cause.text),
        ]);
    }
    output::say(&table.to_string());
}

fn moment(time: Option<Timestamp>) -> String {
    time.map(|time| time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()).unwrap_or_default()
}
