//! Writes: verdicts, versions, ids, indices.

use base64::Engine as _;
use serde_json::{Value, json};
use store::{Batch, DocumentKind, Query, Split, Store, Verdict};

use crate::documents::{Doc, batch, doc, fill, got, meeting, write};

pub(crate) async fn a_new_document_is_indexed(store: Store) {
    assert_eq!(write(&store, &[meeting("a", 5, json!({"topic": "new"}))]).await, [Verdict::Indexed]);
    store.refresh().await.unwrap();
    let hit = store.get(DocumentKind::Meetings, "a").await.unwrap().unwrap();
    assert_eq!((hit.index.as_str(), hit.id.as_str(), hit.version), ("meetings-2026.01", "a", 5));
    let source: Value = serde_json::from_str(hit.source.get()).unwrap();
    assert_eq!(source, json!({"topic": "new", "meeting_uuid": "a"}));
}

pub(crate) async fn an_older_version_is_stale_and_changes_nothing(store: Store) {
    write(&store, &[meeting("a", 5, json!({"topic": "newer"}))]).await;
    assert_eq!(write(&store, &[meeting("a", 4, json!({"topic": "older"}))]).await, [Verdict::Stale]);
    assert_eq!(got(&store, DocumentKind::Meetings, "a").await.unwrap()["topic"], "newer");
    assert_eq!(store.get(DocumentKind::Meetings, "a").await.unwrap().unwrap().version, 5);
}

pub(crate) async fn an_equal_version_is_written_again(store: Store) {
    write(&store, &[meeting("a", 5, json!({"topic": "first"}))]).await;
    assert_eq!(write(&store, &[meeting("a", 5, json!({"topic": "second"}))]).await, [Verdict::Indexed]);
    assert_eq!(got(&store, DocumentKind::Meetings, "a").await.unwrap()["topic"], "second");
}

pub(crate) async fn a_newer_version_replaces(store: Store) {
    write(&store, &[meeting("a", 5, json!({"topic": "old", "duration": 7}))]).await;
    assert_eq!(write(&store, &[meeting("a", 6, json!({"topic": "new"}))]).await, [Verdict::Indexed]);
    let source = got(&store, DocumentKind::Meetings, "a").await.unwrap();
    assert_eq!(source, json!({"topic": "new", "meeting_uuid": "a"}), "the whole document is replaced");
}

pub(crate) async fn the_last_of_equal_ids_in_a_batch_wins(store: Store) {
    let docs = [3, 5, 4, 5].map(|version| meeting("a", version, json!({"duration": version})));
    let wanted = [Verdict::Indexed, Verdict::Indexed, Verdict::Stale, Verdict::Indexed];
    assert_eq!(write(&store, &docs).await, wanted);
    assert_eq!(got(&store, DocumentKind::Meetings, "a").await.unwrap()["duration"], 5);
}

pub(crate) async fn verdicts_are_in_the_order_of_a_mixed_batch(store: Store) {
    let old: Vec<Doc> =
        (0..1_000).step_by(7).map(|n| meeting(&format!("m{n}"), 9, json!({"duration": n}))).collect();
    write(&store, &old).await;
    let fields = |n: i32| if n % 5 == 0 { json!({"duration": "long"}) } else { json!({"duration": n}) };
    let docs: Vec<Doc> = (0..1_000).map(|n| meeting(&format!("m{n}"), 1, fields(n))).collect();
    let verdicts = write(&store, &docs).await;
    assert_eq!(verdicts.len(), 1_000);
    for (n, verdict) in verdicts.into_iter().enumerate() {
        match verdict {
            Verdict::Refused { reason } => {
                assert!(n % 5 == 0 && reason.contains("duration"), "{n}: {reason}");
            }
            Verdict::Stale => assert!(n % 7 == 0 && n % 5 != 0, "{n} is stale"),
            Verdict::Indexed => assert!(n % 7 != 0 && n % 5 != 0, "{n} is indexed"),
            other => panic!("{n}: {other:?}"),
        }
    }
}

pub(crate) async fn an_empty_batch_has_no_verdicts(store: Store) {
    assert_eq!(write(&store, &[]).await, []);
}

