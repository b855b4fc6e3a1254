//! The index documents as written. Unknown fields are absent, never null or empty.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use messages::SeriesId;
use messages::zoom::{Api, Event, Listing};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::scalar::{List, Text, TrackingField};
use crate::enrich::{Place, shared};

#[derive(Debug, Serialize)]
pub(crate) struct Meeting<'a> {
    pub(crate) meeting_uuid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) series_id: Option<SeriesId>,
    pub(crate) event: Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) topic: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) meeting_type: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listing: Option<Listing>,
    #[serde(skip_serializing_if = "Host::is_unknown")]
    pub(crate) host: Host<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) participant_sessions: Option<i64>,
    #[serde(flatten)]
    pub(crate) has: Features,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) audio_quality: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) video_quality: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) screen_share_quality: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tracking_fields: Vec<Tracking<'a>>,
    pub(crate) source: Api,
    pub(crate) harvest: &'a RawValue,
}

/// Owner of a meeting.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Host<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) department: Option<&'a str>,
}

impl Host<'_> {
    fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// Features used in a meeting.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Features {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_pstn: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_voip: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_3rd_party_audio: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_video: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_screen_share: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_recording: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_sip: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_archiving: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_manual_captions: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_automated_captions: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_poll: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_qa: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_survey: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_chat: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) has_external_participant: Option<bool>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Tracking<'a> {
    field: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

impl<'a> Tracking<'a> {
    /// Returns the tracking fields that have a name.
    pub(crate) fn all(fields: &'a List<TrackingField<'a>>) -> Vec<Self> {
        let named =
            |row: &'a TrackingField<'a>| Some(Self { field: row.field.get()?, value: row.value.get() });
        fields.0.iter().filter_map(named).collect()
    }
}

/// A participant session. Microphone, speaker, camera, names and addresses of the machine, and call numbers identify a
/// person's devices and are useless for counts, so only the raw archive contains them.
///
/// `event`, `source` and `harvest` are always set; they are options so that the rest has defaults.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Session<'a> {
    pub(crate) meeting_uuid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) series_id: Option<SeriesId>,
    pub(crate) event: Option<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) topic: Option<&'a str>,
    pub(crate) user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) participant_uuid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) participant_user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) registrant_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) customer_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<Device<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) os: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) os_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) browser: Option<Browser<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ip_address: Option<IpAddr>,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "texts")]
    pub(crate) internal_ip_addresses: &'a [Text<'a>],
    /// Place by the file of places; `location` is Zoom's text.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "shared")]
    pub(crate) geoip: Option<Arc<Place>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<Location<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data_center: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) full_data_center: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) video_connection_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) as_connection_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) join_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) leave_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) leave_reason: Option<LeaveReason<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) share_application: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) share_desktop: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) share_whiteboard: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recording: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) audio_quality: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) video_quality: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) screen_share_quality: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) in_room_participants: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) breakout_room_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failover: Option<bool>,
    pub(crate) source: Option<Api>,
    pub(crate) harvest: Option<&'a RawValue>,
}

/// Device of a participant: Zoom's text and its family.
#[derive(Debug, Serialize)]
pub(crate) struct Device<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) raw: Option<&'a str>,
    pub(crate) family: &'static str,
}

/// Browser of a participant who joined from one.
#[derive(Debug, Serialize)]
pub(crate) struct Browser<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<&'a str>,
}

/// Location of a participant: Zoom's text and its parts.
#[derive(Debug, Serialize)]
pub(crate) struct Location<'a> {
    pub(crate) raw: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) city: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) country: Option<&'a str>,
}

/// Reason of a leave: Zoom's text without the person's name, and its kind.
#[derive(Debug, Serialize)]
pub(crate) struct LeaveReason<'a> {
    pub(crate) raw: Cow<'a, str>,
    pub(crate) kind: &'static str,
}

fn texts<S: Serializer>(texts: &&[Text<'_>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(texts.iter().filter_map(Text::get))
}
