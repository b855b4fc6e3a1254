//! Maps a row of `/metrics/{meetings,webinars}`, or a header in the same format, to a meeting document.

use messages::zoom::{Api, Event, HostIds};
use serde_json::value::RawValue;

use super::document::{Features, Host, Meeting, Tracking};
use super::scalar::{Clock, Count, Flag, List, Series, Text, Time, TrackingField, row};
use super::{Fault, time};

row! {
    /// The used fields of a meeting row.
    Row<'a> {
        uuid: Text<'a> = "uuid",
        id: Series = "id",
        topic: Text<'a> = "topic",
        meeting_type: Count = "type",
        host: Text<'a> = "host",
        host_id: Text<'a> = "host_id",
        email: Text<'a> = "email",
        dept: Text<'a> = "dept",
        user_type: Text<'a> = "user_type",
        start_time: Time = "start_time",
        end_time: Time = "end_time",
        duration: Clock = "duration",
        participants: Count = "participants",
        has_pstn: Flag = "has_pstn",
        has_voip: Flag = "has_voip",
        has_3rd_party_audio: Flag = "has_3rd_party_audio",
        has_video: Flag = "has_video",
        has_screen_share: Flag = "has_screen_share",
        has_recording: Flag = "has_recording",
        has_sip: Flag = "has_sip",
        has_archiving: Flag = "has_archiving",
        has_manual_captions: Flag = "has_manual_captions",
        has_automated_captions: Flag = "has_automated_captions",
        has_poll: Flag = "has_poll",
        has_qa: Flag = "has_qa",
        has_survey: Flag = "has_survey",
        has_chat: Flag = "has_chat",
        has_external_participant: Flag = "has_external_participant",
        audio_quality: Text<'a> = "audio_quality",
        video_quality: Text<'a> = "video_quality",
        screen_share_quality: Text<'a> = "screen_share_quality",
        tracking_fields: List<TrackingField<'a>> = "tracking_fields",
    }
}

impl<'a> Row<'a> {
    /// Returns the row's document.
    pub(crate) fn document(
        &'a self,
        hosts: &'a HostIds,
        event: Event,
        harvest: &'a RawValue,
    ) -> Result<Meeting<'a>, Fault> {
        let meeting_uuid = Fault::unless_named("uuid", &self.uuid)?;
        let (start_time, end_time) = (self.start_time.0, self.end_time.0);
        Ok(Meeting {
            meeting_uuid,
            series_id: self.id.0,
            event,
            topic: self.topic.get(),
            meeting_type: self.meeting_type.0,
            listing: hosts.listing,
            host: Host {
                id: self.host_id.get().or_else(|| host_id(hosts, self.email.get())),
                name: self.host.get(),
                email: self.email.get(),
                user_type: self.user_type.get(),
                department: self.dept.get(),
            },
            start_time,
            end_time,
            duration: time::between(start_time, end_time).or(self.duration.0),
            participant_sessions: self.participants.0,
            has: self.features(),
            audio_quality: self.audio_quality.get(),
            video_quality: self.video_quality.get(),
            screen_share_quality: self.screen_share_quality.get(),
            tracking_fields: Tracking::all(&self.tracking_fields),
            source: Api::Dashboard,
            harvest,
        })
    }

    fn features(&self) -> Features {
        Features {
            has_pstn: self.has_pstn.0,
            has_voip: self.has_voip.0,
            has_3rd_party_audio: self.has_3rd_party_audio.0,
            has_video: self.has_video.0,
            has_screen_share: self.has_screen_share.0,
            has_recording: self.has_recording.0,
            has_sip: self.has_sip.0,
            has_archiving: self.has_archiving.0,
            has_manual_captions: self.has_manual_captions.0,
            has_automated_captions: self.has_automated_captions.0,
            has_poll: self.has_poll.0,
            has_qa: self.has_qa.0,
            has_survey: self.has_survey.0,
            has_chat: self.has_chat.0,
            has_external_participant: self.has_external_participant.0,
        }
    }
}

/// Returns the host's id: by e-mail, or the host of the whole call.
pub(crate) fn host_id<'a>(hosts: &'a HostIds, email: Option<&str>) -> Option<&'a str> {
    let by_email = email.and_then(|email| hosts.host_ids.get(&email.to_lowercase()));
    by_email.or(hosts.host_id.as_ref()).map(String::as_str).filter(|id| !id.is_empty())
}
