//! The HTTP interface of the fake Opencast: one entry for all paths, one file per service. Never changes the world.

mod actions;
mod answer;
mod call;
mod control;
mod endpoint;
mod episodes;
mod info;
mod mediapackage;
mod params;
mod rows;
mod shared;
mod table;
mod workflows;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(super) use shared::Shared;

/// All routes. Opencast's paths are the fallback, because ids may contain a slash.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/_truth", get(control::truth))
        .route("/_ledger", get(control::ledger))
        .route("/_control", post(control::control))
        .fallback(call::call)
        .with_state(shared)
}
