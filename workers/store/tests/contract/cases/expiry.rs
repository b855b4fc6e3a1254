//! Expiry deletes old indices and nothing else.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;
use store::{DocumentKind, Query, Split, Store};

use crate::documents::{Doc, fill};

fn raw(split: Split, date: &str, id: &str, received: &str) -> Doc {
    let received: Timestamp = received.parse().unwrap();
    let body = json!({"id": id, "fetched_at": received.to_string(), "date": date});
    let index = DocumentKind::Raw.index(split, date.parse().unwrap());
    Doc { kind: DocumentKind::Raw, index, id: id.to_owned(), version: received.as_millisecond(), body }
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

async fn left(store: &Store, kind: DocumentKind) -> Vec<String> {
    store.refresh().await.unwrap();
    store.search(&Query::all(kind)).await.unwrap().into_iter().map(|hit| hit.id).collect()
}

pub(crate) async fn only_whole_old_indices_of_a_split_kind_expire(store: Store) {
    let docs = [
        raw(Split::Year, "2024-12-31", "year", "2025-01-02T00:00:00Z"),
        raw(Split::Month, "2025-12-15", "december", "2025-12-16T00:00:00Z"),
        raw(Split::Month, "2026-01-31", "january", "2026-02-01T00:00:00Z"),
        raw(Split::Day, "2026-02-01", "day", "2026-02-02T00:00:00Z"),
        raw(Split::Day, "2026-02-10", "later day", "2026-02-11T00:00:00Z"),
        Doc {
            index: "raw-of-others".into(),
            ..raw(Split::Day, "2020-01-01", "others", "2020-01-01T00:00:00Z")
        },
        Doc {
            kind: DocumentKind::Meetings,
            index: "meetings-2020.01".into(),
            id: "m".into(),
            version: 1,
            body: json!({"meeting_uuid": "m"}),
        },
    ];
    fill(&store, &docs).await;
    assert_eq!(
        store.expire(DocumentKind::Raw, day("2025-01-01")).await.unwrap(),
        0,
        "the year's answers came later"
    );
    assert_eq!(store.expire(DocumentKind::Raw, day("2026-01-31")).await.unwrap(), 2, "year and december");
    assert_eq!(left(&store, DocumentKind::Raw).await, ["day", "january", "later day", "others"]);
    assert_eq!(store.expire(DocumentKind::Raw, day("2026-02-10")).await.unwrap(), 2, "january and day");
    assert_eq!(left(&store, DocumentKind::Raw).await, ["later day", "others"]);
    assert_eq!(store.expire(DocumentKind::Raw, day("2026-02-10")).await.unwrap(), 0);
    assert_eq!(store.expire(DocumentKind::Harvests, day("2026-02-10")).await.unwrap(), 0);
    assert_eq!(left(&store, DocumentKind::Meetings).await, ["m"]);
}

pub(crate) async fn what_was_received_lately_keeps_its_index(store: Store) {
    let old = raw(Split::Month, "2025-06-01", "old", "2025-06-02T00:00:00Z");
    fill(&store, &[old]).await;
    // Not refreshed: the latest writes count too.
    crate::documents::write(&store, &[raw(Split::Month, "2025-06-02", "backfilled", "2026-02-01T00:00:00Z")])
        .await;
    assert_eq!(store.expire(DocumentKind::Raw, day("2026-02-01")).await.unwrap(), 0);
    assert_eq!(left(&store, DocumentKind::Raw).await, ["backfilled", "old"]);
    assert!(store.expire(DocumentKind::Raw, day("2026-02-02")).await.unwrap() > 0);
    assert!(left(&store, DocumentKind::Raw).await.is_empty());
}

pub(crate) async fn many_documents_expire(store: Store) {
    let docs: Vec<Doc> = (0..2_500)
        .map(|n| raw(Split::Month, "2025-06-01", &format!("r{n}"), "2025-06-02T00:00:00Z"))
        .collect();
    fill(&store, &docs).await;
    let gone = store.expire(DocumentKind::Raw, day("2026-01-01")).await.unwrap();
    assert!([1, 2_500].contains(&gone), "one index, or all its documents: {gone}");
    assert_eq!(store.count(&Query::all(DocumentKind::Raw)).await.unwrap(), 0);
}
