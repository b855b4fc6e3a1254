//! Handles one call below `/v2` with Zoom's order of checks: token, quota, scopes, plan, parameters, data. Faults
//! affect calls that the quota admitted.

use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use jiff::civil::Date;
use tokio::time::Instant;

use super::answer::ZoomAnswer;
use super::deliver::{date_header, deliver, instead, rate_headers, refusal, strike};
use super::endpoint::{Endpoint, route, uuid_text};
use super::oauth::Access;
use super::query::Params;
use super::shared::Shared;
use super::{metrics, report, users};
use crate::faults::{Damage, Fault};
use crate::world::MeetingUuid;
use listener::Accepted;

const NO_DASHBOARD: &str = "This API is only available for ZMP and Business or higher accounts that have enabled the Dashboard feature.";
const NO_WEBINARS: &str = "Webinar plan is missing. You must subscribe to the webinar plan and enable webinars for this user in order to perform this action.";

/// Input of an operation.
pub(super) struct Call<'a> {
    pub(super) shared: &'a Shared,
    pub(super) params: Params,
    /// Raw path segment of the id.
    pub(super) id: &'a str,
    pub(super) damage: Damage,
    /// The fault that hid a meeting, for the ledger.
    pub(super) hidden: Option<Fault>,
}

impl Call<'_> {
    pub(super) fn take_damage(&mut self) -> Damage {
        std::mem::replace(&mut self.damage, Damage::none())
    }
}

/// Handles everything below `/v2`, and all unknown paths.
pub(super) async fn api(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(Accepted(accepted)): ConnectInfo<Accepted>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let connected = accepted + shared.settings().connect_time;
    if connected > Instant::now() {
        tokio::time::sleep_until(connected).await;
    }
    let (mut endpoint, id) = route(uri.path());
    if method != Method::GET {
        endpoint = Endpoint::Unknown;
    }
    let (token, access) = authorise(&shared, endpoint, &headers);
    let counted = !matches!(&access, Err(refused) if refused.status == 401);
    let ticket = shared.enter(endpoint, token, about(&shared, id, &uri), counted);
    let (Some(verdict), Some(class)) = (ticket.verdict, endpoint.class()) else {
        let answer = access.err().unwrap_or_else(unknown);
        shared.settle(ticket, answer.status, None);
        let mut response = deliver(answer);
        date_header(&mut response, shared.clock.now());
        return response;
    };
    let (answer, fault) = match (refusal(verdict), access) {
        (Some(over), _) => (over, None),
        (None, Err(refused)) => (refused, None),
        (None, Ok(())) => answer(&shared, endpoint, id, &uri),
    };
    let (answer, now) = (truncate(answer, fault), shared.clock.now());
    shared.settle(ticket, status_seen(&answer, fault), fault);
    let mut response = strike(&shared, answer, fault).await;
    date_header(&mut response, now);
    match fault {
        Some(Fault::MissingHeaders) => {}
        Some(Fault::TooManyRequests) => rate_headers(&mut response, class, shared.full_window(class), now),
        _ => rate_headers(&mut response, class, verdict, now),
    }
    response
}

/// The date that a call asks for.
fn about(shared: &Shared, id: &str, uri: &Uri) -> Option<Date> {
    let uuid = uuid_text(id).ok().and_then(|text| MeetingUuid::parse(&text));
    let begin = || Params::parse(uri).ok()?.get("from")?.get(..10)?.parse().ok();
    uuid.and_then(|uuid| shared.world.date_of(uuid)).or_else(begin)
}

