//! The Reports (`/report/...`) and `/past_meetings/{uuid}`.

use std::collections::HashMap;

use serde::Serialize;

use super::answer::{Listing, ZoomAnswer};
use super::api::Call;
use super::endpoint::decode;
use super::metrics::MOST;
use super::query::PageHead;
use super::window::Window;
use crate::wire::{HostRow, PastMeetingRow, ReportMeetingRow, ReportParticipantRow, UserMeetingRow};
use crate::world::{EventType, Meeting, person, sessions};

#[derive(Serialize)]
struct Head<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(flatten)]
    page: PageHead,
    #[serde(flatten)]
    totals: Option<Totals>,
}

#[derive(Serialize, Default)]
struct Totals {
    total_meetings: u64,
    total_participants: u64,
    total_meeting_minutes: u64,
}

/// `/report/users`: hosts with meetings in the window, or without any (`type=inactive`).
pub(super) fn hosts(call: &mut Call<'_>) -> Result<ZoomAnswer, ZoomAnswer> {
    let damage = call.take_damage();
    let active = match call.params.get("type").unwrap_or("active") {
        "active" => true,
        "inactive" => false,
        _ => return Err(ZoomAnswer::bad_field("type", "must be active or inactive")),
    };
    let seal = call.shared.seal();
    let page = call.params.page(MOST, seal)?;
    let window = Window::parse(&call.params, call.shared.clock.today())?;
    let rows = host_rows(call, &window, active);
    let totals = rows.iter().fold(Totals::default(), |sum, row| Totals {
        total_meetings: sum.total_meetings + row.meetings,
        total_participants: sum.total_participants + row.participants,
        total_meeting_minutes: sum.total_meeting_minutes + row.meeting_minutes,
    });
    let head = Head {
        from: Some(window.from),
        to: Some(window.to),
        page: page.head(rows.len(), seal),
        totals: Some(totals),
    };
    let shown = &rows[page.range(rows.len())];
    let mut listing = Listing::new(&head, "users", shown.len(), damage);
    shown.iter().for_each(|row| listing.push(row));
    Ok(listing.finish())
}

fn host_rows<'a>(call: &Call<'a>, window: &Window<'_>, active: bool) -> Vec<HostRow<'a>> {
    let world = &call.shared.world;
    let mut hosted: HashMap<u32, HostRow<'_>> = HashMap::new();
    for meeting in meetings_of(call, window, |_| true) {
        hosted
            .entry(meeting.host)
            .or_insert_with(|| HostRow::new(world.hosts().get(meeting.host)))
            .add(&meeting);
    }
    (0..world.hosts().len())
        .filter_map(|index| match hosted.remove(&index) {
            Some(row) => active.then_some(row),
            None => (!active).then(|| HostRow::new(world.hosts().get(index))),
        })
        .collect()
}

/// `/report/users/{id}/meetings`: meetings and webinars of one host.
pub(super) fn host_meetings(call: &mut Call<'_>) -> Result<ZoomAnswer, ZoomAnswer> {
    let damage = call.take_damage();
    let one_person = match call.params.get("type").unwrap_or("past") {
        "past" => Some(false),
        "pastOne" => Some(true),
        "pastJoined" => None,
        _ => return Err(ZoomAnswer::bad_field("type", "must be past, pastOne or pastJoined")),
    };
    let id = decode(call.id);
    let host = call.shared.world.hosts().find(&id);
    let host = host.ok_or_else(|| ZoomAnswer::error(404, 1001, &format!("User does not exist: {id}.")))?;
    let seal = call.shared.seal();
    let page = call.params.page(MOST, seal)?;
    let window = Window::parse(&call.params, call.shared.clock.today())?;
    let found = meetings_of(call, &window, |meeting| {
        meeting.host == host && one_person == Some(meeting.one_person())
    });
    let head = Head {
        from: Some(window.from),
        to: Some(window.to),
        page: page.head(found.len(), seal),
        totals: None,
    };
    let rows = &found[page.range(found.len())];
    let mut listing = Listing::new(&head, "meetings", rows.len(), damage);
    for meeting in rows {
        listing.push(&UserMeetingRow::new(call.shared.world.hosts(), meeting));
    }
    Ok(listing.finish())
}

pub(super) fn meeting(call: &mut Call<'_>) -> Result<ZoomAnswer, ZoomAnswer> {
    let meeting = call.ended(EventType::Meeting)?;
    let row = ReportMeetingRow::new(call.shared.world.hosts(), &meeting);
    Ok(ZoomAnswer::object(&row, &mut call.damage))
}

pub(super) fn past_meeting(call: &mut Call<'_>) -> Result<ZoomAnswer, ZoomAnswer> {
    let meeting = call.ended(EventType::Meeting)?;
    let row = PastMeetingRow::new(call.shared.world.hosts(), &meeting);
    Ok(ZoomAnswer::object(&row, &mut call.damage))
}

pub(super) fn meeting_participants(call: &mut Call<'_>) -> Result<ZoomAnswer, ZoomAnswer> {
    participants(call, EventType::Meeting)
}

pub(super) fn webinar_participants(call: &mut Call<'_>) -> Result<ZoomAnswer, ZoomAnswer> {
    participants(call, EventType::Webinar)
}

/// Lists participants. The list of a one-person meeting is empty.
fn participants(call: &mut Call<'_>, kind: EventType) -> Result<ZoomAnswer, ZoomAnswer> {
    let seal = call.shared.seal();
    let page = call.params.page(MOST, seal)?;
    let registrants = call.params.get("include_fields") == Some("registrant_id");
    let meeting = call.ended(kind)?;
    let all = if meeting.one_person() { Vec::new() } else { sessions(&meeting) };
    let head = Head { from: None, to: None, page: page.head(all.len(), seal), totals: None };
    let rows = &all[page.range(all.len())];
    let mut listing = Listing::new(&head, "participants", rows.len(), call.take_damage());
    for session in rows {
        let person = person(call.shared.world.seed(), call.shared.world.hosts(), &meeting, session.person);
        listing.push(&ReportParticipantRow::new(&meeting, session, &person, registrants));
    }
    Ok(listing.finish())
}

/// Meetings, then webinars if the account has the add-on.
fn meetings_of(call: &Call<'_>, window: &Window<'_>, wanted: impl Fn(&Meeting) -> bool) -> Vec<Meeting> {
    let (world, now) = (&call.shared.world, call.shared.clock.now());
    let mut found = window.find(world, now, |day| &day.meetings, &wanted);
    if call.shared.settings().webinar_addon {
        found.extend(window.find(world, now, |day| &day.webinars, &wanted));
    }
    found
}
