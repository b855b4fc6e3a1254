//! Extracts one row from its page for replay, and derives its key.

use std::collections::BTreeMap;

use messages::{RawDocument, RawKind};
use serde_json::value::RawValue;

use super::rows;

/// A row extracted from its page.
pub(crate) struct SingleRow {
    /// An answer in the page's format with this row alone.
    pub(crate) body: String,
    /// Distinguishes the row from others: its id, or the hash of its text.
    pub(crate) key: String,
}

/// Returns the row at `position` as its own page; the whole answer if that is one row.
pub(crate) fn single_row(raw: &RawDocument<'_>, position: usize) -> Option<SingleRow> {
    if raw.kind == RawKind::OpencastActions {
        let row = *opencast_wire::actions::page(raw.body).ok()?.rows.get(position)?;
        return Some(SingleRow {
            body: format!("{{\"actions\":{{\"action\":[{}]}}}}", row.get()),
            key: key(row, raw.kind),
        });
    }
    let Some(list) = list_name(raw.kind) else {
        return Some(SingleRow { body: raw.body.get().to_owned(), key: key(raw.body, raw.kind) });
    };
    let cut = |row: &RawValue| SingleRow {
        body: format!("{{\"{list}\":[{}]}}", row.get()),
        key: key(row, raw.kind),
    };
    if let Some(row) = rows::at(raw.body, list, position) {
        return Some(cut(row));
    }
    // The page has an invalid character or number outside of its rows.
    let spare = rows::Spare::new();
    rows::at(rows::repaired(raw.body, &spare), list, position).map(cut)
}

fn key(row: &RawValue, kind: RawKind) -> String {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(row.get()).unwrap_or_default();
    // Zoom's `id` identifies a person or a series.
    let names = match kind {
        RawKind::OpencastActions | RawKind::OpencastEpisode => ["id", "id"],
        _ => ["user_id", "uuid"],
    };
    let id = names.iter().find_map(|name| fields.get(*name)).map(|id| id.get().trim_matches('"'));
    // Only text in the format of an id may enter a message's id, because the field may contain anything.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte);
    match id {
        Some(id) if !id.is_empty() && id.len() <= 64 && id != "null" && id.bytes().all(plain) => {
            id.to_owned()
        }
        _ => format!("row-{:016x}", fnv(row.get().as_bytes())),
    }
}

/// Hashes with FNV-1a, which is equal on every machine and in every release, unlike std's hashers.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Returns the list with the rows in an answer of `kind`; `None` if the answer itself is the row.
pub(super) fn list_name(kind: RawKind) -> Option<&'static str> {
    match kind {
        RawKind::ZoomMetricsMeetings | RawKind::ZoomReportMeetings => Some("meetings"),
        RawKind::ZoomMetricsWebinars => Some("webinars"),
        RawKind::ZoomMetricsParticipants
        | RawKind::ZoomMetricsWebinarParticipants
        | RawKind::ZoomReportParticipants
        | RawKind::ZoomReportWebinarParticipants => Some("participants"),
        RawKind::ZoomMetricsMeeting
        | RawKind::ZoomReportMeeting
        | RawKind::OpencastActions
        | RawKind::OpencastEpisode => None,
    }
}
