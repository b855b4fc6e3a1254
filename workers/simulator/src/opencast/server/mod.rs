//! The HTTP side of a fake Opencast: one way in for every path, one file per service. It serves the world and never
//! changes it.

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

/// All paths. Those of Opencast are a fallback, because ids may hold a slash.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/_truth", get(control::truth))
        .route("/_ledger", get(control::ledger))
        .route("/_control", post(control::control))
        .fallback(call::call)
        .with_state(shared)
}
