//! The HTTP interface: routes, and one file per group of operations. Never changes the world.

mod answer;
mod api;
mod control;
mod deliver;
mod endpoint;
mod meeting;
mod metrics;
mod oauth;
mod query;
mod report;
mod shared;
mod users;
mod window;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use endpoint::Endpoint;
pub(crate) use shared::Shared;

/// All routes. `/v2` is the fallback, because the router would decode uuids in paths.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/oauth/token", post(oauth::token))
        .route("/_truth", get(control::truth))
        .route("/_ledger", get(control::ledger))
        .route("/_control", post(control::control))
        .fallback(api::api)
        .with_state(shared)
}
