//! Documents as the indexer makes them, written directly to a store.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use store::{Batch, DocumentKind, Elasticsearch, Local, Split, Store, Verdict, elasticsearch};

use crate::program::Program;

/// A document and its destination.
pub(crate) struct Doc {
    kind: DocumentKind,
    date: &'static str,
    id: String,
    body: Value,
}

/// Returns the store of a program without a search engine.
pub(crate) fn local(program: &Program) -> Store {
    let folder = program.path().join("ua-data");
    Store::Local(Local::open(store::local::LocalStoreSettings { folder, prefix: String::new() }).unwrap())
}

pub(crate) fn search_engine(host: &str, prefix: &str) -> Store {
    let settings = elasticsearch::ElasticsearchSettings {
        prefix: prefix.to_owned(),
        ..elasticsearch::ElasticsearchSettings::new(host)
    };
    Store::Elasticsearch(Elasticsearch::new(settings).unwrap())
}

pub(crate) async fn fill(store: &Store, docs: &[Doc]) {
    for docs in docs.chunks(2_000) {
        let mut batch = Batch::new();
        for Doc { kind, date, id, body } in docs {
            let index = kind.index(Split::Month, date.parse().unwrap());
            batch.push(store.prefix(), *kind, index, id.clone(), 1, body).unwrap();
        }
        let verdicts = store.bulk(&batch).await.unwrap();
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Indexed), "{verdicts:?}");
    }
    store.refresh().await.unwrap();
}

/// Creates a document of any kind.
pub(crate) fn other(kind: DocumentKind, date: &'static str, id: &str, body: Value) -> Doc {
    Doc { kind, date, id: id.to_owned(), body }
}

pub(crate) fn episode(mpid: &str, mut body: Value) -> Doc {
    body["mpid"] = mpid.into();
    Doc { kind: DocumentKind::Episodes, date: "2016-01-26", id: mpid.to_owned(), body }
}

fn action(mpid: &str, huid: Option<&str>, action: &Value, live: bool) -> Doc {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let id = LAST.fetch_add(1, Ordering::Relaxed);
    let mut body = json!({"action_id": id, "mpid": mpid, "action": action, "is_live": live});
    if let Some(huid) = huid {
        body["huid"] = huid.into();
    }
    Doc { kind: DocumentKind::Useractions, date: "2016-02-26", id: id.to_string(), body }
}

pub(crate) fn beat(mpid: &str, huid: Option<&str>, inpoint: i64, playing: bool, live: bool) -> Doc {
    let beat = json!({"type": "HEARTBEAT", "inpoint": inpoint, "outpoint": inpoint, "length": 0, "is_playing": playing});
    action(mpid, huid, &beat, live)
}

pub(crate) fn press(mpid: &str, huid: &str, what: &str) -> Doc {
    action(mpid, Some(huid), &json!({"type": what, "inpoint": 5, "outpoint": 5, "is_playing": false}), false)
}

/// Two meetings with the same number, and their sessions.
pub(crate) fn zoom() -> Vec<Doc> {
    let meeting = |uuid: &str, date: &'static str| {
        let body = json!({"meeting_uuid": uuid, "series_id": 91_234_567_890_u64, "topic": "Algebra", "type": 2,
            "host": {"email": "h@example.edu"}, "start_time": format!("{date}T08:00:00Z"), "duration": 3_600,
            "has_video": true, "source": "dashboard"});
        Doc { kind: DocumentKind::Meetings, date, id: uuid.to_owned(), body }
    };
    let session = |uuid: &str, date: &'static str| {
        let body = json!({"meeting_uuid": uuid, "series_id": 91_234_567_890_u64, "topic": "Algebra", "user_id": "16778240",
            "user_name": "@ada", "email": "a@example.edu", "device": {"raw": "Windows", "family": "windows"},
            "join_time": format!("{date}T08:00:00Z"), "leave_time": format!("{date}T09:00:00Z"), "duration": 3_600,
            "leave_reason": {"raw": "left the meeting", "kind": "left"}, "source": "dashboard"});
        Doc { kind: DocumentKind::Sessions, date, id: format!("{uuid}/16778240"), body }
    };
    let (one, other) = ("2026-01-02", "2026-02-03");
    vec![meeting("a==", one), session("a==", one), meeting("b==", other), session("b==", other)]
}
