//! The simulator's own paths: `/_truth`, `/_ledger` and `/_control`. Independent of Zoom's API.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

use super::answer::ZoomAnswer;
use super::deliver::deliver;
use super::shared::Shared;
use crate::faults::FaultRate;
use crate::settings::{AccountPlan, Source};

/// Ledger rows per chunk.
const CHUNK: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TruthQuery {
    date: Date,
    #[serde(default)]
    source: Source,
    #[serde(default = "yes")]
    ids: bool,
}

/// `GET /_truth`
pub(super) async fn truth(State(shared): State<Arc<Shared>>, Query(query): Query<TruthQuery>) -> Response {
    deliver(ZoomAnswer::json(200, &shared.truth(query.date, query.source, query.ids)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerQuery {
    #[serde(default)]
    since: usize,
    #[serde(default)]
    summary: bool,
}

/// `GET /_ledger`: rows as a JSON array, or a summary. The header `x-ledger-dropped` counts missing calls.
pub(super) async fn ledger(State(shared): State<Arc<Shared>>, Query(query): Query<LedgerQuery>) -> Response {
    if query.summary {
        return deliver(ZoomAnswer::json(200, &shared.ledger_summary()));
    }
    let (rows, dropped) = shared.ledger_size();
    let state = Some((shared, query.since, query.since));
    let chunks = stream::unfold(state, move |state| async move {
        let (shared, first, next) = state?;
        let (chunk, next) = chunk(&shared, first, next, rows);
        let state = next.map(|next| (shared, first, next));
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(chunk)), state))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert("x-ledger-dropped", HeaderValue::from(dropped));
    response
}

/// Serialises the rows from `next` on; returns the start of the following chunk, or `None` after the last.
fn chunk(shared: &Shared, first: usize, next: usize, rows: usize) -> (Vec<u8>, Option<usize>) {
    let mut text = Vec::new();
    if next == first {
        text.push(b'[');
    }
    let end = rows.min(next.saturating_add(CHUNK));
    for (place, entry) in (next..end).zip(shared.ledger_entries(next, end.saturating_sub(next))) {
        if place > first {
            text.push(b',');
        }
        text.extend(ZoomAnswer::json(200, &entry).body);
    }
    if end < rows {
        return (text, Some(end));
    }
    text.push(b']');
    (text, None)
}

/// Changes to a running simulator. Absent fields stay unchanged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Control {
    faults: Option<Vec<String>>,
    fault_timeout_ms: Option<u64>,
    speed: Option<f64>,
    plan: Option<AccountPlan>,
    dashboard: Option<bool>,
    webinar_addon: Option<bool>,
    scopes: Option<Vec<String>>,
    now: Option<Timestamp>,
    /// Calls used today of the daily limit, including those of other apps.
    used_today: Option<u64>,
    token_lifetime_s: Option<u64>,
    page_token_lifetime_s: Option<u64>,
    #[serde(default)]
    expire_tokens: bool,
}

/// `POST /_control`
pub(super) async fn control(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let done = serde_json::from_slice(&body).map_err(|error| error.to_string());
    match done.and_then(|control: Control| apply(&shared, control)) {
        Ok(()) => (StatusCode::OK, "{}\n").into_response(),
        Err(refused) => (StatusCode::BAD_REQUEST, format!("control refused: {refused}\n")).into_response(),
    }
}

fn apply(shared: &Shared, control: Control) -> Result<(), String> {
    let mut settings = (*shared.settings()).clone();
    let faults = control
        .faults
        .map(|texts| texts.iter().map(|text| text.parse()).collect::<Result<Vec<FaultRate>, _>>());
    let faults = faults.transpose().map_err(|error| error.to_string())?;
    set(&mut settings.speed, control.speed);
    set(&mut settings.plan, control.plan);
    set(&mut settings.dashboard, control.dashboard);
    set(&mut settings.webinar_addon, control.webinar_addon);
    set(&mut settings.fault_timeout, control.fault_timeout_ms.map(Duration::from_millis));
    set(&mut settings.token_lifetime, control.token_lifetime_s.map(Duration::from_secs));
    set(&mut settings.page_token_lifetime, control.page_token_lifetime_s.map(Duration::from_secs));
    set(&mut settings.faults, faults.clone());
    settings.scopes = control.scopes.or(settings.scopes);
    settings.check().map_err(|error| error.to_string())?;
    shared.replace_settings(settings);
    if let Some(faults) = faults {
        shared.faults().replace(faults);
    }
    if let Some(now) = control.now {
        shared.clock.set(now);
    }
    if let Some(used) = control.used_today {
        shared.use_today(used);
    }
    if control.expire_tokens {
        shared.tokens().expire_all();
    }
    Ok(())
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn yes() -> bool {
    true
}
