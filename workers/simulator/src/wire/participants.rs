//! Participant sessions of meetings and webinars in the Dashboard's format.

use jiff::Timestamp;
use serde::Serialize;

use super::instant;
use crate::world::{
    CONNECTIONS, DATA_CENTERS, DEVICES, EventType, LOCATIONS, Meeting, NETWORKS, PARTICIPANT_QUALITIES,
    Person, Reason, Session, mix, pick,
};

/// A row of `/metrics/{meetings,webinars}/{uuid}/participants`.
#[derive(Serialize)]
pub(crate) struct ParticipantRow<'a> {
    id: &'a str,
    participant_user_id: &'a str,
    user_id: String,
    participant_uuid: String,
    user_name: &'a str,
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    registrant_id: Option<String>,
    customer_key: &'a str,
    role: &'static str,
    join_time: Timestamp,
    leave_time: Timestamp,
    leave_reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(flatten)]
    client: Client,
    #[serde(flatten)]
    network: Network,
    #[serde(flatten)]
    media: Media,
    #[serde(flatten)]
    only_meetings: Option<OnlyMeetings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bo_mtg_id: Option<String>,
    has_archiving: bool,
    optional_archiving: &'static str,
    zoom_thin_client_plugin_version: &'static str,
}

#[derive(Serialize)]
struct Client {
    device: &'static str,
    os: &'static str,
    os_version: &'static str,
    browser_name: &'static str,
    browser_version: &'static str,
    device_name: &'static str,
    client: &'static str,
    version: &'static str,
    microphone: &'static str,
    speaker: &'static str,
    pc_name: String,
    domain: &'static str,
    mac_addr: String,
    harddisk_id: String,
    sip_uri: &'static str,
    from_sip_uri: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_call: Option<[AudioCall; 1]>,
}

#[derive(Serialize)]
struct AudioCall {
    call_number: &'static str,
    call_type: &'static str,
    zoom_number: &'static str,
}

#[derive(Serialize)]
struct Network {
    ip_address: String,
    internal_ip_addresses: [String; 1],
    location: &'static str,
    network_type: &'static str,
    data_center: &'static str,
    full_data_center: &'static str,
    connection_type: &'static str,
    video_connection_type: &'static str,
    as_connection_type: &'static str,
}

#[derive(Serialize)]
struct Media {
    audio_quality: &'static str,
    video_quality: &'static str,
    screen_share_quality: &'static str,
    share_application: bool,
    share_desktop: bool,
    share_whiteboard: bool,
    recording: bool,
}

/// Fields that webinar rows lack.
#[derive(Serialize)]
struct OnlyMeetings {
    camera: &'static str,
    in_room_participants: u32,
    #[serde(rename = "groupId")]
    group_id: &'static str,
    total_jointime_cost: u64,
    aic_disclaimer: &'static str,
}

impl<'a> ParticipantRow<'a> {
    /// Creates a row. `registrants`: the call requested registrant ids.
    pub(crate) fn new(meeting: &Meeting, session: &Session, person: &'a Person, registrants: bool) -> Self {
        let webinar = meeting.kind == EventType::Webinar;
        let member_id = person.member_id.as_deref().unwrap_or_default();
        Self {
            id: member_id,
            participant_user_id: member_id,
            user_id: session.user_id.to_string(),
            participant_uuid: guid(person.seed, session.visit),
            user_name: &person.name,
            email: &person.email,
            registrant_id: registrants.then(|| registrant_id(person)),
            customer_key: "",
            role: role(person, webinar),
            join_time: instant(meeting.start + i64::from(session.join)),
            leave_time: instant(meeting.start + i64::from(session.leave)),
            leave_reason: leave_reason(session.reason, &person.name, person.seed),
            status: (!webinar).then(|| status(session)),
            client: client(person),
            network: network(person, session),
            media: media(person),
            only_meetings: (!webinar).then(|| only_meetings(person)),
            bo_mtg_id: (session.room > 0).then(|| room_id(meeting, session.room)),
            has_archiving: false,
            optional_archiving: "no optional archiving",
            zoom_thin_client_plugin_version: "",
        }
    }
}

/// Only guests register.
pub(super) fn registrant_id(person: &Person) -> String {
    match person.member_id {
        Some(_) => String::new(),
        None => format!("reg-{:016x}", person.seed),
    }
}

pub(super) fn status(session: &Session) -> &'static str {
    if session.waiting { "in_waiting_room" } else { "in_meeting" }
}

pub(super) fn room_id(meeting: &Meeting, room: u8) -> String {
    guid(meeting.seed, room)
}

fn role(person: &Person, webinar: bool) -> &'static str {
    match person.host {
        true => "host",
        false if webinar && person.seed.is_multiple_of(10) => "panelist",
        false => "attendee",
    }
}

