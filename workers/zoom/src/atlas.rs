//! The error atlas: what an answer of Zoom means, as one pure function of status, headers and body.
//!
//! Decides by HTTP status and `code`; the message is looked at only where both leave a doubt. It may hold an address or a
//! name: operators are shown those of its words that are on a list.

mod refusal;
mod table;
mod words;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use reqwest::header::HeaderMap;

pub(crate) use refusal::{Reason, Refusal};

use crate::endpoint::Endpoint;
use crate::headers::{Limit, RateHeaders};
use crate::wire::{self, Head};

/// What the meaning of an answer depends on beside the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) endpoint: Endpoint,
    /// When the meeting ended, where the call is about one and somebody knows.
    pub(crate) meeting_end: Option<Timestamp>,
    /// True when a page token was sent.
    pub(crate) paging: bool,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The answer is what was asked for.
    Fine(Head),
    /// The token is refused: get a new one and ask again, once.
    NewToken,
    /// Too many calls: wait, and ask again.
    Slow(Pause),
    /// No answer to work with.
    Refused(Refusal),
}

/// How long a 429 asks to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// A little: until the time named, or as the caller sees fit.
    Short(Option<Timestamp>),
    /// The day is spent: until the time named, or until 00:00 UTC.
    Day(Option<Timestamp>),
}

/// Judges an answer.
pub(crate) fn classify(status: u16, headers: &HeaderMap, body: &str, call: &Call, now: Timestamp) -> Verdict {
    let head = match read(body) {
        Body::Json(head) => head,
        // A status that says enough by itself needs no body.
        _ if matches!(status, 401 | 429) => Head::default(),
        other => return Verdict::Refused(table::unreadable(status, other, call)),
    };
    match status {
        200..=299 if is_answer(&head, call) => Verdict::Fine(head),
        200..=299 => Verdict::Refused(table::error_in_200(&head, call)),
        401 if head.code != Some(4700) && head.code != Some(4711) => Verdict::NewToken,
        400 if head.code == Some(124) => Verdict::NewToken,
        429 => Verdict::Slow(pause(&RateHeaders::read(headers, now), &head)),
        _ => Verdict::Refused(table::refusal(status, &head, call, now)),
    }
}

/// What a body is.
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
