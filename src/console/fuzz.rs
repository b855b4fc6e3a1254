//! Entry point for the fuzz targets: the query of a request, as the pages read it.

use axum::extract::FromRequestParts as _;
use axum::http::Request;
use axum::response::IntoResponse as _;
use futures_util::FutureExt as _;

use super::dead::TAKES;
use super::request::PageRequest;
use crate::cli::{DlqList, Runs};

/// Result of a query.
#[derive(Debug)]
pub struct Query {
    /// True if one of the pages accepts it.
    pub is_taken: bool,
    /// Address of the same as JSON.
    pub as_json: String,
    /// Answers of the other pages.
    pub refusals: Vec<String>,
}

/// Reads the query of an address as each of the pages does; `None` when it is no address.
pub fn query(address: &str) -> Option<Query> {
    let (mut parts, ()) = Request::builder().uri(address).body(()).ok()?.into_parts();
    let Ok(asked) = PageRequest::from_request_parts(&mut parts, &()).now_or_never()?;
    let read = [
        asked.words::<DlqList>(&TAKES).map(|_| ()),
        asked.words::<Runs>(&["limit"]).map(|_| ()),
        asked.no_words(),
    ];
    let is_taken = read.iter().any(Result::is_ok);
    let refusals = read.into_iter().filter_map(Result::err).filter_map(|trouble| {
        let body = axum::body::to_bytes(trouble.into_response().into_body(), usize::MAX);
        String::from_utf8(body.now_or_never()?.ok()?.into()).ok()
    });
    Some(Query { is_taken, as_json: asked.as_json(), refusals: refusals.collect() })
}
