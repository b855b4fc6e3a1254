//! The detail job: participant sessions of one meeting or webinar, and its header if missing.

use messages::RawKind;
use messages::zoom::{Api, Event, HostIds, Listing, MeetingContext};
use runtime::Failure;
use tracing::debug;

use crate::atlas::{Reason, ZoomError};
use crate::context::{Raw, ZoomContext};
use crate::endpoint::Endpoint;
use crate::pages::{Pages, Step, Tally};
use crate::wire::{self, MeetingRow};
use crate::{request, rows};

/// Parameters of a detail job.
#[derive(Debug, Clone)]
pub(crate) struct Detail {
    pub(crate) meeting: MeetingContext,
    pub(crate) event: Event,
    pub(crate) listing: Option<Listing>,
    pub(crate) api: Api,
    pub(crate) header: bool,
}

/// Fetches the header if requested, then the participants.
pub(crate) async fn fetch(ctx: &mut ZoomContext<'_>, mut detail: Detail) -> Result<(), ZoomError> {
    if detail.header && detail.event == Event::Meeting {
        match fetch_header(ctx, &mut detail).await {
            Err(error) if is_dispensable(&error, ctx) => {
                let text = format!("the meeting's own document is not written: {}", error.failure);
                ctx.find("header", text);
            }
            fetched => fetched?,
        }
    }
    let mut tally = None;
    for (listing, last) in listings(&detail) {
        match fetch_participants(ctx, &detail, listing).await {
            Ok(came) => tally = Some(came),
            Err(error) if error.reason == Reason::Missing && !last => continue,
            // The Reports have no participants of one-person meetings, so waiting is useless.
            Err(error) if error.reason == Reason::Missing && one_person_report(&detail) => {}
            Err(error) => return Err(error),
        }
        break;
    }
    let tally = tally.unwrap_or(Tally::NOTHING);
    ctx.finish(tally, None).await?;
    debug!(job.id = %ctx.job.id, got = tally.got, "fetched {} sessions", tally.got);
    Ok(())
}

/// Returns whether to fetch participants without the header. False for a meeting that is unknown or not ready, a plan
/// without the Dashboard, and errors that may pass.
fn is_dispensable(error: &ZoomError, ctx: &ZoomContext<'_>) -> bool {
    match (&error.failure, error.reason) {
        (_, Reason::Missing | Reason::Wall) | (Failure::Hold { .. } | Failure::Defer { .. }, _) => false,
        (Failure::Retry { .. }, _) => ctx.is_last(),
        _ => true,
    }
}

/// Returns the lists that may contain the meeting, each with whether it is the last. Only the Dashboard has several.
fn listings(detail: &Detail) -> Vec<(Listing, bool)> {
    match (detail.event, detail.api, detail.listing) {
        (Event::Meeting, Api::Dashboard, None) => vec![(Listing::Past, false), (Listing::PastOne, true)],
        (Event::Meeting, _, Some(listing)) => vec![(listing, true)],
        (Event::Webinar, _, _) | (_, Api::Report, None) => vec![(Listing::Past, true)],
    }
}

fn one_person_report(detail: &Detail) -> bool {
    detail.api == Api::Report && detail.listing == Some(Listing::PastOne)
}

async fn fetch_header(ctx: &mut ZoomContext<'_>, detail: &mut Detail) -> Result<(), ZoomError> {
    let (endpoint, kind) = match detail.api {
        Api::Dashboard => (Endpoint::MetricsMeeting, RawKind::ZoomMetricsMeeting),
        Api::Report => (Endpoint::ReportMeeting, RawKind::ZoomReportMeeting),
    };
    for (listing, last) in listings(detail) {
        let asked =
            request::of_meeting(endpoint, &detail.meeting.meeting_uuid, listing, detail.meeting.end_time);
        let answer = match ctx.get(&asked).await {
            Ok(answer) => answer,
            Err(error) if error.reason == Reason::Missing && !last => continue,
            Err(error) => return Err(error),
        };
        let row: MeetingRow = wire::row(&answer.body);
        let hosts = host_ids(ctx, detail.api, &row, listing).await;
        let raw = Raw {
            part: "header",
            kind,
            endpoint: endpoint.name(),
            received_at: answer.received_at,
            context: &hosts,
            body: &answer.body,
            received: answer.received.as_deref(),
        };
        ctx.send_raw(&raw).await?;
        let host_id = hosts.host_ids.into_values().next().or(hosts.host_id);
        detail.meeting = rows::context(detail.meeting.meeting_uuid.clone(), row, host_id);
        if detail.api == Api::Dashboard {
            detail.listing = Some(listing);
        }
        break;
    }
    Ok(())
}

/// Returns the context of a header: the Dashboard names the host by e-mail, the Reports by id.
async fn host_ids(ctx: &mut ZoomContext<'_>, api: Api, row: &MeetingRow, listing: Listing) -> HostIds {
    let mut context = HostIds { host_id: row.host_id.clone().text(), ..HostIds::default() };
    if api == Api::Dashboard {
        context.listing = Some(listing);
        let ids = ctx.host_ids().await;
        let email = row.email.as_str().map(str::to_lowercase);
        let host = email.and_then(|email| ids.get_key_value(&email));
        context.host_ids.extend(host.map(|(email, id)| (email.clone(), id.clone())));
    }
    context
}

async fn fetch_participants(
    ctx: &mut ZoomContext<'_>,
    detail: &Detail,
    listing: Listing,
) -> Result<Tally, ZoomError> {
    let (endpoint, kind) = participants(detail);
    let meeting = &detail.meeting;
    let asked = request::of_meeting(endpoint, &meeting.meeting_uuid, listing, meeting.end_time);
    let mut plain = asked.plain();
    let mut pages = Pages::new(asked);
    let (mut tally, mut number) = (Tally::UNREAD, 0_u32);
    loop {
        let step = match pages.next(&ctx.zoom.client, ctx.calls()).await {
            Err(error) if error.reason == Reason::Parameter && number == 0 && plain.is_some() => {
                let Some(request) = plain.take() else { return Err(error) };
                ctx.without_fields(&request);
                pages = Pages::new(request);
                continue;
            }
            step => step?,
        };
        let page = match step {
            Step::Page(page) => page,
            Step::Restarted => {
                (tally, number) = (Tally::UNREAD, 0);
                continue;
            }
            Step::End => return Ok(tally),
        };
        tally.page(&page);
        number += 1;
        let raw = Raw {
            part: &number.to_string(),
            kind,
            endpoint: endpoint.name(),
            received_at: page.received_at,
            context: meeting,
            body: &page.body,
            received: page.received.as_deref(),
        };
        ctx.send_raw(&raw).await?;
    }
}

fn participants(detail: &Detail) -> (Endpoint, RawKind) {
    match (detail.api, detail.event) {
        (Api::Dashboard, Event::Meeting) => {
            (Endpoint::MetricsMeetingParticipants, RawKind::ZoomMetricsParticipants)
        }
        (Api::Dashboard, Event::Webinar) => {
            (Endpoint::MetricsWebinarParticipants, RawKind::ZoomMetricsWebinarParticipants)
        }
        (Api::Report, Event::Meeting) => {
            (Endpoint::ReportMeetingParticipants, RawKind::ZoomReportParticipants)
        }
        (Api::Report, Event::Webinar) => {
            (Endpoint::ReportWebinarParticipants, RawKind::ZoomReportWebinarParticipants)
        }
    }
}