/// Returns the token's number, and whether token and scopes suffice. The caller applies a 401 before the quota, and
/// missing scopes after it.
fn authorise(shared: &Shared, endpoint: Endpoint, headers: &HeaderMap) -> (u32, Result<(), ZoomAnswer>) {
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let (number, granted) = match shared.tokens().access(token, shared.clock.now().as_millisecond()) {
        Access::Granted(number, scopes) => (number, scopes),
        Access::Expired => return (0, Err(ZoomAnswer::error(401, 124, "Access token is expired."))),
        Access::Unknown => return (0, Err(ZoomAnswer::error(401, 124, "Invalid access token."))),
    };
    let wanted = endpoint.scopes();
    if wanted.is_empty() || granted.iter().any(|scope| wanted.contains(&scope.as_str())) {
        return (number, Ok(()));
    }
    let message = format!("Invalid access token, does not contain scopes:[{}].", wanted[0]);
    (number, Err(ZoomAnswer::error(400, 4711, &message)))
}

/// Returns the answer to an admitted call, and its fault.
fn answer(shared: &Shared, endpoint: Endpoint, id: &str, uri: &Uri) -> (ZoomAnswer, Option<Fault>) {
    let (struck, refuses) = draw(shared, uri);
    if let Some(instead) = struck.and_then(|fault| instead(fault, refuses)) {
        return (instead, struck);
    }
    let (answer, hidden) = perform(shared, endpoint, id, uri);
    (answer, struck.or(hidden))
}

fn draw(shared: &Shared, uri: &Uri) -> (Option<Fault>, bool) {
    let most = shared.settings().faults_in_a_row;
    let mut faults = shared.faults();
    let struck = faults.draw();
    let struck = match most {
        Some(most) => faults.at_most(struck, uri.path_and_query().map_or("", |asked| asked.as_str()), most),
        None => struck,
    };
    (struck, struck == Some(Fault::MissingHeaders) && faults.refuses())
}

fn perform(shared: &Shared, endpoint: Endpoint, id: &str, uri: &Uri) -> (ZoomAnswer, Option<Fault>) {
    let settings = shared.settings();
    if endpoint.is_dashboard() && !settings.dashboard {
        return (ZoomAnswer::error(400, 200, NO_DASHBOARD), None);
    }
    if endpoint.is_webinar() && !settings.webinar_addon {
        return (ZoomAnswer::error(200, 200, NO_WEBINARS), None);
    }
    let params = match Params::parse(uri) {
        Ok(params) => params,
        Err(refused) => return (refused, None),
    };
    let damage = shared.faults().damage();
    let mut call = Call { shared, params, id, damage, hidden: None };
    let answer = match endpoint {
        Endpoint::Users => users::list(&mut call),
        Endpoint::MetricsMeetings => metrics::meetings(&mut call),
        Endpoint::MetricsMeeting => metrics::meeting(&mut call),
        Endpoint::MetricsMeetingParticipants => metrics::meeting_participants(&mut call),
        Endpoint::MetricsWebinars => metrics::webinars(&mut call),
        Endpoint::MetricsWebinarParticipants => metrics::webinar_participants(&mut call),
        Endpoint::ReportUsers => report::hosts(&mut call),
        Endpoint::ReportUserMeetings => report::host_meetings(&mut call),
        Endpoint::ReportMeeting => report::meeting(&mut call),
        Endpoint::ReportMeetingParticipants => report::meeting_participants(&mut call),
        Endpoint::ReportWebinarParticipants => report::webinar_participants(&mut call),
        Endpoint::PastMeeting => report::past_meeting(&mut call),
        Endpoint::Token | Endpoint::Unknown => Err(unknown()),
    };
    (answer.unwrap_or_else(|refused| refused), call.hidden)
}

fn truncate(mut answer: ZoomAnswer, fault: Option<Fault>) -> ZoomAnswer {
    if fault == Some(Fault::TruncatedJson) {
        answer.body.truncate(answer.body.len() / 2);
    }
    answer
}

/// Status that the client sees; 0 if it gets no answer.
fn status_seen(answer: &ZoomAnswer, fault: Option<Fault>) -> u16 {
    if fault == Some(Fault::Timeout) { 0 } else { answer.status }
}

fn unknown() -> ZoomAnswer {
    ZoomAnswer::error(400, 2300, "This API endpoint is not recognized.")
}
