//! Pages of user actions in Opencast's format, with 5,000 viewers, 400 user agents and 50 lectures.

use std::path::Path;

use indexer::Enricher;
use jiff::Timestamp;
use messages::{Document, RawDocument, RawKind, encode};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::ROWS;
use crate::mmdb::{city, database};

/// Creates an enricher that knows the places of all viewers.
pub(crate) fn enricher(folder: &Path) -> Enricher {
    let names: Vec<String> = (0..200).map(|network| format!("81.2.{network}.0/24")).collect();
    let record =
        |number: usize| city(&format!("City {number}"), "England", ("GB", "United Kingdom"), (51.5, -0.1));
    let networks: Vec<(&str, Value)> =
        names.iter().enumerate().map(|(number, name)| (name.as_str(), record(number))).collect();
    let path = folder.join("places.mmdb");
    let written = std::fs::write(&path, database("GeoLite2-City", networks));
    assert!(written.is_ok(), "a file of places is written");
    Enricher::with_places(&path).unwrap_or_else(|error| unreachable!("{error}"))
}

/// Returns a message with one page.
pub(crate) fn page(number: usize) -> Vec<u8> {
    let rows: Vec<_> = (0..ROWS).map(|row| action(number * ROWS + row)).collect();
    let answer = json!({"actions": {"total": ROWS, "offset": 0, "limit": ROWS, "action": rows}});
    let facts = json!({"title": "Lecture 7", "duration": 4_160_000, "start": "2026-01-10T15:00:00Z",
        "course": "Linear Algebra", "series": "20260133383", "type": "L10", "description": "Eigenvalues"});
    let episodes: serde_json::Map<String, Value> =
        (0..50).map(|number| (mpid(number), facts.clone())).collect();
    let raw = |value: &Value| RawValue::from_string(value.to_string()).unwrap_or_default();
    let (context, body) = (raw(&json!({"episodes": episodes})), raw(&answer));
    let document = RawDocument::new(
        format!("opencast:actions:2026-01-15#{number}"),
        "opencast:actions:2026-01-15".into(),
        "20260116T020000000-2026-01-15".into(),
        RawKind::OpencastActions,
        "GET /usertracking/actions.json",
        Timestamp::from_millisecond(1_768_528_800_000).unwrap_or_default(),
        None,
        &context,
        &body,
    );
    encode(&Document::Raw(document)).unwrap_or_default()
}

fn mpid(number: usize) -> String {
    format!("0a1b2c3d-0001-4000-8000-{number:012}")
}

fn action(row: usize) -> Value {
    let viewer = row * 7_919 % 5_000;
    let version = 80 + viewer % 40;
    let system =
        ["Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64"][viewer % 3];
    let program = if viewer.is_multiple_of(4) {
        format!("Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0")
    } else {
        format!(
            "Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
        )
    };
    let second = row % 3_600;
    json!({
        "id": 70_000_000 + row, "mediapackageId": mpid(row % 50),
        "sessionId": {
            "sessionId": format!("1n6ydlyhk3x5b1v7i9m0w2e{viewer:04}"), "userId": 80_000_000 + viewer,
            "userIp": format!("81.2.{}.{}, 10.0.0.1", viewer % 200, viewer % 250), "userAgent": program,
        },
        "inpoint": second, "outpoint": second, "length": 0, "type": "HEARTBEAT", "isPlaying": 1,
        "created": "2026-01-15T10:01:00-05:00",
    })
}
