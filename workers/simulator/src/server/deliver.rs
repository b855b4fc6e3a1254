//! Turns an answer into a response: rate-limit headers, and faults of whole calls.

use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{DATE, RETRY_AFTER};
use axum::response::Response;
use jiff::Timestamp;

use super::answer::ZoomAnswer;
use super::shared::Shared;
use crate::clock::first_second;
use crate::faults::{BAD_GATEWAY, Fault, HTML_PAGE};
use crate::quota::{RateClass, Verdict};
use crate::transport::{broken, hang, respond};

const JSON: &str = "application/json;charset=UTF-8";
const OVER_RATE: &str = "You have reached the maximum per-second rate limit for this API. Try again later.";
const OVER_DAY: &str = "You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another request.";

/// Sends the answer without rate-limit headers.
pub(super) fn deliver(answer: ZoomAnswer) -> Response {
    respond(answer.status, JSON, Body::from(answer.body))
}

/// Answer to a call over quota; `None` if it was admitted.
pub(super) fn refusal(verdict: Verdict) -> Option<ZoomAnswer> {
    match verdict {
        Verdict::OverRate { .. } => Some(ZoomAnswer::error(429, 429, OVER_RATE)),
        Verdict::OverDay { .. } => Some(ZoomAnswer::error(429, 429, OVER_DAY)),
        Verdict::Unlimited | Verdict::Admitted { .. } => None,
    }
}

/// Applies a fault to an answer and sends it.
pub(super) async fn strike(shared: &Arc<Shared>, answer: ZoomAnswer, fault: Option<Fault>) -> Response {
    match fault {
        Some(Fault::Timeout) => {
            drop(answer);
            let wait = shared.settings().fault_timeout;
            hang(&shared.stop, wait, JSON).await
        }
        Some(Fault::Reset) => broken(answer.body, JSON),
        Some(Fault::BadGateway | Fault::HtmlPage) => {
            respond(answer.status, "text/html", Body::from(answer.body))
        }
        _ => deliver(answer),
    }
}

/// Answer that a fault puts in place of the operation's; `None` if the operation answers.
pub(super) fn instead(fault: Fault, refuses: bool) -> Option<ZoomAnswer> {
    match fault {
        Fault::TooManyRequests => Some(ZoomAnswer::error(429, 429, OVER_RATE)),
        Fault::MissingHeaders if refuses => Some(ZoomAnswer::error(429, 429, OVER_RATE)),
        Fault::InternalError => Some(ZoomAnswer::error(500, 500, "Internal server error.")),
        Fault::BadGateway => Some(ZoomAnswer { status: 502, body: BAD_GATEWAY.into() }),
        Fault::HtmlPage => Some(ZoomAnswer { status: 200, body: HTML_PAGE.into() }),
        _ => None,
    }
}

/// Sets the rate-limit headers.
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

/// Sets `Date` by the simulator's clock.
pub(super) fn date_header(response: &mut Response, now: Timestamp) {
    if let Ok(date) = HeaderValue::from_str(&now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()) {
        response.headers_mut().insert(DATE, date);
    }
}

fn next_midnight(now: Timestamp) -> Timestamp {
    let today = first_second(crate::clock::date_of(now));
    Timestamp::from_second(today + 86_400).unwrap_or(Timestamp::MAX)
}
