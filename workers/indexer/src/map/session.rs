//! A row of `/metrics/{meetings,webinars}/{uuid}/participants` -> a session document.

use std::net::IpAddr;

use messages::SeriesId;
use messages::zoom::{Api, Event, MeetingContext};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::document::{Browser, Device, LeaveReason, Location, Session};
use super::scalar::{Flag, List, Number, Text};
use super::{Fault, device, leave, location, time};
use crate::enrich::View;

/// What is read of a participant row; every other field is left in the raw document.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Row<'a> {
    #[serde(borrow)]
    user_id: Text<'a>,
    participant_uuid: Text<'a>,
    participant_user_id: Text<'a>,
    registrant_id: Text<'a>,
    customer_key: Text<'a>,
    user_name: Text<'a>,
    email: Text<'a>,
    role: Text<'a>,
    device: Text<'a>,
    os: Text<'a>,
    os_version: Text<'a>,
    client: Text<'a>,
    version: Text<'a>,
    browser_name: Text<'a>,
    browser_version: Text<'a>,
    ip_address: Text<'a>,
    internal_ip_addresses: List<Text<'a>>,
    location: Text<'a>,
    network_type: Text<'a>,
    data_center: Text<'a>,
    full_data_center: Text<'a>,
    connection_type: Text<'a>,
    video_connection_type: Text<'a>,
    as_connection_type: Text<'a>,
    join_time: Text<'a>,
    leave_time: Text<'a>,
    leave_reason: Text<'a>,
    share_application: Flag,
    share_desktop: Flag,
    share_whiteboard: Flag,
    recording: Flag,
    status: Text<'a>,
    audio_quality: Text<'a>,
    video_quality: Text<'a>,
    screen_share_quality: Text<'a>,
    in_room_participants: Number,
    bo_mtg_id: Text<'a>,
}

impl<'a> Row<'a> {
    /// The document of this row.
    pub(crate) fn document(
        &'a self,
        meeting: &'a MeetingContext,
        event: Event,
        harvest: &'a RawValue,
        view: &'a View<'_>,
    ) -> Result<Session<'a>, Fault> {
        let user_id = self.user_id.get().ok_or_else(|| Fault::missing("user_id"))?;
        let (join_time, leave_time) = (time::point(self.join_time.get()), time::point(self.leave_time.get()));
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

    /// What was joined with and from where, and how that went.
    fn machine(&'a self, view: &'a View<'_>) -> Session<'a> {
        let ip_address = self.ip_address.get().and_then(first_address);
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
        // Newer clients leave `device` empty and say the same in `os`.
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

/// The meeting number, as the list said it.
pub(crate) fn known_series(meeting: &MeetingContext) -> Option<SeriesId> {
    meeting.series_id.filter(|SeriesId(number)| *number > 0)
}

/// The topic, as the list said it.
pub(crate) fn known_topic(meeting: &MeetingContext) -> Option<&str> {
    meeting.topic.as_deref().filter(|topic| !topic.is_empty())
}

/// The first of the addresses that is one: Zoom joins several by commas, and other words may stand there.
fn first_address(text: &str) -> Option<IpAddr> {
    text.split([',', ';']).find_map(|part| part.trim().parse().ok())
}

fn place(raw: &str) -> Location<'_> {
    let (city, country) = location::split(raw);
    Location { raw, city, country }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_valid_address_is_taken() {
        assert_eq!(first_address("192.0.2.1, 192.0.2.2"), "192.0.2.1".parse().ok());
        assert_eq!(first_address("anonymous, 2001:db8::1"), "2001:db8::1".parse().ok());
        assert_eq!(first_address("10.0.0"), None);
    }
}
