//! From an answer to bytes on the wire: rate-limit headers, and the faults that strike whole calls.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;

use super::answer::Answer;
use super::shared::Shared;
use crate::clock::first_second;
use crate::faults::Fault;
use crate::quota::{RateClass, Verdict};

const JSON: &str = "application/json;charset=UTF-8";
const OVER_RATE: &str = "You have reached the maximum per-second rate limit for this API. Try again later.";
const OVER_DAY: &str = "You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another request.";

/// The answer as it is, without rate-limit headers.
pub(super) fn deliver(answer: Answer) -> Response {
    respond(answer.status, JSON, Body::from(answer.body))
}

/// The refusal of a call that is over quota.
pub(super) fn refusal(verdict: Verdict) -> Option<Answer> {
    match verdict {
        Verdict::OverRate { .. } => Some(Answer::error(429, 429, OVER_RATE)),
        Verdict::OverDay { .. } => Some(Answer::error(429, 429, OVER_DAY)),
        Verdict::Unlimited | Verdict::Admitted { .. } => None,
    }
}

/// Sends an answer through the fault that struck its call.
pub(super) async fn strike(shared: &Arc<Shared>, answer: Answer, fault: Option<Fault>) -> Response {
    match fault {
        Some(Fault::Timeout) => {
            drop(answer);
            let wait = shared.settings().fault_timeout;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = shared.stop.cancelled() => {}
            }
            let broken = stream::iter([Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset))]);
            respond(200, JSON, Body::from_stream(broken))
        }
        Some(Fault::Reset) => {
            let half = answer.body.len() / 2;
            broken(answer.body, half)
        }
        Some(Fault::BadGateway) => respond(answer.status, "text/html", Body::from(answer.body)),
        _ => deliver(answer),
    }
}

/// What a call answers instead when a fault strikes it; `None` leaves the answer to the operation.
pub(super) fn instead(fault: Fault, refuses: bool) -> Option<Answer> {
    match fault {
        Fault::TooManyRequests => Some(Answer::error(429, 429, OVER_RATE)),
        Fault::MissingHeaders if refuses => Some(Answer::error(429, 429, OVER_RATE)),
        Fault::InternalError => Some(Answer::error(500, 500, "Internal server error.")),
        Fault::BadGateway => {
            let body = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>simulated</body>\r\n</html>\r\n";
            Some(Answer { status: 502, body: body.to_vec() })
        }
        _ => None,
    }
}

/// Sets the headers that tell a client how its quota stands.
pub(super) fn rate_headers(response: &mut Response, class: RateClass, verdict: Verdict, now: Timestamp) {
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-category", HeaderValue::from_static(class.category()));
    let (kind, limit, remaining) = match verdict {
        Verdict::Unlimited => return,
        Verdict::Admitted { daily, limit, remaining } => {
            (if daily { "Daily-limit" } else { "QPS" }, limit, remaining)
        }
        Verdict::OverRate { limit } => ("QPS", limit, 0),
        Verdict::OverDay { limit } => ("Daily-limit", limit, 0),
    };
    headers.insert("x-ratelimit-type", HeaderValue::from_static(kind));
    headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(remaining));
    if matches!(verdict, Verdict::OverDay { .. })
        && let Ok(reset) = HeaderValue::from_str(&next_midnight(now).to_string())
    {
        headers.insert(RETRY_AFTER, reset);
    }
}

/// The time of the answer, by the clock of the simulated world.
pub(super) fn date_header(response: &mut Response, now: Timestamp) {
    if let Ok(date) = HeaderValue::from_str(&now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()) {
        response.headers_mut().insert(DATE, date);
    }
}

fn next_midnight(now: Timestamp) -> Timestamp {
    let today = first_second(crate::clock::date_of(now));
    Timestamp::from_second(today + 86_400).unwrap_or(Timestamp::MAX)
}

/// Promises the whole body, sends `kept` bytes of it and lets the connection break.
fn broken(mut body: Vec<u8>, kept: usize) -> Response {
    let promised = HeaderValue::from(body.len().max(1));
    body.truncate(kept);
    let first = stream::iter([Ok(Bytes::from(body))]);
    let second = stream::once(async {
        // What was sent so far leaves the house only when the body pauses.
        tokio::time::sleep(Duration::from_millis(2)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    let body = Body::from_stream(first.chain(second));
    let mut response = respond(200, JSON, body);
    response.headers_mut().insert(CONTENT_LENGTH, promised);
    response
}

fn respond(status: u16, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
