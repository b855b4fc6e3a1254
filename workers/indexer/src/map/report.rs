//! The Reports path: fewer fields under other names, whole-number durations, the same documents.

use messages::zoom::{Api, Event, HostIds, MeetingContext};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::document::{Features, Host, Meeting, Session, Tracking};
use super::meeting::{host_id, series};
use super::scalar::{Flag, List, Number, Text, TrackingField};
use super::{Fault, session, time};

/// Zoom's meeting types that are webinars: webinar, recurring without and with fixed times.
const WEBINAR_TYPES: [i64; 3] = [5, 6, 9];

/// A row of `/report/users/{id}/meetings`, or the answer of `/report/meetings/{uuid}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MeetingRow<'a> {
    #[serde(borrow)]
    uuid: Text<'a>,
    id: Number,
    topic: Text<'a>,
    #[serde(rename = "type")]
    meeting_type: Number,
    host_id: Text<'a>,
    user_name: Text<'a>,
    user_email: Text<'a>,
    dept: Text<'a>,
    start_time: Text<'a>,
    end_time: Text<'a>,
    duration: Number,
    participants_count: Number,
    has_screen_share: Flag,
    has_recording: Flag,
    has_chat: Flag,
    tracking_fields: List<TrackingField<'a>>,
}

impl<'a> MeetingRow<'a> {
    /// The document of this row.
    pub(crate) fn document(
        &'a self,
        hosts: &'a HostIds,
        harvest: &'a RawValue,
    ) -> Result<Meeting<'a>, Fault> {
        let meeting_uuid = self.uuid.get().ok_or_else(|| Fault::missing("uuid"))?;
        let (start_time, end_time) = (time::point(self.start_time.get()), time::point(self.end_time.get()));
        let webinar = self.meeting_type.0.is_some_and(|kind| WEBINAR_TYPES.contains(&kind));
        Ok(Meeting {
            meeting_uuid,
            series_id: series(self.id),
            event: if webinar { Event::Webinar } else { Event::Meeting },
            topic: self.topic.get(),
            meeting_type: self.meeting_type.0,
            listing: hosts.listing,
            host: Host {
                id: self.host_id.get().or_else(|| host_id(hosts, self.user_email.get())),
                name: self.user_name.get(),
                email: self.user_email.get(),
                user_type: None,
                department: self.dept.get(),
            },
            start_time,
            end_time,
            duration: time::between(start_time, end_time).or_else(|| time::minutes(self.duration.0)),
            participant_sessions: self.participants_count.0,
            has: Features {
                has_screen_share: self.has_screen_share.0,
                has_recording: self.has_recording.0,
                has_chat: self.has_chat.0,
                ..Features::default()
            },
            audio_quality: None,
            video_quality: None,
            screen_share_quality: None,
            tracking_fields: Tracking::all(&self.tracking_fields),
            source: Api::Report,
            harvest,
        })
    }
}

/// A row of `/report/{meetings,webinars}/{uuid}/participants`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SessionRow<'a> {
    #[serde(borrow)]
    user_id: Text<'a>,
    participant_user_id: Text<'a>,
    registrant_id: Text<'a>,
    customer_key: Text<'a>,
    name: Text<'a>,
    user_email: Text<'a>,
    join_time: Text<'a>,
    leave_time: Text<'a>,
    duration: Number,
    failover: Flag,
    status: Text<'a>,
    bo_mtg_id: Text<'a>,
}

impl<'a> SessionRow<'a> {
    /// The document of this row.
    pub(crate) fn document(
        &'a self,
        meeting: &'a MeetingContext,
        event: Event,
        harvest: &'a RawValue,
    ) -> Result<Session<'a>, Fault> {
        let user_id = self.user_id.get().ok_or_else(|| Fault::missing("user_id"))?;
        let (join_time, leave_time) = (time::point(self.join_time.get()), time::point(self.leave_time.get()));
        Ok(Session {
            meeting_uuid: meeting.meeting_uuid.as_str(),
            series_id: session::known_series(meeting),
            event: Some(event),
            topic: session::known_topic(meeting),
            user_id,
            participant_user_id: self.participant_user_id.get(),
            registrant_id: self.registrant_id.get(),
            customer_key: self.customer_key.get(),
            user_name: self.name.get(),
            email: self.user_email.get(),
            duration: time::between(join_time, leave_time).or_else(|| time::seconds(self.duration.0)),
            status: self.status.get(),
            breakout_room_id: self.bo_mtg_id.get(),
            failover: self.failover.0,
            join_time,
            leave_time,
            source: Some(Api::Report),
            harvest: Some(harvest),
            ..Session::default()
        })
    }
}
