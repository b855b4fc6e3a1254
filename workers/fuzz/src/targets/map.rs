//! The indexer's map functions, from an answer to documents: every row becomes a document or a dead letter, and every value
//! of a known field is in its document or counted as dropped.

use std::cell::RefCell;
use std::collections::BTreeMap;

use indexer::{Encoded, Enricher, Target as Into, encode_page};
use messages::{RawDocument, RawKind, repair};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use store::{Batch, Split};

use super::fields::{Known, Lost};
use super::messages::{meeting, time};
use super::{fixtures, said_well, target};
use crate::driver::{Check, Target};
use crate::mutate::Form;

const HOSTS: &str = r#"{"host_ids":{"a@example.edu":"host-a"},"host_id":"host-b","listing":"past"}"#;
const EPISODES: &str = r#"{"episodes":{"a-1":{"title":"T","duration":1,"start":"2026-01-02T03:04:05Z","course":"C","series":"20260212345"}}}"#;
const EPISODE: &str = r#"{"live_start":null,"live_end":null,"available":null}"#;
/// Maximum bytes of a document that do not come from its row.
const FRAME: usize = 4_096;

/// A kind of answer: target name, kind, list of rows, fixtures.
type MapTarget = (&'static str, RawKind, Option<&'static str>, &'static [&'static str]);
const KINDS: [MapTarget; 11] = [
    ("map-metrics-meetings", RawKind::ZoomMetricsMeetings, Some("meetings"), &["metrics_meetings"]),
    ("map-metrics-webinars", RawKind::ZoomMetricsWebinars, Some("webinars"), &["metrics_webinars"]),
    ("map-metrics-meeting", RawKind::ZoomMetricsMeeting, None, &["metrics_meeting.json"]),
    (
        "map-metrics-participants",
        RawKind::ZoomMetricsParticipants,
        Some("participants"),
        &["metrics_participants"],
    ),
    (
        "map-metrics-attendees",
        RawKind::ZoomMetricsWebinarParticipants,
        Some("participants"),
        &["metrics_participants"],
    ),
    ("map-report-meetings", RawKind::ZoomReportMeetings, Some("meetings"), &["report_meetings"]),
    ("map-report-meeting", RawKind::ZoomReportMeeting, None, &["metrics_meeting.json"]),
    (
        "map-report-participants",
        RawKind::ZoomReportParticipants,
        Some("participants"),
        &["report_participants"],
    ),
    (
        "map-report-attendees",
        RawKind::ZoomReportWebinarParticipants,
        Some("participants"),
        &["report_participants"],
    ),
    ("map-actions", RawKind::OpencastActions, None, &["opencast_actions"]),
    ("map-episode", RawKind::OpencastEpisode, None, &["opencast_episode"]),
];

pub(super) fn targets() -> Vec<Target> {
    let one = |(name, kind, list, beginnings): MapTarget| {
        target(name, Form::Json, fixtures("indexer", beginnings), move || check(kind, list))
    };
    KINDS.map(one).into()
}

fn check(kind: RawKind, list: Option<&'static str>) -> Check {
    let (enricher, known) = (Enricher::default(), Known::of(kind));
    let context = match kind {
        RawKind::OpencastActions => EPISODES.to_owned(),
        RawKind::OpencastEpisode => EPISODE.to_owned(),
        _ if list == Some("participants") => serde_json::to_string(&meeting()).unwrap(),
        _ => HOSTS.to_owned(),
    };
    Box::new(move |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let Ok(body) = serde_json::from_str::<&RawValue>(&text) else { return false };
        let context: &RawValue = serde_json::from_str(&context).unwrap();
        let date = "2026-01-02".parse().ok();
        let raw =
            RawDocument::new("j#1", "j".into(), "r".into(), kind, "GET /x", time(), date, context, body);
        let target = Into { prefix: "p-", split: Split::Month, ua_version: "0", enricher: &enricher };
        let mut batch = Batch::new();
        let rows = rows(kind, list, body);
        let encoded = match encode_page(&raw, &target, &mut batch) {
            Ok(encoded) => encoded,
            Err(cause) => {
                said_well(&cause.text);
                assert!(rows.is_empty(), "the page has rows, and none became a document: {}", cause.text);
                return false;
            }
        };
        let (documents, dead) = (encoded.items.len(), encoded.unusable.len());
        assert_eq!(documents + dead, rows.len(), "{documents} documents and {dead} dead letters");
        accounted(&known, &rows, &encoded, &batch);
        assert!(
            batch.bytes() <= 8 * bytes.len() + FRAME * documents,
            "{} bytes of {}",
            batch.bytes(),
            bytes.len()
        );
        let positions: Vec<_> = encoded.unusable.iter().map(|unusable| unusable.position).collect();
        assert!(
            positions.is_sorted_by(|one, next| one < next)
                && positions.iter().all(|at| *at < documents + dead)
        );
        for unusable in &encoded.unusable {
            said_well(&unusable.cause.text);
            replayed(&raw, unusable.position, &target);
        }
        for item in batch.items() {
            assert!(item.fits(), "its template refuses {}", String::from_utf8_lossy(item.source));
            assert!(!item.id.is_empty() && item.id.len() <= 512, "{:?}", item.id);
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
            assert!(item.index.bytes().all(plain), "the index {:?}", item.index);
        }
        documents > 0
    })
}

