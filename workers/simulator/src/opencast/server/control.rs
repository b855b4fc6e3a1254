//! The fake's own paths: `/_truth`, `/_ledger` and `/_control`. Independent of Opencast's API.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

use super::super::settings::check_faults;
use super::answer::OpencastAnswer;
use super::shared::Shared;
use crate::faults::FaultRate;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TruthQuery {
    date: Date,
    #[serde(default = "yes")]
    ids: bool,
}

/// `GET /_truth`
pub(super) async fn truth(State(shared): State<Arc<Shared>>, Query(query): Query<TruthQuery>) -> Response {
    OpencastAnswer::json(&shared.truth(query.date, query.ids)).deliver()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerQuery {
    #[serde(default)]
    since: usize,
    #[serde(default)]
    summary: bool,
}

/// `GET /_ledger`: rows as a JSON array, or a summary.
pub(super) async fn ledger(State(shared): State<Arc<Shared>>, Query(query): Query<LedgerQuery>) -> Response {
    let ledger = shared.ledger();
    let answer = match query.summary {
        true => OpencastAnswer::json(&ledger.summary()),
        false => OpencastAnswer::json(&ledger.entries(query.since)),
    };
    answer.deliver()
}

/// Changes to a running fake. Absent fields stay unchanged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Control {
    faults: Option<Vec<String>>,
    fault_timeout_ms: Option<u64>,
    now: Option<Timestamp>,
    #[serde(default)]
    expire_nonces: bool,
}

/// `POST /_control`
pub(super) async fn control(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let done = serde_json::from_slice(&body).map_err(|error| error.to_string());
    match done.and_then(|control: Control| apply(&shared, &control)) {
        Ok(()) => (StatusCode::OK, "{}\n").into_response(),
        Err(refused) => (StatusCode::BAD_REQUEST, format!("control refused: {refused}\n")).into_response(),
    }
}

fn apply(shared: &Shared, control: &Control) -> Result<(), String> {
    if let Some(texts) = &control.faults {
        let faults = texts.iter().map(|text| text.parse()).collect::<Result<Vec<FaultRate>, _>>();
        let faults = faults.map_err(|error| error.to_string())?;
        check_faults(&faults).map_err(|error| error.to_string())?;
        shared.faults().replace(faults);
    }
    if let Some(ms) = control.fault_timeout_ms {
        *shared.fault_timeout() = Duration::from_millis(ms);
    }
    if let Some(now) = control.now {
        shared.clock.set(now);
    }
    if control.expire_nonces {
        shared.gate().expire();
    }
    Ok(())
}

fn yes() -> bool {
    true
}