pub(crate) async fn writers_at_once_leave_the_newest(store: Store) {
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..5 {
                    let version = round * 8 + (writer * 3 + round) % 8;
                    let fields = json!({"duration": version});
                    let docs: Vec<Doc> =
                        (0..50).map(|n| meeting(&format!("m{n}"), version, fields.clone())).collect();
                    for verdict in write(&store, &docs).await {
                        assert!(matches!(verdict, Verdict::Indexed | Verdict::Stale), "{verdict:?}");
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    store.refresh().await.unwrap();
    let newest = Query::all(DocumentKind::Meetings).with("duration", 39);
    assert_eq!(store.count(&newest).await.unwrap(), 50);
    assert_eq!(store.count(&Query::all(DocumentKind::Meetings)).await.unwrap(), 50);
}

pub(crate) async fn a_long_id_is_shortened_and_found_by_either(store: Store) {
    let (long, other) = ("é/".repeat(5_000), format!("{}x", "é/".repeat(5_000)));
    fill(&store, &[meeting("m", 1, json!({"topic": "short"}))]).await;
    let named = |id: &String, topic: &str| Doc { id: id.clone(), ..meeting("m", 1, json!({"topic": topic})) };
    fill(&store, &[named(&long, "one"), named(&other, "other"), named(&long, "again")]).await;
    let hit = store.get(DocumentKind::Meetings, &long).await.unwrap().unwrap();
    assert!(hit.id.len() <= 400 && hit.source.get().contains("again"), "{hit:?}");
    assert_eq!(
        store.get(DocumentKind::Meetings, &hit.id).await.unwrap().unwrap().source.get(),
        hit.source.get()
    );
    assert_eq!(store.count(&Query::all(DocumentKind::Meetings)).await.unwrap(), 3);
}

pub(crate) async fn odd_ids_are_kept(store: Store) {
    let ids =
        ["/a//b+c==/16778240", "say \"hi\" \\ 'there'", "Grüße 会議 🎓", "a b\tc", "%2F?x=1&y#z", "_id", "*"];
    let docs = ids.map(|id| meeting(id, 1, json!({})));
    assert_eq!(write(&store, &docs).await, vec![Verdict::Indexed; ids.len()]);
    for id in ids {
        assert_eq!(got(&store, DocumentKind::Meetings, id).await.unwrap()["meeting_uuid"], id);
    }
    assert_eq!(store.count(&Query::all(DocumentKind::Meetings)).await.unwrap(), ids.len() as u64);
    for id in ids {
        let found = store.search(&Query::all(DocumentKind::Meetings).with("meeting_uuid", id)).await.unwrap();
        assert_eq!(found.iter().map(|hit| hit.id.as_str()).collect::<Vec<_>>(), [id]);
    }
    assert_eq!(
        write(&store, &docs.map(|old| Doc { version: 0, ..old })).await,
        vec![Verdict::Stale; ids.len()]
    );
}

pub(crate) async fn a_large_answer_is_kept_byte_for_byte(store: Store) {
    let rows: Vec<Value> =
        (0..3_000).map(|n| json!({"n": n, "text": "x".repeat(100), "deep": {"n": [n, null]}})).collect();
    let bodies =
        [json!(rows), json!({"unexpected": {"topic": 1}}), json!("a text"), json!(7), json!({}), Value::Null];
    let bodies = bodies.into_iter().enumerate();
    let docs: Vec<Doc> = bodies
        .map(|(n, body)| {
            doc(
                DocumentKind::Raw,
                "2026-01-15",
                &format!("j#{n}"),
                1,
                json!({"id": format!("j#{n}"), "body": body}),
            )
        })
        .collect();
    assert_eq!(write(&store, &docs).await, vec![Verdict::Indexed; docs.len()]);
    for doc in &docs {
        store.refresh().await.unwrap();
        let hit = store.get(DocumentKind::Raw, &doc.id).await.unwrap().unwrap();
        assert_eq!(hit.source.get(), serde_json::to_string(&doc.body).unwrap());
    }
}

pub(crate) async fn an_answer_of_any_bytes_is_kept_and_can_be_left_out(store: Store) {
    let bytes: Vec<u8> =
        (0..300_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 7).to_le_bytes()).collect();
    let answers: [&[u8]; 3] = [&bytes, b"{\"a\":1,\"a\":2,\"b\":\"\xff\"", b""];
    let mut batch = Batch::new();
    for (n, answer) in answers.into_iter().enumerate() {
        let (index, id) = ("raw-2026.01".to_owned(), format!("j#{n}"));
        let row = json!({"id": id, "bytes": answer.len(), "fetched_at": "2026-01-15T00:00:00Z"});
        batch.push_with_answer(store.prefix(), DocumentKind::Raw, index, id, 1, &row, answer).unwrap();
    }
    assert_eq!(store.bulk(&batch).await.unwrap(), vec![Verdict::Indexed; answers.len()]);
    store.refresh().await.unwrap();
    for (n, answer) in answers.into_iter().enumerate() {
        let source = got(&store, DocumentKind::Raw, &format!("j#{n}")).await.unwrap();
        let kept =
            base64::engine::general_purpose::STANDARD.decode(source["answer"].as_str().unwrap()).unwrap();
        assert!(kept == answer, "{n}");
        assert_eq!(source["bytes"], answer.len());
    }
    let query =
        Query::all(DocumentKind::Raw).sorted("fetched_at", store::SortOrder::Ascending).without("answer");
    let hits = store.search(&query).await.unwrap();
    assert_eq!(hits.len(), answers.len());
    assert!(hits.iter().all(|hit| !hit.source.get().contains("answer")), "{hits:?}");
}

pub(crate) async fn a_deletion_removes_all_but_a_newer_version(store: Store) {
    fill(&store, &["a", "b", "c", "d"].map(|id| meeting(id, 5, json!({})))).await;
    let mut batch = Batch::new();
    for (id, version) in [("a", 5), ("b", 4), ("c", 6), ("none", 5)] {
        let index = "meetings-2026.01".to_owned();
        batch.push_deletion(store.prefix(), DocumentKind::Meetings, index, id.to_owned(), version).unwrap();
    }
    let wanted = [Verdict::Indexed, Verdict::Stale, Verdict::Indexed, Verdict::Indexed];
    assert_eq!(store.bulk(&batch).await.unwrap(), wanted);
    store.refresh().await.unwrap();
    let left = store.search(&Query::all(DocumentKind::Meetings)).await.unwrap();
    assert_eq!(left.iter().map(|hit| hit.id.as_str()).collect::<Vec<_>>(), ["b", "d"]);
    let pages = [Doc { version: 7, ..meeting("a", 7, json!({})) }];
    assert_eq!(write(&store, &pages).await, [Verdict::Indexed], "a newer one may come back");
}

pub(crate) async fn documents_land_in_the_index_of_their_own_date(store: Store) {
    let times = [
        "2026-01-31T23:59:59.999Z",
        "2026-02-01T00:00:00Z",
        "2026-01-31T23:59:59-01:00",
        "2025-12-31T00:00:00Z",
    ];
    let mut docs = Vec::new();
    let mut wanted = Vec::new();
    for (split, names) in [
        (Split::Day, ["2026.01.31", "2026.02.01", "2026.02.01", "2025.12.31"]),
        (Split::Month, ["2026.01", "2026.02", "2026.02", "2025.12"]),
        (Split::Year, ["2026", "2026", "2026", "2025"]),
    ] {
        for (time, name) in times.into_iter().zip(names) {
            let id = format!("{split:?}/{time}");
            let body = json!({"meeting_uuid": id, "join_time": time});
            let index = DocumentKind::Sessions.index_at(split, time.parse().unwrap());
            docs.push(Doc { kind: DocumentKind::Sessions, index, id: id.clone(), version: 1, body });
            wanted.push((id, format!("sessions-{name}")));
        }
    }
    assert_eq!(store.bulk(&batch(&store, &docs)).await.unwrap(), vec![Verdict::Indexed; docs.len()]);
    store.refresh().await.unwrap();
    for (id, index) in &wanted {
        assert_eq!(&store.get(DocumentKind::Sessions, id).await.unwrap().unwrap().index, index);
    }
    assert_eq!(store.count(&Query::all(DocumentKind::Sessions)).await.unwrap(), wanted.len() as u64);
    let january = Query::all(DocumentKind::Sessions).between("join_time", "2026-01-31", "2026-01-31");
    assert_eq!(store.count(&january).await.unwrap(), 3);
}
