//! Meetings and webinars in the Dashboard's format.

use jiff::Timestamp;
use serde::Serialize;

use super::{clock_text, instant};
use crate::world::{Host, Hosts, Meeting, QUALITIES, pick};

/// Fields common to all Dashboard rows of meetings and webinars.
#[derive(Serialize)]
pub(crate) struct CommonRow<'a> {
    uuid: String,
    id: u64,
    topic: String,
    host: &'a str,
    email: &'a str,
    dept: &'a str,
    user_type: &'static str,
    start_time: Timestamp,
    end_time: Timestamp,
    duration: String,
    participants: u32,
    has_pstn: bool,
    has_voip: bool,
    has_3rd_party_audio: bool,
    has_video: bool,
    has_screen_share: bool,
    has_recording: bool,
    has_sip: bool,
    has_archiving: bool,
    has_manual_captions: bool,
    has_automated_captions: bool,
    has_poll: bool,
    has_survey: bool,
    custom_keys: [KeyValue; 0],
}

#[derive(Serialize)]
struct KeyValue {
    key: String,
    value: String,
}

#[derive(Serialize)]
struct Quality {
    audio_quality: &'static str,
    video_quality: &'static str,
    screen_share_quality: &'static str,
}

/// A row of `/metrics/meetings`.
#[derive(Serialize)]
pub(crate) struct MeetingRow<'a> {
    #[serde(flatten)]
    common: CommonRow<'a>,
    #[serde(flatten)]
    quality: Quality,
    has_qa: bool,
    has_external_participant: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_fields: Option<[TrackingField; 1]>,
    session_key: &'static str,
    avg_jointime_cost: u64,
}

#[derive(Serialize)]
struct TrackingField {
    field: &'static str,
    value: &'static str,
}

/// The body of `/metrics/meetings/{uuid}`.
#[derive(Serialize)]
pub(crate) struct DetailRow<'a> {
    #[serde(flatten)]
    common: CommonRow<'a>,
    has_qa: bool,
    has_meeting_summary: bool,
    in_room_participants: u32,
    avg_jointime_cost: u64,
}

/// A row of `/metrics/webinars`.
#[derive(Serialize)]
pub(crate) struct WebinarRow<'a> {
    #[serde(flatten)]
    common: CommonRow<'a>,
    #[serde(flatten)]
    quality: Quality,
}

impl<'a> MeetingRow<'a> {
    /// Creates a row. `tracked`: the call requested tracking fields.
    pub(crate) fn new(hosts: &'a Hosts, meeting: &Meeting, tracked: bool) -> Self {
        let host = hosts.get(meeting.host);
        let tracking = TrackingField { field: "Department", value: host.department };
        Self {
            common: common(host, meeting),
            quality: quality(meeting),
            has_qa: meeting.has(20, 0.1),
            has_external_participant: meeting.has(22, 0.3),
            tracking_fields: tracked.then_some([tracking]),
            session_key: "",
            avg_jointime_cost: join_cost(meeting),
        }
    }
}

impl<'a> DetailRow<'a> {
    pub(crate) fn new(hosts: &'a Hosts, meeting: &Meeting) -> Self {
        Self {
            common: common(hosts.get(meeting.host), meeting),
            has_qa: meeting.has(20, 0.1),
            has_meeting_summary: meeting.has(21, 0.2),
            in_room_participants: if meeting.has(22, 0.05) { 1 } else { 0 },
            avg_jointime_cost: join_cost(meeting),
        }
    }
}

impl<'a> WebinarRow<'a> {
    pub(crate) fn new(hosts: &'a Hosts, webinar: &Meeting) -> Self {
        Self { common: common(hosts.get(webinar.host), webinar), quality: quality(webinar) }
    }
}

fn common<'a>(host: &'a Host, meeting: &Meeting) -> CommonRow<'a> {
    CommonRow {
        uuid: meeting.uuid.text(),
        id: meeting.series,
        topic: meeting.topic(),
        host: &host.display_name,
        email: &host.email,
        dept: host.department,
        user_type: if host.user_type == 2 { "Licensed" } else { "Basic" },
        start_time: instant(meeting.start),
        end_time: instant(meeting.end()),
        duration: clock_text(meeting.length),
        participants: meeting.sessions,
        has_pstn: meeting.has(3, 0.1),
        has_voip: true,
        has_3rd_party_audio: false,
        has_video: meeting.has(4, 0.9),
        has_screen_share: meeting.has(5, 0.6),
        has_recording: meeting.has(6, 0.3),
        has_sip: meeting.has(7, 0.02),
        has_archiving: false,
        has_manual_captions: meeting.has(8, 0.02),
        has_automated_captions: meeting.has(9, 0.3),
        has_poll: meeting.has(10, 0.1),
        has_survey: meeting.has(11, 0.05),
        custom_keys: [],
    }
}

fn quality(meeting: &Meeting) -> Quality {
    Quality {
        audio_quality: pick(&QUALITIES, meeting.bits(0)),
        video_quality: pick(&QUALITIES, meeting.bits(1)),
        screen_share_quality: pick(&QUALITIES, meeting.bits(2)),
    }
}

fn join_cost(meeting: &Meeting) -> u64 {
    800 + meeting.bits(3) % 4_000
}
