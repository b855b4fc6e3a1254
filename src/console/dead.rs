//! `/dead` and `/dead/ID`: the views of `ua dlq list` and `ua dlq show ID`.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use messages::{CauseClass, DeadState, Source};

use super::answer::{self, Trouble};
use super::layout::Layout;
use super::request::{Form, PageRequest};
use crate::cli::DlqList;
use crate::config::Config;
use crate::view::Table;
use crate::view::dead::{self, Shown};

/// The flags of `ua dlq list` that are parameters of the page.
pub(super) const TAKES: [&str; 8] = ["class", "source", "queue", "date", "uuid", "since", "state", "limit"];
/// Maximum letters in a response.
const MOST: u64 = 1_000;

#[derive(Template)]
#[template(path = "dead.html", config = "src/console/askama.toml")]
struct List {
    frame: Layout,
    request: PageRequest,
    classes: Option<Table>,
    newest: Option<(String, Table)>,
    remarks: Vec<String>,
}

#[derive(Template)]
#[template(path = "letter.html", config = "src/console/askama.toml")]
struct One {
    frame: Layout,
    shown: Shown,
}

impl List {
    /// Returns the options of a form field, and which one is selected.
    fn choices(&self, field: &str) -> Vec<(String, bool)> {
        let names: Vec<String> = match field {
            "class" => CauseClass::ALL.map(|class| class.to_string()).into(),
            "source" => Source::ALL.map(|source| source.to_string()).into(),
            // `dead` is the default.
            _ => vec![DeadState::Replayed.to_string(), DeadState::Dropped.to_string(), "all".to_owned()],
        };
        let chosen = self.request.value(field);
        names.into_iter().map(|name| (name.clone(), name == chosen)).collect()
    }
}

pub(super) async fn list(
    State(config): State<Arc<Config>>,
    request: PageRequest,
) -> Result<Response, Trouble> {
    let words: DlqList = request.words(&TAKES)?;
    if words.limit > MOST {
        return Err(request.refused(format!("limit takes 0 to {MOST} here; `ua dlq list` takes more")));
    }
    let listing = dead::list(&words, &config).await;
    let listing = listing.map_err(|error| Trouble::of_the_store(request.form, &error))?;
    if request.form == Form::Json {
        return Ok(answer::json(StatusCode::OK, &listing));
    }
    let list = List {
        frame: Layout::of("dead letters", &request),
        classes: listing.classes(),
        newest: listing.newest(),
        remarks: listing.remarks(),
        request,
    };
    Ok(answer::page(StatusCode::OK, &list))
}

pub(super) async fn one(
    State(config): State<Arc<Config>>,
    Path(id): Path<String>,
    request: PageRequest,
) -> Result<Response, Trouble> {
    request.no_words()?;
    let shown = dead::one(&id, &config).await;
    let shown = shown.map_err(|error| Trouble::of_the_store(request.form, &error))?;
    let Some(shown) = shown else {
        let what = "there is no dead letter with this id".to_owned();
        let next_step = "the page dead letters lists them; state=all lists those that were dealt with, too";
        return Err(Trouble { form: request.form, status: StatusCode::NOT_FOUND, what, next_step });
    };
    if request.form == Form::Json {
        return Ok(answer::json(StatusCode::OK, &shown));
    }
    let frame = Layout::of(shown.id(), &request);
    Ok(answer::page(StatusCode::OK, &One { frame, shown }))
}
