//! Maps rows of the Reports, which have fewer fields, other names and whole-number durations, to the same documents.

use messages::zoom::{Api, Event, HostIds, MeetingContext};
use serde_json::value::RawValue;

use super::document::{Features, Host, Meeting, Session, Tracking};
use super::meeting::host_id;
use super::scalar::{Count, Flag, List, Minutes, Series, Text, Time, TrackingField, row};
use super::{Fault, session, time};

/// Zoom's meeting types that are webinars: webinar, recurring without and with fixed times.
const WEBINAR_TYPES: [i64; 3] = [5, 6, 9];

row! {
    /// A row of `/report/users/{id}/meetings`, or the answer of `/report/meetings/{uuid}`.
    MeetingRow<'a> {
        uuid: Text<'a> = "uuid",
        id: Series = "id",
        topic: Text<'a> = "topic",
        meeting_type: Count = "type",
        host_id: Text<'a> = "host_id",
        user_name: Text<'a> = "user_name",
        user_email: Text<'a> = "user_email",
        dept: Text<'a> = "dept",
        start_time: Time = "start_time",
        end_time: Time = "end_time",
        duration: Minutes = "duration",
        participants_count: Count = "participants_count",
        has_screen_share: Flag = "has_screen_share",
        has_recording: Flag = "has_recording",
        has_chat: Flag = "has_chat",
        has_external_participant: Flag = "has_external_participant",
        tracking_fields: List<TrackingField<'a>> = "tracking_fields",
    }
}

impl<'a> MeetingRow<'a> {
    /// Returns the row's document.
    pub(crate) fn document(
        &'a self,
        hosts: &'a HostIds,
        harvest: &'a RawValue,
    ) -> Result<Meeting<'a>, Fault> {
        let meeting_uuid = Fault::unless_named("uuid", &self.uuid)?;
        let (start_time, end_time) = (self.start_time.0, self.end_time.0);
        let webinar = self.meeting_type.0.is_some_and(|kind| WEBINAR_TYPES.contains(&kind));
        Ok(Meeting {
            meeting_uuid,
            series_id: self.id.0,
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
            duration: time::between(start_time, end_time).or(self.duration.0),
            participant_sessions: self.participants_count.0,
            has: Features {
                has_screen_share: self.has_screen_share.0,
                has_recording: self.has_recording.0,
                has_chat: self.has_chat.0,
                has_external_participant: self.has_external_participant.0,
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

row! {
    /// A row of `/report/{meetings,webinars}/{uuid}/participants`.
    SessionRow<'a> {
        user_id: Text<'a> = "user_id",
        participant_user_id: Text<'a> = "participant_user_id",
        registrant_id: Text<'a> = "registrant_id",
        customer_key: Text<'a> = "customer_key",
        name: Text<'a> = "name",
        user_email: Text<'a> = "user_email",
        join_time: Time = "join_time",
        leave_time: Time = "leave_time",
        duration: Count = "duration",
        failover: Flag = "failover",
        status: Text<'a> = "status",
        bo_mtg_id: Text<'a> = "bo_mtg_id",
    }
}

impl<'a> SessionRow<'a> {
    /// Returns the row's document.
    pub(crate) fn document(
        &'a self,
        meeting: &'a MeetingContext,
        event: Event,
        harvest: &'a RawValue,
    ) -> Result<Session<'a>, Fault> {
        let user_id = Fault::unless_named("user_id", &self.user_id)?;
        let (join_time, leave_time) = (self.join_time.0, self.leave_time.0);
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
            duration: time::between(join_time, leave_time).or(self.duration.0),
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
