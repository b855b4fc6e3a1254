//! `/`: the view of `ua status`.

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

/// Timeout for broker and store each: one that hangs must not hide the other.
const PATIENCE: Duration = Duration::from_secs(8);
/// Refresh interval in seconds.
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
    // Data from broker or store is enough for a page.
    let status = if report.knows_nothing() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    if request.form == Form::Json {
        return Ok(answer::json(status, &report));
    }
    let shown = report.shown(runtime::clock::now());
    let frame = Layout::of("status", &request).refreshed(REFRESH);
    Ok(answer::page(status, &Page { frame, shown, away: report.away }))
}
