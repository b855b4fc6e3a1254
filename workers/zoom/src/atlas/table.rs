//! The rows of the atlas: (HTTP status, code) to error.

use jiff::{SignedDuration, Timestamp};
use messages::{Cause, CauseClass};
use runtime::Failure;

use super::{Body, Call, Reason, ZoomError, words};
use crate::wire::Head;

/// Time after a meeting's end within which its data may not be ready yet.
const READY_WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// Classifies an error that is unrelated to tokens and rate limits.
pub(super) fn classify(status: u16, head: &Head, call: &Call, now: Timestamp) -> ZoomError {
    let said = said(status, head, call);
    match (status, head.code) {
        (_, Some(4711 | 4700)) => scopes(&said, head, call),
        (400, Some(200 | 400)) => no_permission(&said, head, call),
        (400, Some(300)) if call.paging => {
            let text = format!("{said}: the page token is invalid or expired, the list is read again");
            ZoomError::retry(Reason::RestartListing, CauseClass::AttemptsSpent, text)
        }
        (400, Some(300)) => {
            let text = format!("{said}: a parameter is refused (an id, or a date over six months back)");
            ZoomError::reject(Reason::Parameter, CauseClass::BadShape, text)
        }
        (400, Some(1010)) => ZoomError::reject(
            Reason::UserGone,
            CauseClass::Gone,
            format!("{said}: the user is not of this account"),
        ),
        (400, Some(3161)) => ZoomError::reject(
            Reason::UserGone,
            CauseClass::Forbidden,
            format!("{said}: the user may not host"),
        ),
        (400, Some(2300)) => not_recognised(&said, call),
        (400, Some(12700)) => {
            let text = format!("{said}: the account may not ask by end time");
            ZoomError::reject(Reason::Parameter, CauseClass::BadShape, text)
        }
        (400, Some(12702)) => {
            let text = format!("{said}: the meeting ended more than a year ago");
            ZoomError::reject(Reason::Missing, CauseClass::Gone, text)
        }
        (403, _) => forbidden(&said, call),
        (404, Some(1001)) => {
            ZoomError::reject(Reason::UserGone, CauseClass::Gone, format!("{said}: the user does not exist"))
        }
        (404, Some(3001)) => missing(&said, call, now),
        (404, Some(3301)) => {
            ZoomError::reject(Reason::Missing, CauseClass::Gone, format!("{said}: there is no recording"))
        }
        (500.., _) => ZoomError::retry(
            Reason::Trouble,
            CauseClass::AttemptsSpent,
            format!("{said}: the api is in trouble"),
        ),
        _ => ZoomError::retry(Reason::Other, CauseClass::BadShape, format!("{said}: an answer nobody knows")),
    }
}

/// Classifies a 200 with an error text, or without the requested data.
pub(super) fn error_in_200(head: &Head, call: &Call) -> ZoomError {
    let said = said(200, head, call);
    if head.code.is_none() && head.message.is_none() {
        return ZoomError::retry(
            Reason::Other,
            CauseClass::BadShape,
            format!("{said} without the rows promised"),
        );
    }
    match head.code {
        Some(4700 | 4711) => scopes(&said, head, call),
        Some(200 | 400) => no_permission(&said, head, call),
        _ if call.endpoint.is_webinar() && says(head, "webinar") => no_permission(&said, head, call),
        _ => ZoomError::retry(
            Reason::Other,
            CauseClass::BadShape,
            format!("{said}: an error text in place of rows"),
        ),
    }
}

/// Classifies a body that is not JSON.
pub(super) fn unreadable(status: u16, body: Body, call: &Call) -> ZoomError {
    let said = said(status, &Head::default(), call);
    let (class, what) = match (body, status) {
        (Body::Html, _) => (CauseClass::HtmlBlocked, "with a page for people, not JSON"),
        (_, 500..) => (CauseClass::AttemptsSpent, "without a readable body: the api is in trouble"),
        (Body::Empty, _) => (CauseClass::BadShape, "with an empty body"),
        _ => (CauseClass::BadShape, "with JSON that is cut off or broken"),
    };
    ZoomError::retry(Reason::Trouble, class, format!("{said} {what}"))
}

