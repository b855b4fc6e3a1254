//! The Reports path, for accounts without the Dashboard: active hosts of a date, then each host's meetings.

use std::collections::HashSet;

use jiff::civil::Date;
use messages::RawKind;
use messages::zoom::{Api, Event, HostIds, Listing, Task};
use tracing::{debug, info};

use crate::atlas::{Reason, ZoomError};
use crate::context::{Raw, ZoomContext};
use crate::endpoint::Endpoint;
use crate::hosts::ByEmail;
use crate::list::dead_letter_row;
use crate::pages::Tally;
use crate::wire::{self, UserRow};
use crate::{request, rows};

/// Zoom's meeting types that are webinars.
const WEBINARS: [u64; 3] = [5, 6, 9];

/// Lists the hosts active on a date, and plans one job per host.
pub(crate) async fn fetch_hosts(ctx: &mut ZoomContext<'_>, date: Date) -> Result<(), ZoomError> {
    let pages = ctx.read_all(request::dated(Endpoint::ReportUsers, "active", date)).await?;
    let (mut seen, mut jobs) = (HashSet::new(), 0);
    for (page, number) in pages.iter().zip(1..) {
        let users = wire::rows(&page.body).into_iter().map(wire::row::<UserRow>);
        let ids = users.filter_map(|user| user.id.text()).filter(|id| seen.insert(id.clone()));
        let tasks: Vec<Task> = ids.map(|host_id| Task::HostMeetings { date, host_id }).collect();
        jobs += tasks.len() as u64;
        ctx.plan(&format!("hosts.{number}"), tasks).await?;
    }
    ctx.zoom.source.listed(date, Api::Report);
    // A host without an id cannot be requested, so it counts as missing in the receipt.
    let tally = Tally { got: jobs, ..Tally::of(&pages) };
    ctx.finish(tally, Some(jobs)).await?;
    info!(job.id = %ctx.job.id, jobs, "listed {jobs} active hosts of {date}");
    Ok(())
}

/// Completes a webinar job without calls, because the hosts' meetings include webinars.
pub(crate) async fn fetch_webinars(ctx: &mut ZoomContext<'_>, date: Date) -> Result<(), ZoomError> {
    if ctx.zoom.source.of_date(date) == Some(Api::Dashboard) {
        let text =
            "the Dashboard listed the meetings of the date and refuses its webinars: plan the date again";
        ctx.find("webinars", text);
    }
    ctx.finish(Tally::NOTHING, Some(0)).await?;
    debug!(job.id = %ctx.job.id, "the webinars of {date} come with the meetings of their hosts");
    Ok(())
}

/// Lists the meetings of one host, and plans a detail job per meeting.
pub(crate) async fn fetch_host(
    ctx: &mut ZoomContext<'_>,
    date: Date,
    host_id: &str,
) -> Result<(), ZoomError> {
    let mut lists = Vec::new();
    for listing in [Listing::Past, Listing::PastOne] {
        let asked = request::of_host(Endpoint::ReportUserMeetings, host_id, listing, date);
        match ctx.read_all(asked).await {
            Ok(pages) => lists.push((listing, pages)),
            Err(error) if error.reason == Reason::UserGone => {
                info!(job.id = %ctx.job.id, "a host is gone: nothing is listed of it");
                return ctx.finish(Tally::NOTHING, Some(0)).await;
            }
            Err(error) => return Err(error),
        }
    }
    let (mut tally, mut jobs, mut seen) = (Tally::NOTHING, 0, HashSet::new());
    for (listing, pages) in &lists {
        tally.list(Tally::of(pages));
        let context =
            HostIds { host_id: Some(host_id.to_owned()), listing: Some(*listing), ..HostIds::default() };
        for (page, number) in pages.iter().zip(1..) {
            let part = format!("{}.{number}", listing.name());
            let raw = Raw {
                part: &part,
                kind: RawKind::ZoomReportMeetings,
                endpoint: Endpoint::ReportUserMeetings.name(),
                received_at: page.received_at,
                context: &context,
                body: &page.body,
                received: page.received.as_deref(),
            };
            ctx.send_raw(&raw).await?;
            let sorted = rows::sort(&page.body, &ByEmail::new(), &mut seen);
            for (place, row) in sorted.unusable {
                dead_letter_row(ctx, &raw, "meetings", place, row).await?;
            }
            let webinars = ctx.zoom.webinars;
            let tasks =
                sorted.fresh.into_iter().filter_map(|row| task(row, *listing, date, host_id, webinars));
            let tasks: Vec<Task> = tasks.collect();
            jobs += tasks.len() as u64;
            ctx.plan(&part, tasks).await?;
        }
    }
    ctx.finish(tally, Some(jobs)).await?;
    debug!(job.id = %ctx.job.id, jobs, got = tally.got, "listed {} meetings of a host", tally.got);
    Ok(())
}

/// Returns the detail job of a row; none for one-person meetings, of which the Reports have no participants.
fn task(row: rows::UsableRow, listing: Listing, date: Date, host_id: &str, webinars: bool) -> Option<Task> {
    let webinar = row.kind.is_some_and(|kind| WEBINARS.contains(&kind));
    if listing == Listing::PastOne || (webinar && !webinars) {
        return None;
    }
    let mut meeting = row.meeting;
    meeting.host_id.get_or_insert_with(|| host_id.to_owned());
    Some(Task::Participants {
        meeting,
        event: if webinar { Event::Webinar } else { Event::Meeting },
        listing: Some(listing),
        api: Some(Api::Report),
        date: Some(date),
        header: false,
    })
}
