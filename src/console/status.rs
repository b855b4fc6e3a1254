//! `/`: what `ua status` shows.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{self, Trouble};
use super::layout::Layout;
use super::request::{Form, PageRequest};
use crate::config::Config;
use crate::view::status::{self, Away, Shown};

/// How long the broker and the store may take each: one that is away must not hide the other.
const PATIENCE: Duration = Duration::from_secs(8);
/// Seconds after which a browser asks again.
const REFRESH: u32 = 15;

#[derive(Template)]
#[template(path = "status.html", config = "src/console/askama.toml")]
struct Page {
    frame: Layout,
    shown: Shown,
    away: Vec<Away>,
}

pub(super) async fn page(
    State(config): State<Arc<Config>>,
    request: PageRequest,
) -> Result<Response, Trouble> {
    request.no_words()?;
    let report = status::report(&config, PATIENCE).await;
    // With one half there is something to look at; with none there is not.
    let status = if report.knows_nothing() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    if request.form == Form::Json {
        return Ok(answer::json(status, &report));
    }
    let shown = report.shown(runtime::clock::now());
    let frame = Layout::of("status", &request).refreshed(REFRESH);
    Ok(answer::page(status, &Page { frame, shown, away: report.away }))
}
