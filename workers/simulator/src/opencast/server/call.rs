//! Handles one call: ledger, faults, authentication, then the service.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{DATE, HOST};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::response::Response;
use jiff::Timestamp;

use super::super::gate;
use super::super::ledger::AuthKind;
use super::answer::OpencastAnswer;
use super::endpoint::{Endpoint, route};
use super::params::Params;
use super::shared::Shared;
use super::{actions, episodes, info, workflows};
use crate::faults::Fault;
use crate::transport::{broken, hang};

/// Handles all paths of Opencast, and unknown ones.
pub(super) async fn call(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let (endpoint, id) = route(uri.path());
    let at_us = shared.at_us();
    let place = shared.ledger().enter(at_us, endpoint.name());
    let fault = shared.faults().draw();
    let (auth, answer) = match fault.and_then(OpencastAnswer::instead) {
        Some(instead) => (AuthKind::Anonymous, instead),
        None if method != Method::GET => {
            (AuthKind::Anonymous, OpencastAnswer::error(405, "Method Not Allowed"))
        }
        None => answer(&shared, endpoint, &id, &uri, &headers),
    };
    let status = if fault == Some(Fault::Timeout) { 0 } else { answer.status };
    shared.ledger().settle(place, auth, status, fault);
    let mut response = strike(&shared, answer, fault).await;
    if let Some(date) = date(shared.now_ms()) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

/// The fake's clock as a `Date` header.
fn date(now_ms: i64) -> Option<HeaderValue> {
    let now = Timestamp::from_millisecond(now_ms).ok()?;
    HeaderValue::from_str(&now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
}

fn answer(
    shared: &Shared,
    endpoint: Endpoint,
    id: &str,
    uri: &Uri,
    headers: &HeaderMap,
) -> (AuthKind, OpencastAnswer) {
    let is_open = endpoint.is_open(&shared.settings);
    let admitted = shared.gate().admit(gate::Call { uri, headers, now_ms: shared.now_ms(), is_open });
    let auth = match admitted {
        Ok(auth) => auth,
        Err(refusal) => {
            let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
            return (AuthKind::Refused, OpencastAnswer::refused(refusal, &format!("http://{host}")));
        }
    };
    let answer = Params::parse(uri).and_then(|params| perform(shared, endpoint, id, &params, auth));
    (auth, answer.unwrap_or_else(|refused| refused))
}

fn perform(
    shared: &Shared,
    endpoint: Endpoint,
    id: &str,
    params: &Params,
    auth: AuthKind,
) -> Result<OpencastAnswer, OpencastAnswer> {
    if !endpoint.is_served(&shared.settings) {
        return Err(OpencastAnswer::not_found());
    }
    match endpoint {
        Endpoint::Actions => actions::list(shared, params),
        Endpoint::DetailEnabled => Ok(info::detail_enabled(shared)),
        Endpoint::Episode => episodes::search(shared, params, auth),
        Endpoint::Workflows => workflows::list(shared, params),
        Endpoint::WorkflowsOf => Ok(workflows::of(shared, id)),
        Endpoint::Version => Ok(info::version(shared)),
        Endpoint::Components => Ok(info::components(shared)),
        Endpoint::Me => Ok(info::me(shared, auth)),
        Endpoint::Health => Ok(info::health()),
        Endpoint::Login => Ok(OpencastAnswer::login_page()),
        Endpoint::Unknown => Err(OpencastAnswer::not_found()),
    }
}

/// Applies a fault to an answer and sends it.
async fn strike(shared: &Shared, mut answer: OpencastAnswer, fault: Option<Fault>) -> Response {
    match fault {
        Some(Fault::Timeout) => {
            let wait = *shared.fault_timeout();
            hang(&shared.stop, wait, answer.content_type).await
        }
        Some(Fault::Reset) => broken(answer.body, answer.content_type),
        Some(Fault::TruncatedJson) => {
            answer.body.truncate(answer.body.len() / 2);
            answer.deliver()
        }
        _ => answer.deliver(),
    }
}
