//! Test documents, and helpers to write them.

use serde_json::{Value, json};
use store::{Batch, DocumentKind, Split, Store, Verdict};

/// One item of a batch.
pub(crate) struct Doc {
    pub(crate) kind: DocumentKind,
    pub(crate) index: String,
    pub(crate) id: String,
    pub(crate) version: i64,
    pub(crate) body: Value,
}

pub(crate) fn meeting(id: &str, version: i64, mut fields: Value) -> Doc {
    fields["meeting_uuid"] = id.into();
    doc(DocumentKind::Meetings, "2026-01-15", id, version, fields)
}

pub(crate) fn doc(kind: DocumentKind, date: &str, id: &str, version: i64, body: Value) -> Doc {
    let index = kind.index(Split::Month, date.parse().unwrap());
    Doc { kind, index, id: id.to_owned(), version, body }
}

pub(crate) fn batch<'a>(store: &Store, docs: impl IntoIterator<Item = &'a Doc>) -> Batch {
    let mut batch = Batch::new();
    for Doc { kind, index, id, version, body } in docs {
        batch.push(store.prefix(), *kind, index.clone(), id.clone(), *version, body).unwrap();
    }
    batch
}

pub(crate) async fn write(store: &Store, docs: &[Doc]) -> Vec<Verdict> {
    store.bulk(&batch(store, docs)).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Writes valid documents and refreshes the store.
pub(crate) async fn fill(store: &Store, docs: &[Doc]) {
    for docs in docs.chunks(1_000) {
        for (verdict, doc) in write(store, docs).await.into_iter().zip(docs) {
            assert_eq!(verdict, Verdict::Indexed, "{}", doc.id);
        }
    }
    store.refresh().await.unwrap();
}

pub(crate) async fn got(store: &Store, kind: DocumentKind, id: &str) -> Option<Value> {
    store.refresh().await.unwrap();
    store.get(kind, id).await.unwrap().map(|hit| serde_json::from_str(hit.source.get()).unwrap())
}

/// `count` meetings, one per hour, with three topics; the duration is the meeting's number.
pub(crate) fn meetings(count: usize) -> Vec<Doc> {
    let one = |number: usize| {
        let topics = ["Algebra", "Botany", "Chemistry"];
        let (day, hour) = (1 + number / 24 % 28, number % 24);
        let fields = json!({
            "topic": topics[number % 3],
            "duration": number,
            "has_video": number.is_multiple_of(2),
            "start_time": format!("2026-01-{day:02}T{hour:02}:00:00Z"),
            "host": {"email": format!("host{}@example.edu", number % 5)},
        });
        meeting(&format!("m{number:05}"), 1, fields)
    };
    (0..count).map(one).collect()
}