fn said(status: u16, head: &Head, call: &Call) -> String {
    let name = call.endpoint.name();
    let message = head.message.as_deref().and_then(words::allowed);
    let message = message.map(|message| format!(" (\"{message}\")")).unwrap_or_default();
    match head.code {
        Some(code) => format!("{name} answered {status}, code {code}{message}"),
        None => format!("{name} answered {status}{message}"),
    }
}

fn says(head: &Head, word: &str) -> bool {
    head.message.as_deref().is_some_and(|text| text.to_ascii_lowercase().contains(word))
}

fn scopes(said: &str, head: &Head, call: &Call) -> ZoomError {
    let named = head.message.as_deref().and_then(scopes_in);
    let names = named.unwrap_or_else(|| call.endpoint.scopes().join(" or "));
    let cause =
        format!("{said}: the token lacks the scope {names}: add it to the OAuth app, then start again");
    ZoomError::refused(Reason::Scopes, cause)
}

/// Returns the scopes in `...does not contain scopes:[a, b].`; `None` if the list contains anything else.
fn scopes_in(message: &str) -> Option<String> {
    let list = message.split_once("scopes:[")?.1.split_once(']')?.0;
    let fits = |char: char| char.is_ascii_lowercase() || "_:, ".contains(char);
    (!list.trim().is_empty() && list.chars().all(fits)).then(|| list.to_owned())
}

/// Classifies codes 200 and 400, which mean "no permission" or "not in the plan"; the message tells which.
fn no_permission(said: &str, head: &Head, call: &Call) -> ZoomError {
    let plan = ["dashboard", "zmp", "business"].iter().any(|word| says(head, word));
    if call.endpoint.is_webinar() && (says(head, "webinar") || !plan) {
        let text =
            format!("{said}: the account has no webinar add-on, or the app's owner may not see webinars");
        return ZoomError::reject(Reason::Other, CauseClass::PlanMissing, text);
    }
    if call.endpoint.is_about_one_meeting() && !plan {
        let text = format!("{said}: the account may not see this meeting");
        return ZoomError::reject(Reason::Other, CauseClass::Forbidden, text);
    }
    if call.endpoint.is_dashboard() {
        let cause = format!(
            "{said}: the plan has no Dashboard (Business and above have it), or the app's owner may not see it: \
             set ZOOM_SOURCE to auto or report"
        );
        return ZoomError::refused(Reason::Wall, cause);
    }
    let cause = format!(
        "{said}: the app's owner has no permission, or the plan is not paid: mend the role or the plan"
    );
    ZoomError::refused(Reason::Other, cause)
}

fn not_recognised(said: &str, call: &Call) -> ZoomError {
    if call.endpoint.is_about_one_meeting() {
        let text = format!("{said}: the endpoint is not recognised with this id");
        return ZoomError::reject(Reason::Other, CauseClass::BadShape, text);
    }
    ZoomError::refused(Reason::Other, format!("{said}: the endpoint is not recognised: check ZOOM_API_URL"))
}

fn forbidden(said: &str, call: &Call) -> ZoomError {
    if call.endpoint.is_about_one_meeting() {
        let text = format!("{said}: the api refuses this meeting to the account");
        return ZoomError::reject(Reason::Other, CauseClass::Forbidden, text);
    }
    ZoomError::refused(
        Reason::Other,
        format!("{said}: the api refuses the account or its group: ask the account's owner"),
    )
}

/// Classifies code 3001, which means "does not exist", "has not ended" or "not ready"; the meeting's end decides.
fn missing(said: &str, call: &Call, now: Timestamp) -> ZoomError {
    let Some(end) = call.meeting_end else {
        let text = format!("{said}: the meeting does not exist or its data is not ready");
        return ZoomError::retry(Reason::Missing, CauseClass::NotReadyExpired, text);
    };
    let rest = READY_WITHIN - now.duration_since(end);
    match std::time::Duration::try_from(rest) {
        Ok(rest) if !rest.is_zero() => {
            let text = format!("{said}: the meeting ended less than an hour ago, its data is not ready");
            let cause = Cause::new(CauseClass::NotReadyExpired, text);
            ZoomError { reason: Reason::Missing, failure: Failure::retry_after(rest, cause) }
        }
        _ => {
            let text =
                format!("{said}: the meeting ended more than an hour ago and the api does not have it");
            ZoomError::reject(Reason::Missing, CauseClass::Gone, text)
        }
    }
}
