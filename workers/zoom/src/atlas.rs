//! The error atlas: classifies an answer of Zoom, as a pure function of status, headers and body.
//!
//! HTTP status and `code` decide; the message decides only if both are ambiguous. The message may contain an address or
//! a name, so operators see only its words from an allowlist.

mod call_error;
mod table;
mod words;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use reqwest::header::HeaderMap;

pub(crate) use call_error::{Reason, ZoomError};

use crate::endpoint::Endpoint;
use crate::headers::{Limit, RateHeaders};
use crate::wire::{self, Head};

/// The properties of a call that decide about its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) endpoint: Endpoint,
    /// End of the meeting; `None` if unknown, or for a call about several meetings.
    pub(crate) meeting_end: Option<Timestamp>,
    /// True if a page token was sent.
    pub(crate) paging: bool,
}

/// Meaning of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The requested data.
    Fine(Head),
    /// The token is refused: get a new one and retry once.
    NewToken,
    /// Rate limit exceeded: wait, then retry.
    Slow(Pause),
    /// An error.
    Refused(ZoomError),
}

/// Wait after a 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// Seconds: until the given time, else as the caller decides.
    Short(Option<Timestamp>),
    /// The daily limit is used up: until the given time, else until 00:00 UTC.
    Day(Option<Timestamp>),
}

/// Classifies an answer.
pub(crate) fn classify(status: u16, headers: &HeaderMap, body: &str, call: &Call, now: Timestamp) -> Verdict {
    let head = match read(body) {
        Body::Json(head) if call.endpoint.lists_participants() => head.of_participants(),
        Body::Json(head) => head,
        // These statuses suffice without a body.
        _ if matches!(status, 401 | 429) => Head::default(),
        other => return Verdict::Refused(table::unreadable(status, other, call)),
    };
    match status {
        200..=299 if is_answer(&head, call) => Verdict::Fine(head),
        200..=299 => Verdict::Refused(table::error_in_200(&head, call)),
        401 if head.code != Some(4700) && head.code != Some(4711) => Verdict::NewToken,
        400 if head.code == Some(124) => Verdict::NewToken,
        429 => Verdict::Slow(pause(&RateHeaders::read(headers, now), &head)),
        _ => Verdict::Refused(table::classify(status, &head, call, now)),
    }
}

/// Format of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    Json(Head),
    Empty,
    Html,
    Broken,
}

fn read(body: &str) -> Body {
    let text = body.trim_ascii_start();
    match (text.chars().next(), wire::head(text)) {
        (None, _) => Body::Empty,
        (_, Ok(head)) => Body::Json(head),
        (Some('<'), Err(_)) => Body::Html,
        (Some(_), Err(_)) => Body::Broken,
    }
}

fn is_answer(head: &Head, call: &Call) -> bool {
    if call.endpoint.is_object() { head.identified && head.code.is_none() } else { head.rows.is_some() }
}

fn pause(headers: &RateHeaders, head: &Head) -> Pause {
    let daily_text =
        || head.message.as_deref().is_some_and(|text| text.to_ascii_lowercase().contains("daily"));
    let daily = headers.limit.map_or_else(daily_text, |limit| limit == Limit::Day);
    if daily { Pause::Day(headers.retry_at) } else { Pause::Short(headers.retry_at) }
}