/// Checks that a rejected row, cut out of its page, is again a page of that row.
fn replayed(raw: &RawDocument<'_>, position: usize, target: &Into<'_>) {
    let body = indexer::fuzz::single_row(raw, position).expect("a row that can be cut out");
    let body: &RawValue = serde_json::from_str(&body).unwrap();
    let (id, job, run) = (&*raw.id, raw.job_id.clone(), raw.run.clone());
    let alone =
        RawDocument::new(id, job, run, raw.kind, "GET /x", raw.fetched_at, raw.date, raw.context, body);
    let encoded = encode_page(&alone, target, &mut Batch::new()).expect("a page of one row");
    assert_eq!((encoded.items.len(), encoded.unusable.len()), (0, 1), "the row alone");
}

/// Asserts that a row becomes a document or a dead letter, and that a value of a known field is in the document or counted.
fn accounted(known: &Known, rows: &[String], encoded: &Encoded, batch: &Batch) {
    let mut dead = encoded.unusable.iter().map(|unusable| unusable.position).peekable();
    let (mut items, mut lost) = (batch.items(), Lost::new());
    for (position, row) in rows.iter().enumerate() {
        let is_dead = dead.next_if_eq(&position).is_some();
        if let Some(is_named) = known.is_named(row) {
            assert_eq!(is_dead, !is_named, "row {position} is a dead letter, or has an id: {row}");
        }
        if !is_dead {
            let document: Value = serde_json::from_slice(items.next().expect("a document").source).unwrap();
            known.lost(row, &document, &mut lost);
        }
    }
    let counted: BTreeMap<_, _> = encoded.dropped.iter().collect();
    for (field, lost) in lost {
        let counted = counted.get(field).copied().unwrap_or_default();
        assert!(
            counted >= lost,
            "{lost} values of {field} are in no document, {counted} are counted: {rows:?}"
        );
    }
}

/// Returns the rows of a page, repaired for a strict parser; none if it is no page. A duplicate list adds its rows.
fn rows(kind: RawKind, list: Option<&'static str>, body: &RawValue) -> Vec<String> {
    let strict = |row: &RawValue| repair::strict(row.get()).into_owned();
    match (list, kind) {
        (Some(list), _) => {
            LIST.replace(list);
            serde_json::from_str::<Rows>(&strict(body)).map(|rows| rows.0).unwrap_or_default()
        }
        (None, RawKind::OpencastActions) => opencast_wire::actions::page(body)
            .map(|page| page.rows.into_iter().map(strict).collect())
            .unwrap_or_default(),
        (None, _) => vec![strict(body)],
    }
}

thread_local! {
    static LIST: RefCell<&'static str> = const { RefCell::new("") };
}

/// Rows of all lists of one name in an object.
struct Rows(Vec<String>);

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Rows;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a page")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rows, A::Error> {
        let mut rows = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == LIST.with_borrow(|list| *list) {
                let list: &RawValue = map.next_value()?;
                let list: Option<Vec<&RawValue>> = serde_json::from_str(list.get()).unwrap_or_default();
                rows.extend(list.into_iter().flatten().map(|row| row.get().to_owned()));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Rows(rows))
    }
}
