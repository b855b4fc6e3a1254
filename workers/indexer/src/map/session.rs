//! Maps a row of `/metrics/{meetings,webinars}/{uuid}/participants` to a session document.

use messages::SeriesId;
use messages::zoom::{Api, Event, MeetingContext};
use serde_json::value::RawValue;

use super::document::{Browser, Device, LeaveReason, Location, Session};
use super::scalar::{Address, Count, Flag, List, Text, Time, row};
use super::{Fault, device, leave, location, time};
use crate::enrich::View;

row! {
    /// The used fields of a participant row.
    Row<'a> {
        user_id: Text<'a> = "user_id",
        participant_uuid: Text<'a> = "participant_uuid",
        participant_user_id: Text<'a> = "participant_user_id",
        registrant_id: Text<'a> = "registrant_id",
        customer_key: Text<'a> = "customer_key",
        user_name: Text<'a> = "user_name",
        email: Text<'a> = "email",
        role: Text<'a> = "role",
        device: Text<'a> = "device",
        os: Text<'a> = "os",
        os_version: Text<'a> = "os_version",
        client: Text<'a> = "client",
        version: Text<'a> = "version",
        browser_name: Text<'a> = "browser_name",
        browser_version: Text<'a> = "browser_version",
        ip_address: Address = "ip_address",
        internal_ip_addresses: List<Text<'a>> = "internal_ip_addresses",
        location: Text<'a> = "location",
        network_type: Text<'a> = "network_type",
        data_center: Text<'a> = "data_center",
        full_data_center: Text<'a> = "full_data_center",
        connection_type: Text<'a> = "connection_type",
        video_connection_type: Text<'a> = "video_connection_type",
        as_connection_type: Text<'a> = "as_connection_type",
        join_time: Time = "join_time",
        leave_time: Time = "leave_time",
        leave_reason: Text<'a> = "leave_reason",
        share_application: Flag = "share_application",
        share_desktop: Flag = "share_desktop",
        share_whiteboard: Flag = "share_whiteboard",
        recording: Flag = "recording",
        status: Text<'a> = "status",
        audio_quality: Text<'a> = "audio_quality",
        video_quality: Text<'a> = "video_quality",
        screen_share_quality: Text<'a> = "screen_share_quality",
        in_room_participants: Count = "in_room_participants",
        bo_mtg_id: Text<'a> = "bo_mtg_id",
    }
}

impl<'a> Row<'a> {
    /// Returns the row's document.
    pub(crate) fn document(
        &'a self,
        meeting: &'a MeetingContext,
        event: Event,
        harvest: &'a RawValue,
        view: &'a View<'_>,
    ) -> Result<Session<'a>, Fault> {
        let user_id = Fault::unless_named("user_id", &self.user_id)?;
        let (join_time, leave_time) = (self.join_time.0, self.leave_time.0);
        Ok(Session {
            meeting_uuid: meeting.meeting_uuid.as_str(),
            series_id: known_series(meeting),
            event: Some(event),
            topic: known_topic(meeting),
            user_id,
            participant_uuid: self.participant_uuid.get(),
            participant_user_id: self.participant_user_id.get(),
            registrant_id: self.registrant_id.get(),
            customer_key: self.customer_key.get(),
            user_name: self.user_name.get(),
            email: self.email.get(),
            role: self.role.get(),
            join_time,
            leave_time,
            duration: time::between(join_time, leave_time),
            leave_reason: self.leave_reason(),
            status: self.status.get(),
            in_room_participants: self.in_room_participants.0,
            breakout_room_id: self.bo_mtg_id.get(),
            source: Some(Api::Dashboard),
            harvest: Some(harvest),
            ..self.machine(view)
        })
    }

    /// Returns the fields about device, network and quality.
    fn machine(&'a self, view: &'a View<'_>) -> Session<'a> {
        let ip_address = self.ip_address.0;
        Session {
            device: self.device(),
            os: self.os.get(),
            os_version: self.os_version.get(),
            client: self.client.get(),
            client_version: self.version.get(),
            browser: self.browser(),
            ip_address,
            geoip: ip_address.and_then(|address| view.place(address)),
            internal_ip_addresses: &self.internal_ip_addresses.0,
            location: self.location.get().map(place),
            network_type: self.network_type.get(),
            data_center: self.data_center.get(),
            full_data_center: self.full_data_center.get(),
            connection_type: self.connection_type.get(),
            video_connection_type: self.video_connection_type.get(),
            as_connection_type: self.as_connection_type.get(),
            share_application: self.share_application.0,
            share_desktop: self.share_desktop.0,
            share_whiteboard: self.share_whiteboard.0,
            recording: self.recording.0,
            audio_quality: self.audio_quality.get(),
            video_quality: self.video_quality.get(),
            screen_share_quality: self.screen_share_quality.get(),
            ..Session::default()
        }
    }

    fn device(&self) -> Option<Device<'_>> {
        // Newer clients leave `device` empty and fill `os` instead.
        let said = self.device.get().or(self.os.get())?;
        Some(Device { raw: self.device.get(), family: device::family(said) })
    }

    fn browser(&self) -> Option<Browser<'_>> {
        let (name, version) = (self.browser_name.get(), self.browser_version.get());
        (name.is_some() || version.is_some()).then_some(Browser { name, version })
    }

    fn leave_reason(&self) -> Option<LeaveReason<'_>> {
        let (raw, kind) = leave::reason(self.leave_reason.get()?, self.user_name.get());
        Some(LeaveReason { raw, kind })
    }
}

/// Returns the meeting number from the list.
pub(crate) fn known_series(meeting: &MeetingContext) -> Option<SeriesId> {
    meeting.series_id.filter(|SeriesId(number)| i64::try_from(*number).is_ok_and(|number| number > 0))
}

/// Returns the topic from the list.
pub(crate) fn known_topic(meeting: &MeetingContext) -> Option<&str> {
    meeting.topic.as_deref().filter(|topic| !topic.is_empty())
}

fn place(raw: &str) -> Location<'_> {
    let (city, country) = location::split(raw);
    Location { raw, city, country }
}
