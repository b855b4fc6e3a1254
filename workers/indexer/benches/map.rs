//! Raw pages in memory -> mapped, encoded NDJSON; the sink answers at once. Prints documents per second on one core:
//! per second of this thread's own processor time where the system tells it, so that other load does not count.

#![recursion_limit = "256"]

use std::hint::black_box;
use std::time::{Duration, Instant};

use indexer::{Target, encode_page};
use jiff::Timestamp;
use messages::{Document, RawDocument, RawKind, decode, encode};
use serde_json::json;
use serde_json::value::RawValue;
use store::{Batch, Split};

const PAGES: usize = 40;
const SESSIONS: usize = 300;
const BULK: usize = 1_000;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(700);

#[expect(clippy::print_stdout, reason = "a benchmark's result is its output")]
fn main() {
    let pages: Vec<Vec<u8>> = (0..PAGES).map(page).collect();
    let bytes: usize = pages.iter().map(Vec::len).sum();
    println!("pages of {SESSIONS} sessions, {} bytes of raw page per session", bytes / (PAGES * SESSIONS));
    let mut batch = Batch::new();
    round(&pages, &mut batch, Duration::from_millis(200));
    let mut rates: Vec<f64> = (1..=ROUNDS)
        .map(|number| {
            let Round { documents, written, wall, cpu } = round(&pages, &mut batch, ROUND);
            let (by_cpu, by_wall) = (rate(documents, cpu), rate(documents, wall));
            println!(
                "round {number}: {by_cpu:.0} documents/s of cpu, {by_wall:.0}/s of wall, {} bytes each",
                written / documents
            );
            by_cpu
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    println!(
        "indexer map+encode: {:.0} documents/s (median of {ROUNDS} rounds, one core)",
        rates[ROUNDS / 2]
    );
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn rate(documents: usize, took: Duration) -> f64 {
    documents as f64 / took.as_secs_f64()
}

/// What a round made, and what it took.
struct Round {
    documents: usize,
    written: usize,
    wall: Duration,
    cpu: Duration,
}

/// Decodes, maps and encodes pages for about `long`.
fn round(pages: &[Vec<u8>], batch: &mut Batch, long: Duration) -> Round {
    let target = Target { prefix: "", split: Split::Month, ua_version: env!("CARGO_PKG_VERSION") };
    let (mut documents, mut written) = (0, 0);
    let (start, used) = (Instant::now(), cpu());
    while start.elapsed() < long {
        for page in pages {
            let Ok(Document::Raw(raw)) = decode(black_box(page)) else { continue };
            let encoded = encode_page(&raw, &target, batch);
            assert!(encoded.is_ok_and(|encoded| encoded.unusable.is_empty()), "every row is a document");
            if batch.len() >= BULK {
                documents += batch.len();
                written += black_box(batch.ndjson(0..batch.len())).len();
                batch.clear();
            }
        }
    }
    let wall = start.elapsed();
    let cpu = used.zip(cpu()).map_or(wall, |(before, after)| after.saturating_sub(before));
    Round { documents, written, wall, cpu }
}

/// Processor time of this thread so far; Linux tells it in nanoseconds.
fn cpu() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// A message with a page as the Dashboard answers it.
fn page(number: usize) -> Vec<u8> {
    let rows: Vec<_> = (0..SESSIONS).map(|row| participant(number * SESSIONS + row)).collect();
    let answer = json!({"page_count": 1, "page_size": 300, "total_records": SESSIONS, "next_page_token": "",
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
