//! `/runs` and `/runs/RUN`: the views of `ua runs` and `ua status --run RUN`.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use messages::RunId;

use super::answer::{self, Trouble};
use super::layout::Layout;
use super::request::{Form, PageRequest};
use crate::cli::Runs;
use crate::config::Config;
use crate::view::{self, Fact, Table};

/// Refresh interval in seconds while jobs of a run wait.
const REFRESH: u32 = 30;

#[derive(Template)]
#[template(path = "runs.html", config = "src/console/askama.toml")]
struct List {
    frame: Layout,
    table: Option<Table>,
}

#[derive(Template)]
#[template(path = "run.html", config = "src/console/askama.toml")]
struct One {
    frame: Layout,
    facts: Vec<Fact>,
    calls: Table,
    remarks: Vec<String>,
}

pub(super) async fn list(
    State(config): State<Arc<Config>>,
    request: PageRequest,
) -> Result<Response, Trouble> {
    let words: Runs = request.words(&["limit"])?;
    let limit = usize::try_from(words.limit).unwrap_or(usize::MAX);
    let lines = view::runs::latest(&config, limit).await;
    let lines = lines.map_err(|error| Trouble::of_the_store(request.form, &error))?;
    if request.form == Form::Json {
        return Ok(answer::json_lines(&lines));
    }
    let table = (!lines.is_empty()).then(|| view::runs::table(&lines));
    Ok(answer::page(StatusCode::OK, &List { frame: Layout::of("runs", &request), table }))
}

pub(super) async fn one(
    State(config): State<Arc<Config>>,
    Path(run): Path<String>,
    request: PageRequest,
) -> Result<Response, Trouble> {
    request.no_words()?;
    let run = RunId::from(run.as_str());
    let report = view::runs::one(&config, &run).await;
    let report = report.map_err(|error| Trouble::of_the_store(request.form, &error))?;
    let Some(report) = report else {
        let what = crate::runs::missing(&run).to_string();
        let next_step = "the page runs lists them";
        return Err(Trouble { form: request.form, status: StatusCode::NOT_FOUND, what, next_step });
    };
    if request.form == Form::Json {
        return Ok(answer::json(StatusCode::OK, &report));
    }
    let frame = Layout::of(format!("run {run}"), &request);
    let frame = if report.goes_on() { frame.refreshed(REFRESH) } else { frame };
    let one = One { frame, facts: report.facts(), calls: report.calls(), remarks: report.remarks() };
    Ok(answer::page(StatusCode::OK, &one))
}
