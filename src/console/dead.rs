//! `/dead` and `/dead/ID`: what `ua dlq list` and `ua dlq show ID` show.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use messages::{CauseClass, DeadState, Source};

use super::answer::{self, Trouble};
use super::asked::{Asked, Form};
use super::frame::Frame;
use crate::cli::DlqList;
use crate::config::Config;
use crate::view::Table;
use crate::view::dead::{self, Shown};

/// The flags of `ua dlq list` that are parameters here.
const TAKES: [&str; 8] = ["class", "source", "queue", "date", "uuid", "since", "state", "limit"];
/// Letters on a page, or in its JSON, at most.
const MOST: u64 = 1_000;

#[derive(Template)]
#[template(path = "dead.html", config = "src/console/askama.toml")]
struct List {
    frame: Frame,
    asked: Asked,
    classes: Option<Table>,
    newest: Option<(String, Table)>,
    remarks: Vec<String>,
}

#[derive(Template)]
#[template(path = "letter.html", config = "src/console/askama.toml")]
struct One {
    frame: Frame,
    shown: Shown,
}

impl List {
    /// The values that a field of the form can be chosen from, and whether each is the one that was asked for.
    fn choices(&self, field: &str) -> Vec<(String, bool)> {
        let names: Vec<String> = match field {
            "class" => CauseClass::ALL.map(|class| class.to_string()).into(),
            "source" => Source::ALL.map(|source| source.to_string()).into(),
            // Dead is what it is when nothing is said.
            _ => vec![DeadState::Replayed.to_string(), DeadState::Dropped.to_string(), "all".to_owned()],
        };
        let asked = self.asked.value(field);
        names.into_iter().map(|name| (name.clone(), name == asked)).collect()
    }
}

pub(super) async fn list(State(config): State<Arc<Config>>, asked: Asked) -> Result<Response, Trouble> {
    let words: DlqList = asked.words(&TAKES)?;
    if words.limit > MOST {
        return Err(asked.refused(format!("limit takes 0 to {MOST} here; `ua dlq list` takes more")));
    }
    let listing = dead::list(&words, &config).await;
    let listing = listing.map_err(|error| Trouble::of_the_store(asked.form, &error))?;
    if asked.form == Form::Json {
        return Ok(answer::json(StatusCode::OK, &listing));
    }
    let list = List {
        frame: Frame::of("dead letters", &asked),
        classes: listing.classes(),
        newest: listing.newest(),
        remarks: listing.remarks(),
        asked,
    };
    Ok(answer::page(StatusCode::OK, &list))
}

pub(super) async fn one(
    State(config): State<Arc<Config>>,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<Response, Trouble> {
    asked.no_words()?;
    let shown = dead::one(&id, &config).await;
    let shown = shown.map_err(|error| Trouble::of_the_store(asked.form, &error))?;
    let Some(shown) = shown else {
        let what = "there is no dead letter with this id".to_owned();
        let next_step = "the page dead letters lists them; state=all lists those that were dealt with, too";
        return Err(Trouble { form: asked.form, status: StatusCode::NOT_FOUND, what, next_step });
    };
    if asked.form == Form::Json {
        return Ok(answer::json(StatusCode::OK, &shown));
    }
    let frame = Frame::of(shown.id(), &asked);
    Ok(answer::page(StatusCode::OK, &One { frame, shown }))
}
