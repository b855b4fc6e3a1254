//! The indexer's map functions, from an answer to documents: every row becomes a document or a dead letter.

use std::cell::RefCell;

use indexer::{Enricher, Target as Into, encode_page};
use messages::{RawDocument, RawKind};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use store::{Batch, Split};

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
    let enricher = Enricher::default();
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
        // This parser rejects names with half a surrogate pair: map such pages without a count of rows.
        let rows = rows(kind, list, body);
        let encoded = match encode_page(&raw, &target, &mut batch) {
            Ok(encoded) => encoded,
            Err(cause) => {
                said_well(&cause.text);
                let is_empty = rows.as_ref().is_none_or(Vec::is_empty);
                assert!(is_empty, "the page has rows, and none became a document: {}", cause.text);
                return false;
            }
        };
        let (documents, dead) = (encoded.items.len(), encoded.unusable.len());
        assert!(
            rows.as_ref().is_none_or(|rows| rows.contains(&(documents + dead))),
            "{documents} documents and {dead} dead letters of {rows:?} rows"
        );
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
            let document: Value = serde_json::from_slice(item.source).unwrap();
            assert!(document.is_object() && !item.id.is_empty() && item.id.len() <= 512, "{:?}", item.id);
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

/// Returns the number of rows of a page; `None` when it is no page. A duplicate list has several: the reader may use
/// one of them or all.
fn rows(kind: RawKind, list: Option<&'static str>, body: &RawValue) -> Option<Vec<usize>> {
    match (list, kind) {
        (Some(list), _) => {
            LIST.replace(list);
            let mut lists = serde_json::from_str::<Lists>(body.get()).ok()?.0;
            if lists.len() > 1 {
                lists.push(lists.iter().sum());
            }
            Some(lists)
        }
        (None, RawKind::OpencastActions) => {
            Some(opencast_wire::actions::page(body).map(|page| vec![page.rows.len()]).unwrap_or_default())
        }
        (None, _) => Some(vec![1]),
    }
}

thread_local! {
    static LIST: RefCell<&'static str> = const { RefCell::new("") };
}

/// Lengths of all lists of one name in an object.
struct Lists(Vec<usize>);

impl<'de> Deserialize<'de> for Lists {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Lists;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a page")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lists, A::Error> {
        let mut lists = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == LIST.with_borrow(|list| *list) {
                let value: &RawValue = map.next_value()?;
                let list: Result<Option<Vec<IgnoredAny>>, _> = serde_json::from_str(value.get());
                lists.extend(list.map(|list| list.map_or(0, |list| list.len())).ok());
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Lists(lists))
    }
}
