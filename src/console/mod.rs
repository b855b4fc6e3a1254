//! The operator's web console: views as HTML, and as the JSON that the commands print. Independent of gathering, which
//! `view` does. Read-only.

mod access;
mod answer;
mod dead;
mod escape;
pub(crate) mod fuzz;
mod layout;
mod request;
mod runs;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::get;
use listener::Names;

use crate::config::Config;

use access::Access;
use answer::Trouble;
use request::PageRequest;

/// Returns the pages, with the data sources of `config`. Browsers may also use `names` as the host.
pub(crate) fn router(config: Config, names: Names) -> Router {
    Router::new()
        .route("/", get(status::page))
        .route("/runs", get(runs::list))
        .route("/runs/{run}", get(runs::one))
        .route("/dead", get(dead::list))
        .route("/dead/{*id}", get(dead::one))
        .fallback(nowhere)
        .with_state(Arc::new(config))
        .layer(middleware::from_fn_with_state(Arc::new(Access::new(names)), access::guard))
}

async fn nowhere(request: PageRequest) -> Trouble {
    Trouble {
        form: request.form,
        status: StatusCode::NOT_FOUND,
        what: "there is no such page".to_owned(),
        next_step: "the pages are named above",
    }
}
