//! The Dashboard: `/metrics/meetings` and `/metrics/webinars` with details and participants.

use serde::Serialize;

use super::answer::{Listing, ZoomAnswer};
use super::api::Call;
use super::query::PageHead;
use super::window::Window;
use crate::wire::{DetailRow, MeetingRow, ParticipantRow, WebinarRow};
use crate::world::{EventType, person, sessions};

pub(super) const MOST: usize = 300;

#[derive(Serialize)]
struct ListHead<'a> {
    from: &'a str,
    to: &'a str,
    #[serde(flatten)]
    page: PageHead,
}

#[derive(Serialize)]
struct ParticipantsHead {
    #[serde(flatten)]
    page: PageHead,
    #[serde(skip_serializing_if = "Option::is_none")]
    meeting_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webinar_number: Option<String>,
}

pub(super) fn meetings(call: &mut Call<'_>) -> Result<ZoomAnswer, ZoomAnswer> {
    list(call, EventType::Meeting)
}

pub(super) fn webinars(call: &mut Call<'_>) -> Result<ZoomAnswer, ZoomAnswer> {
    list(call, EventType::Webinar)
}

pub(super) fn meeting(call: &mut Call<'_>) -> Result<ZoomAnswer, ZoomAnswer> {
    let meeting = call.ended_of_type(EventType::Meeting)?;
    let row = DetailRow::new(call.shared.world.hosts(), &meeting);
    Ok(ZoomAnswer::object(&row, &mut call.damage))
}

pub(super) fn meeting_participants(call: &mut Call<'_>) -> Result<ZoomAnswer, ZoomAnswer> {
    participants(call, EventType::Meeting)
}

pub(super) fn webinar_participants(call: &mut Call<'_>) -> Result<ZoomAnswer, ZoomAnswer> {
    participants(call, EventType::Webinar)
}

fn list(call: &mut Call<'_>, kind: EventType) -> Result<ZoomAnswer, ZoomAnswer> {
    let (shared, world, damage) = (call.shared, &call.shared.world, call.take_damage());
    if call.params.get("query_date_type").is_some_and(|by| by != "start_time") {
        return Err(ZoomAnswer::error(400, 12700, "The account is not allowed to query by end time."));
    }
    let one_person = listed_type(call, kind)?;
    let seal = shared.seal();
    let page = call.params.page(MOST, seal)?;
    let window = Window::parse(&call.params, shared.clock.today())?;
    let found = match (one_person, kind) {
        // The world has no live meetings.
        (None, _) => Vec::new(),
        (Some(_), EventType::Webinar) => {
            window.find(world, shared.clock.now(), |day| &day.webinars, |_| true)
        }
        (Some(one), EventType::Meeting) => {
            window.find(world, shared.clock.now(), |day| &day.meetings, |meeting| meeting.one_person() == one)
        }
    };
    let head = ListHead { from: window.from, to: window.to, page: page.head(found.len(), seal) };
    let rows = &found[page.range(found.len())];
    let key = if kind == EventType::Webinar { "webinars" } else { "meetings" };
    let tracked = call.params.get("include_fields") == Some("tracking_fields");
    let mut listing = Listing::new(&head, key, rows.len(), damage);
    for row in rows {
        match kind {
            EventType::Meeting => listing.push(&MeetingRow::new(world.hosts(), row, tracked)),
            EventType::Webinar => listing.push(&WebinarRow::new(world.hosts(), row)),
        }
    }
    Ok(listing.finish())
}

/// Whether one-person meetings are requested; `None` for live meetings, the default type.
fn listed_type(call: &Call<'_>, kind: EventType) -> Result<Option<bool>, ZoomAnswer> {
    match (call.params.get("type").unwrap_or("live"), kind) {
        ("past", _) => Ok(Some(false)),
        ("pastOne", EventType::Meeting) => Ok(Some(true)),
        ("live", _) => Ok(None),
        _ => Err(ZoomAnswer::bad_field("type", "is not one of the allowed values")),
    }
}

fn participants(call: &mut Call<'_>, kind: EventType) -> Result<ZoomAnswer, ZoomAnswer> {
    let seal = call.shared.seal();
    let page = call.params.page(MOST, seal)?;
    let registrants = call.params.get("include_fields") == Some("registrant_id");
    let meeting = call.ended_of_type(kind)?;
    let all = sessions(&meeting);
    let number = |wanted: EventType| (kind == wanted).then(|| meeting.series.to_string());
    let head = ParticipantsHead {
        page: page.head(all.len(), seal),
        meeting_number: number(EventType::Meeting),
        webinar_number: number(EventType::Webinar),
    };
    let rows = &all[page.range(all.len())];
    let mut listing = Listing::new(&head, "participants", rows.len(), call.take_damage());
    for session in rows {
        let person = person(call.shared.world.seed(), call.shared.world.hosts(), &meeting, session.person);
        listing.push(&ParticipantRow::new(&meeting, session, &person, registrants));
    }
    Ok(listing.finish())
}