/// Formats seen in real data; some contain the person's name, some HTML.
fn leave_reason(reason: Reason, name: &str, bits: u64) -> String {
    match reason {
        Reason::Left if bits.is_multiple_of(4) => format!("{name} left the meeting."),
        Reason::Left if bits % 97 == 1 => String::new(),
        Reason::Left => "left the meeting. Reason : left the meeting".to_owned(),
        Reason::HostEnded if bits.is_multiple_of(2) => {
            format!("{name} left the meeting.<br>Reason: Host ended the meeting.")
        }
        Reason::HostEnded => "left the meeting. Reason : Host ended the meeting.".to_owned(),
        Reason::Dropped => "got disconnected from the meeting. Reason : Client Close.".to_owned(),
        Reason::Network => {
            format!("{name} got disconnected from the meeting.<br>Reason: Network connection error. ")
        }
        Reason::Failover => "Unknown Failover Reason".to_owned(),
        Reason::ToBreakout => "left the meeting. Reason : left the meeting to join breakout room".to_owned(),
        Reason::FromBreakout => {
            "left the meeting. Reason : leave breakout room to join main meeting".to_owned()
        }
        Reason::Admitted => format!("{name} left the meeting.<br>Reason: leave waiting room."),
    }
}

/// Guests reveal nothing about their devices.
fn client(person: &Person) -> Client {
    let bits = mix(person.seed, 10);
    let own = person.member_id.is_some();
    let device = pick(&DEVICES, bits);
    let phone = device.ends_with("Phone");
    let browser = device.starts_with("Web");
    let of_own = |text: &'static str| if own { text } else { "" };
    let call = AudioCall { call_number: "15550100", call_type: "call-in", zoom_number: "15550199" };
    Client {
        device,
        os: if browser { "" } else { device },
        os_version: pick(&["10.0.22631", "14.5", "17.5.1", ""], bits >> 8),
        browser_name: if browser { "Chrome" } else { "" },
        browser_version: if browser { "129.0" } else { "" },
        device_name: pick(&["", "Simulated Device"], bits >> 12),
        client: pick(&["Zoom Workplace", "Zoom Rooms", "Browser", ""], bits >> 16),
        version: pick(&["6.1.10.45028", "5.17.11.34827", "6.0.2", ""], bits >> 20),
        microphone: of_own("Simulated Microphone (Built-in)"),
        speaker: of_own("Simulated Speakers"),
        pc_name: if own { format!("EXAMPLE-{:04X}", bits as u16) } else { String::new() },
        domain: of_own("example.edu"),
        mac_addr: if own {
            format!("02:00:00:{:02x}:{:02x}:01", bits as u8, (bits >> 8) as u8)
        } else {
            String::new()
        },
        harddisk_id: if own { format!("disk-{:08x}", (bits >> 16) as u32) } else { String::new() },
        sip_uri: "",
        from_sip_uri: "",
        audio_call: phone.then_some([call]),
    }
}

/// Addresses are from the documentation ranges. A new visit may change the network.
fn network(person: &Person, session: &Session) -> Network {
    let bits = mix(person.seed, 20);
    let moved = mix(bits, u64::from(session.visit));
    let net = pick(&["192.0.2", "198.51.100", "203.0.113"], moved);
    let connection = pick(&CONNECTIONS, moved >> 8);
    Network {
        ip_address: if bits.is_multiple_of(50) {
            format!("2001:db8::{:x}", moved as u16)
        } else {
            format!("{net}.{}", moved >> 16 & 0xFF)
        },
        internal_ip_addresses: [format!("10.0.{}.{}", bits >> 8 & 0xFF, bits & 0xFF)],
        location: pick(&LOCATIONS, bits >> 16),
        network_type: pick(&NETWORKS, moved >> 24),
        data_center: pick(&DATA_CENTERS, bits >> 24),
        full_data_center: "United States (SC Top);United States (NY Top);",
        connection_type: connection,
        video_connection_type: connection,
        as_connection_type: connection,
    }
}

fn media(person: &Person) -> Media {
    let bits = mix(person.seed, 30);
    Media {
        audio_quality: pick(&PARTICIPANT_QUALITIES, bits),
        video_quality: pick(&PARTICIPANT_QUALITIES, bits >> 8),
        screen_share_quality: pick(&PARTICIPANT_QUALITIES, bits >> 16),
        share_application: bits >> 24 & 15 == 0,
        share_desktop: bits >> 28 & 7 == 0,
        share_whiteboard: bits >> 31 & 63 == 0,
        recording: person.host && bits >> 37 & 3 == 0,
    }
}

fn only_meetings(person: &Person) -> OnlyMeetings {
    let bits = mix(person.seed, 40);
    OnlyMeetings {
        camera: if person.member_id.is_some() { "FaceTime HD Camera" } else { "" },
        in_room_participants: 0,
        group_id: "",
        total_jointime_cost: 500 + bits % 5_000,
        aic_disclaimer: "no disclaimer",
    }
}

fn guid(seed: u64, part: u8) -> String {
    let (a, b) = (mix(seed, 0x601D + u64::from(part)), mix(seed, 0x701D + u64::from(part)));
    format!(
        "{:08X}-{:04X}-{:04X}-{:04X}-{:012X}",
        a >> 32,
        a >> 16 & 0xFFFF,
        0x4000 | a & 0xFFF,
        0x8000 | b >> 48 & 0x3FFF,
        b & 0xFFFF_FFFF_FFFF
    )
}
