//! Hosts, meetings and participants in the formats of the Reports and `/past_meetings`.

use jiff::Timestamp;
use serde::Serialize;

use super::instant;
use super::participants::{registrant_id, room_id, status};
use crate::world::{Host, Hosts, Meeting, Person, Session, sessions};

/// A row of `/report/users`.
#[derive(Serialize)]
pub(crate) struct HostRow<'a> {
    pub(crate) id: &'a str,
    pub(crate) email: &'a str,
    pub(crate) user_name: &'a str,
    pub(crate) r#type: u8,
    pub(crate) dept: &'a str,
    pub(crate) meetings: u64,
    pub(crate) participants: u64,
    pub(crate) meeting_minutes: u64,
}

impl<'a> HostRow<'a> {
    pub(crate) fn new(host: &'a Host) -> Self {
        Self {
            id: &host.id,
            email: &host.email,
            user_name: &host.display_name,
            r#type: host.user_type,
            dept: host.department,
            meetings: 0,
            participants: 0,
            meeting_minutes: 0,
        }
    }

    pub(crate) fn add(&mut self, meeting: &Meeting) {
        self.meetings += 1;
        self.participants += u64::from(meeting.people);
        self.meeting_minutes += u64::from(meeting.minutes());
    }
}

/// Fields common to all Reports of a meeting.
#[derive(Serialize)]
struct CommonRow<'a> {
    uuid: String,
    id: u64,
    topic: String,
    r#type: u8,
    user_name: &'a str,
    user_email: &'a str,
    start_time: Timestamp,
    end_time: Timestamp,
    /// Minutes, rounded up.
    duration: u32,
    total_minutes: u32,
    participants_count: u32,
}

/// A row of `/report/users/{id}/meetings`.
#[derive(Serialize)]
pub(crate) struct UserMeetingRow<'a> {
    #[serde(flatten)]
    common: CommonRow<'a>,
    source: &'static str,
    session_key: &'static str,
    has_screen_share: bool,
    has_recording: bool,
    has_chat: bool,
    meeting_encryption_status: u8,
    participants_count_my_account: u32,
}

/// The body of `/report/meetings/{uuid}`.
#[derive(Serialize)]
pub(crate) struct ReportMeetingRow<'a> {
    #[serde(flatten)]
    common: CommonRow<'a>,
    host_id: &'a str,
    dept: &'a str,
    custom_keys: [&'static str; 0],
    tracking_fields: [&'static str; 0],
}

/// The body of `/past_meetings/{uuid}`.
#[derive(Serialize)]
pub(crate) struct PastMeetingRow<'a> {
    #[serde(flatten)]
    common: CommonRow<'a>,
    host_id: &'a str,
    dept: &'a str,
    source: &'static str,
    has_meeting_summary: bool,
}

/// A row of `/report/{meetings,webinars}/{uuid}/participants`. Guests lack `participant_user_id`.
#[derive(Serialize)]
pub(crate) struct ReportParticipantRow<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    participant_user_id: Option<&'a str>,
    user_id: String,
    name: &'a str,
    user_email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    registrant_id: Option<String>,
    customer_key: &'static str,
    join_time: Timestamp,
    leave_time: Timestamp,
    /// Seconds.
    duration: u32,
    failover: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bo_mtg_id: Option<String>,
    attentiveness_score: &'static str,
}

impl<'a> UserMeetingRow<'a> {
    pub(crate) fn new(hosts: &'a Hosts, meeting: &Meeting) -> Self {
        Self {
            common: common(hosts.get(meeting.host), meeting),
            source: "Zoom",
            session_key: "",
            has_screen_share: meeting.has(5, 0.6),
            has_recording: meeting.has(6, 0.3),
            has_chat: meeting.has(12, 0.7),
            meeting_encryption_status: 1,
            participants_count_my_account: meeting.people.div_ceil(2),
        }
    }
}

impl<'a> ReportMeetingRow<'a> {
    pub(crate) fn new(hosts: &'a Hosts, meeting: &Meeting) -> Self {
        let host = hosts.get(meeting.host);
        Self {
            common: common(host, meeting),
            host_id: &host.id,
            dept: host.department,
            custom_keys: [],
            tracking_fields: [],
        }
    }
}

impl<'a> PastMeetingRow<'a> {
    pub(crate) fn new(hosts: &'a Hosts, meeting: &Meeting) -> Self {
        let host = hosts.get(meeting.host);
        Self {
            common: common(host, meeting),
            host_id: &host.id,
            dept: host.department,
            source: "Zoom",
            has_meeting_summary: meeting.has(21, 0.2),
        }
    }
}

impl<'a> ReportParticipantRow<'a> {
    pub(crate) fn new(meeting: &Meeting, session: &Session, person: &'a Person, registrants: bool) -> Self {
        Self {
            id: person.member_id.as_deref().unwrap_or_default(),
            participant_user_id: person.member_id.as_deref(),
            user_id: session.user_id.to_string(),
            name: &person.name,
            user_email: &person.email,
            registrant_id: registrants.then(|| registrant_id(person)),
            customer_key: "",
            join_time: instant(meeting.start + i64::from(session.join)),
            leave_time: instant(meeting.start + i64::from(session.leave)),
            duration: session.leave - session.join,
            failover: false,
            status: status(session),
            bo_mtg_id: (session.room > 0).then(|| room_id(meeting, session.room)),
            attentiveness_score: "",
        }
    }
}

fn common<'a>(host: &'a Host, meeting: &Meeting) -> CommonRow<'a> {
    let minutes = |session: &Session| (session.leave - session.join).div_ceil(60);
    CommonRow {
        uuid: meeting.uuid.text(),
        id: meeting.series,
        topic: meeting.topic(),
        r#type: meeting.meeting_type,
        user_name: &host.display_name,
        user_email: &host.email,
        start_time: instant(meeting.start),
        end_time: instant(meeting.end()),
        duration: meeting.minutes(),
        total_minutes: sessions(meeting).iter().map(minutes).sum(),
        participants_count: meeting.sessions,
    }
}
