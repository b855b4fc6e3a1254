//! The list job on the Dashboard: meetings or webinars of one UTC date.

use std::collections::HashSet;

use jiff::civil::Date;
use messages::RawKind;
use messages::zoom::{Api, Event, HostIds, Listing, Task};
use tracing::info;

use crate::atlas::ZoomError;
use crate::client::ZoomResponse;
use crate::context::{Raw, ZoomContext};
use crate::endpoint::Endpoint;
use crate::hosts::ByEmail;
use crate::pages::Tally;
use crate::{request, rows};

/// A kind of list: its endpoint, types and rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListKind {
    endpoint: Endpoint,
    listings: &'static [Listing],
    raw: RawKind,
    event: Event,
    /// The member of the answer that contains the rows.
    member: &'static str,
}

/// Meetings; those with one person have their own list.
pub(crate) const MEETINGS: ListKind = ListKind {
    endpoint: Endpoint::MetricsMeetings,
    listings: &[Listing::Past, Listing::PastOne],
    raw: RawKind::ZoomMetricsMeetings,
    event: Event::Meeting,
    member: "meetings",
};

/// Webinars have one list.
pub(crate) const WEBINARS: ListKind = ListKind {
    endpoint: Endpoint::MetricsWebinars,
    listings: &[Listing::Past],
    raw: RawKind::ZoomMetricsWebinars,
    event: Event::Webinar,
    member: "webinars",
};

/// Reads the lists to their end, then sends the pages and a detail job per meeting.
pub(crate) async fn fetch(ctx: &mut ZoomContext<'_>, kind: ListKind, date: Date) -> Result<(), ZoomError> {
    let ids = ctx.host_ids().await;
    let mut lists = Vec::new();
    for &listing in kind.listings {
        let pages = ctx.read_all(request::dated(kind.endpoint, listing.name(), date)).await?;
        lists.push((listing, pages));
    }
    let (mut tally, mut jobs, mut seen) = (Tally::NOTHING, 0, HashSet::new());
    for (listing, pages) in &lists {
        tally.list(Tally::of(pages));
        for (page, number) in pages.iter().zip(1..) {
            jobs +=
                send_page(ctx, Page { kind, listing: *listing, page, number, date }, &ids, &mut seen).await?;
        }
    }
    if kind.event == Event::Meeting {
        ctx.zoom.source.listed(date, Api::Dashboard);
    }
    ctx.finish(tally, Some(jobs)).await?;
    info!(job.id = %ctx.job.id, jobs, got = tally.got, "listed {} {} of {date}", tally.got, kind.member);
    Ok(())
}

struct Page<'a> {
    kind: ListKind,
    listing: Listing,
    page: &'a ZoomResponse,
    number: u32,
    date: Date,
}

/// Sends one page, dead-letters its unusable rows, and publishes the detail jobs of the others.
async fn send_page(
    ctx: &mut ZoomContext<'_>,
    Page { kind, listing, page, number, date }: Page<'_>,
    ids: &ByEmail,
    seen: &mut HashSet<messages::MeetingUuid>,
) -> Result<u64, ZoomError> {
    let part = format!("{}.{number}", listing.name());
    let sorted = rows::sort(&page.body, ids, seen);
    let context = HostIds { host_ids: sorted.host_ids, host_id: None, listing: Some(listing) };
    let raw = Raw {
        part: &part,
        kind: kind.raw,
        endpoint: kind.endpoint.name(),
        received_at: page.received_at,
        context: &context,
        body: &page.body,
        received: page.received.as_deref(),
    };
    ctx.send_raw(&raw).await?;
    for (place, row) in sorted.unusable {
        dead_letter_row(ctx, &raw, kind.member, place, row).await?;
    }
    let tasks: Vec<Task> = sorted
        .fresh
        .into_iter()
        .map(|row| Task::Participants {
            meeting: row.meeting,
            event: kind.event,
            listing: Some(listing),
            api: Some(Api::Dashboard),
            date: Some(date),
            header: false,
        })
        .collect();
    let jobs = tasks.len() as u64;
    ctx.plan(&part, tasks).await?;
    Ok(jobs)
}

/// Dead-letters a row without a usable uuid, in the format of a page, so that it can be replayed.
pub(crate) async fn dead_letter_row(
    ctx: &mut ZoomContext<'_>,
    page: &Raw<'_, HostIds>,
    member: &str,
    place: usize,
    row: &serde_json::value::RawValue,
) -> Result<(), ZoomError> {
    let part = format!("{}.row{place}", page.part);
    let body = std::collections::BTreeMap::from([(member, [row])]);
    let body = serde_json::value::to_raw_value(&body).map_err(|_| runtime::job_context::unwritable(&part))?;
    let text = format!("row {place} of {} has no usable uuid", page.endpoint);
    Ok(ctx.dead_letter_raw(&Raw { part: &part, body: &body, received: None, ..*page }, &text).await?)
}
