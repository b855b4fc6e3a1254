//! Pages of participants in the Dashboard's format.

use jiff::Timestamp;
use messages::{Document, RawDocument, RawKind, encode};
use serde_json::json;
use serde_json::value::RawValue;

use crate::ROWS;

/// Returns a message with one page.
pub(crate) fn page(number: usize) -> Vec<u8> {
    let rows: Vec<_> = (0..ROWS).map(|row| participant(number * ROWS + row)).collect();
    let answer = json!({"page_count": 1, "page_size": 300, "total_records": ROWS, "next_page_token": "",
        "meeting_number": "93201235621", "participants": rows});
    let context = json!({"meeting_uuid": "4444AAAiAAAAAiAiAiiAiA==", "series_id": 93_201_235_621_u64,
        "topic": "Linear Algebra, Lecture 7", "start_time": "2026-01-05T09:00:12Z",
        "end_time": "2026-01-05T10:30:02Z", "host_id": "zJKyaiAyTNC-MWjiWC18KQ"});
    let raw = |text: String| RawValue::from_string(text).unwrap_or_default();
    let (context, body) = (raw(context.to_string()), raw(answer.to_string()));
    let id = format!("zoom:participants:4444AAAiAAAAAiAiAiiAiA==#past.{number}");
    let document = RawDocument::new(
        id,
        "zoom:participants:4444AAAiAAAAAiAiAiiAiA==".into(),
        "20260106T020000000-2026-01-05".into(),
        RawKind::ZoomMetricsParticipants,
        "GET /metrics/meetings/{uuid}/participants",
        Timestamp::from_millisecond(1_767_664_800_000).unwrap_or_default(),
        None,
        &context,
        &body,
    );
    encode(&Document::Raw(document)).unwrap_or_default()
}

fn participant(row: usize) -> serde_json::Value {
    let device = ["Windows", "Mac", "iOS", "Android", "win 10+ 17763", "Web Browser Chrome 129"][row % 6];
    let reason = [
        "left the meeting. Reason : left the meeting",
        "left the meeting. Reason : Host ended the meeting.",
        "got disconnected from the meeting. Reason : Client Close.",
    ][row % 3];
    json!({
        "user_id": (16_778_240 + row * 1_024).to_string(),
        "participant_uuid": format!("D444CD06-2ABB-2FCC-019B-{row:012X}"),
        "participant_user_id": if row.is_multiple_of(4) { "" } else { "DYHrdpjrS3uaOf7dPkkg8w" },
        "id": "DYHrdpjrS3uaOf7dPkkg8w", "registrant_id": "", "customer_key": "",
        "user_name": format!("Participant N\u{fa}mero {row}"), "email": format!("p{row}@example.edu"),
        "role": "attendee", "device": device, "os": "Windows", "os_version": "10.0.19045", "client": "Zoom Workplace",
        "version": "6.2.3.47507", "browser_name": "", "browser_version": "", "device_name": "",
        "ip_address": format!("192.0.2.{}", row % 250), "internal_ip_addresses": ["10.0.0.4"], "location": "San Jose (US)",
        "network_type": "Wifi", "data_center": "United States (SC Top)", "full_data_center": "United States (SC Top);",
        "connection_type": "UDP", "video_connection_type": "UDP", "as_connection_type": "UDP",
        "microphone": "Microphone (2- High Definition Audio Device)", "speaker": "Speaker (2- High Definition Audio Device)",
        "camera": "HD Camera", "pc_name": "HW0010449", "domain": "example.edu", "mac_addr": "f85e-a012-92d8",
        "harddisk_id": "Disk01", "join_time": "2026-01-05T09:01:13Z", "leave_time": "2026-01-05T10:29:47Z",
        "leave_reason": reason, "share_application": false, "share_desktop": row.is_multiple_of(10), "share_whiteboard": false,
        "recording": false, "status": "in_meeting", "audio_quality": "good", "video_quality": "good",
        "screen_share_quality": "", "in_room_participants": 1, "bo_mtg_id": "", "audio_call": [], "groupId": "",
        "has_archiving": false, "optional_archiving": "no optional archiving", "total_jointime_cost": 3.98,
        "sip_uri": "", "from_sip_uri": "", "aic_disclaimer": "no disclaimer", "zoom_thin_client_plugin_version": ""
    })
}
