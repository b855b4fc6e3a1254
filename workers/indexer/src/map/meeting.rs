//! A row of `/metrics/{meetings,webinars}`, or a header of the same shape -> a meeting document.

use messages::SeriesId;
use messages::zoom::{Api, Event, HostIds};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::document::{Features, Host, Meeting, Tracking};
use super::scalar::{Flag, List, Number, Text, TrackingField};
use super::{Fault, time};

/// What is read of a meeting row; every other field is left in the raw document.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Row<'a> {
    #[serde(borrow)]
    uuid: Text<'a>,
    id: Number,
    topic: Text<'a>,
    #[serde(rename = "type")]
    meeting_type: Number,
    host: Text<'a>,
    host_id: Text<'a>,
    email: Text<'a>,
    dept: Text<'a>,
    user_type: Text<'a>,
    start_time: Text<'a>,
    end_time: Text<'a>,
    duration: Text<'a>,
    participants: Number,
    has_pstn: Flag,
    has_voip: Flag,
    has_3rd_party_audio: Flag,
    has_video: Flag,
    has_screen_share: Flag,
    has_recording: Flag,
    has_sip: Flag,
    has_archiving: Flag,
    has_manual_captions: Flag,
    has_automated_captions: Flag,
    has_poll: Flag,
    has_qa: Flag,
    has_survey: Flag,
    has_chat: Flag,
    audio_quality: Text<'a>,
    video_quality: Text<'a>,
    screen_share_quality: Text<'a>,
    tracking_fields: List<TrackingField<'a>>,
}

impl<'a> Row<'a> {
    /// The document of this row.
    pub(crate) fn document(
        &'a self,
        hosts: &'a HostIds,
        event: Event,
        harvest: &'a RawValue,
    ) -> Result<Meeting<'a>, Fault> {
        let meeting_uuid = self.uuid.get().ok_or_else(|| Fault::missing("uuid"))?;
        let (start_time, end_time) = (time::point(self.start_time.get()), time::point(self.end_time.get()));
        let spoken = time::clock_seconds(self.duration.get());
        Ok(Meeting {
            meeting_uuid,
            series_id: series(self.id),
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
            duration: time::between(start_time, end_time).or(spoken),
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
        }
    }
}

/// A meeting number; zero and below are none.
pub(crate) fn series(id: Number) -> Option<SeriesId> {
    id.0.and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0).map(SeriesId)
}

/// The host's id: by e-mail, or the one the whole call was for.
pub(crate) fn host_id<'a>(hosts: &'a HostIds, email: Option<&str>) -> Option<&'a str> {
    let by_email = email.and_then(|email| hosts.host_ids.get(&email.to_lowercase()));
    by_email.or(hosts.host_id.as_ref()).map(String::as_str).filter(|id| !id.is_empty())
}
