//! Reads: what is found, in which order, and how often.

use std::collections::BTreeSet;

use serde_json::json;
use store::{Cursor, DocumentKind, Hit, Query, SortOrder, Span, Split, Store, StoreError, Verdict};

use crate::documents::{Doc, doc, fill, meeting, meetings, write};

fn ids(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.id.as_str()).collect()
}

pub(crate) async fn what_is_refreshed_is_counted(store: Store) {
    fill(&store, &meetings(100)).await;
    assert_eq!(store.count(&Query::all(DocumentKind::Meetings)).await.unwrap(), 100);
    assert_eq!(store.count(&Query::all(DocumentKind::Meetings).limit(1)).await.unwrap(), 100);
    assert_eq!(store.count(&Query::all(DocumentKind::Sessions)).await.unwrap(), 0);
    assert_eq!(store.count(&Query::all(DocumentKind::Meetings).with("topic", "Botany")).await.unwrap(), 33);
}

pub(crate) async fn terms_ranges_and_choices_select(store: Store) {
    fill(&store, &meetings(100)).await;
    let all = Query::all(DocumentKind::Meetings);
    for (query, wanted) in [
        (all.clone().with("topic", "Botany").with("host.email", "host1@example.edu"), 7),
        (all.clone().with("duration", 42), 1),
        (all.clone().with("has_video", true), 50),
        (all.clone().with("topic", "botany"), 0),
        (all.clone().with("start_time", "2026-01-02"), 24),
        (all.clone().with("start_time", "2026-01-02T05:00:00Z"), 1),
        (all.clone().with_any("topic", vec!["Algebra".into(), "Botany".into(), "Nothing".into()]), 67),
        (all.clone().with_any("topic", vec![]), 0),
        (all.clone().with_any("duration", vec!["1".into(), "2".into()]), 2),
        (all.clone().between("duration", 10, 19), 10),
        (all.clone().between("start_time", "2026-01-02", "2026-01-03"), 48),
        (all.clone().between("start_time", "2026-01-02T00:00:00Z", "2026-01-02T01:00:00Z"), 2),
        (all.clone().between("start_time", "2026-01-02T01:00:00+01:00", "2026-01-02T00:00:00Z"), 1),
        (all.clone().between("topic", "B", "C"), 33),
        (all.clone().between("topic", "Bo", format!("Bo{}", char::MAX)), 33),
        (Query { ranges: vec![("duration", Some("90".into()), None)], ..all.clone() }, 10),
        (Query { ranges: vec![("start_time", None, Some("2026-01-01".into()))], ..all.clone() }, 24),
        (Query { ranges: vec![("duration", None, None)], ..all.clone() }, 100),
        (all.clone().with("has_video", true).between("duration", 0, 9).with("topic", "Algebra"), 2),
    ] {
        assert_eq!(store.count(&query).await.unwrap(), wanted, "{query:?}");
        assert_eq!(store.search(&query).await.unwrap().len() as u64, wanted, "{query:?}");
    }
}

pub(crate) async fn lists_of_objects_are_filled_or_empty(store: Store) {
    let found = |codes: &[&str]| {
        let findings: Vec<_> = codes.iter().map(|code| json!({"code": code, "text": "t"})).collect();
        json!({"run": "r", "findings": findings})
    };
    let docs = [
        doc(DocumentKind::Harvests, "2026-01-02", "none", 1, json!({"run": "r"})),
        doc(DocumentKind::Harvests, "2026-01-02", "empty", 1, found(&[])),
        doc(DocumentKind::Harvests, "2026-01-02", "one", 1, found(&["host-ids"])),
        doc(DocumentKind::Harvests, "2026-01-02", "two", 1, found(&["host-ids", "api"])),
    ];
    fill(&store, &docs).await;
    let filled = Query::all(DocumentKind::Harvests).filled("findings");
    assert_eq!(ids(&store.search(&filled).await.unwrap()), ["one", "two"]);
    assert_eq!(store.group(&filled, "run").await.unwrap(), [("r".to_owned(), 2)]);
    assert_eq!(store.count(&filled.with("run", "another")).await.unwrap(), 0);
}

pub(crate) async fn hits_are_sorted_and_limited(store: Store) {
    fill(&store, &meetings(30)).await;
    fill(&store, &[meeting("none", 1, json!({"topic": "Zoology"}))]).await;
    let all = Query::all(DocumentKind::Meetings);
    let undated = all.clone().missing("start_time");
    assert_eq!(ids(&store.search(&undated).await.unwrap()), ["none"]);
    assert_eq!(store.count(&undated.with("topic", "Algebra")).await.unwrap(), 0);
    let hits = store.search(&all.clone().sorted("duration", SortOrder::Descending).limit(3)).await.unwrap();
    assert_eq!(ids(&hits), ["m00029", "m00028", "m00027"]);
    let hits = store.search(&all.clone().sorted("duration", SortOrder::Ascending)).await.unwrap();
    assert_eq!(ids(&hits)[..2], ["m00000", "m00001"]);
    assert_eq!(ids(&hits)[30..], ["none"], "without the field: last");
    let hits = store.search(&all.clone().sorted("duration", SortOrder::Descending)).await.unwrap();
    assert_eq!(ids(&hits)[30..], ["none"], "without the field: last, in either order");
    let hits = store.search(&all.clone().sorted("topic", SortOrder::Descending).limit(1)).await.unwrap();
    assert_eq!(ids(&hits), ["none"]);
    let hits = store.search(&all).await.unwrap();
    assert!(ids(&hits).is_sorted() && hits.len() == 31);
    assert_eq!(store.search(&Query::all(DocumentKind::Meetings).limit(0)).await.unwrap().len(), 0);
}

pub(crate) async fn times_sort_as_times(store: Store) {
    let times = [
        ("b", json!("2026-01-02T03:04:05.5Z")),
        ("a", json!("2026-01-02T03:04:05Z")),
        ("d", json!("2026-01-02T03:04:07Z")),
        ("c", json!("2026-01-02T04:04:06+01:00")),
    ];
    let docs: Vec<Doc> = times.map(|(id, time)| meeting(id, 1, json!({"start_time": time}))).into();
    fill(&store, &docs).await;
    let hits = store
        .search(&Query::all(DocumentKind::Meetings).sorted("start_time", SortOrder::Ascending))
        .await
        .unwrap();
    assert_eq!(ids(&hits), ["a", "b", "c", "d"]);
    let within = Query::all(DocumentKind::Meetings).between(
        "start_time",
        "2026-01-02T03:04:05.001Z",
        "2026-01-02T03:04:06Z",
    );
    assert_eq!(ids(&store.search(&within).await.unwrap()), ["b", "c"]);
}

pub(crate) async fn a_scan_gives_every_document_once(store: Store) {
    let mut docs = meetings(2_345);
    for (n, doc) in docs.iter_mut().enumerate() {
        doc.index =
            DocumentKind::Meetings.index(Split::Month, format!("2026-{:02}-01", 1 + n % 3).parse().unwrap());
    }
    fill(&store, &docs).await;
    for (query, page, wanted) in [
        (Query::all(DocumentKind::Meetings), 100, 2_345),
        (Query::all(DocumentKind::Meetings).limit(1), 469, 2_345),
        (Query::all(DocumentKind::Meetings).with("topic", "Botany"), 50, 782),
        (Query::all(DocumentKind::Meetings).with("topic", "Nothing"), 50, 0),
        (Query::all(DocumentKind::Sessions), 50, 0),
    ] {
        let (mut seen, mut pages, mut cursor): (BTreeSet<String>, usize, Option<Cursor>) = Default::default();
        loop {
            let (hits, next) = store.scan(&query, page, cursor).await.unwrap();
            assert!(hits.len() <= page);
            pages += 1;
            for hit in hits {
                assert!(seen.insert(hit.id.clone()), "{} came twice", hit.id);
            }
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), wanted, "{query:?}");
        assert!(pages <= wanted / page + 1 + usize::from(wanted % page == 0), "{pages} pages for {wanted}");
    }
}

async fn scanned(store: &Store, query: &Query, page: usize) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let (hits, next) = store.scan(query, page, cursor).await.unwrap();
        seen.extend(hits.into_iter().map(|hit| hit.id));
        cursor = next;
        if cursor.is_none() {
            return seen;
        }
    }
}

pub(crate) async fn a_scan_that_is_left_keeps_no_place(store: Store) {
    fill(&store, &meetings(30)).await;
    let all = Query::all(DocumentKind::Meetings);
    let (hits, cursor) = store.scan(&all, 10, None).await.unwrap();
    let (left, cursor) = (cursor.clone().unwrap(), cursor.unwrap());
    assert_eq!(hits.len(), 10);
    store.leave(cursor).await;
    let again = store.scan(&all, 10, Some(left)).await;
    match store {
        // The local cursor holds all state and does not expire.
        Store::Local(_) => assert_eq!(again.unwrap().0.len(), 10),
        Store::Elasticsearch(_) => assert!(again.is_err(), "{again:?}"),
    }
}

pub(crate) async fn a_scan_keeps_the_order_asked_for(store: Store) {
    let mut docs = meetings(60);
    for (n, doc) in docs.iter_mut().enumerate() {
        // Ten documents per duration, in three indices.
        doc.body["duration"] = (n % 6).into();
        doc.index =
            DocumentKind::Meetings.index(Split::Month, format!("2026-{:02}-01", 1 + n % 3).parse().unwrap());
    }
    docs.push(meeting("none", 1, json!({"topic": "Algebra"})));
    fill(&store, &docs).await;
    let duration: std::collections::BTreeMap<String, i64> =
        docs.iter().map(|doc| (doc.id.clone(), doc.body["duration"].as_i64().unwrap_or(-1))).collect();
    let all = Query::all(DocumentKind::Meetings);
    for (query, wanted) in [
        (all.clone().sorted("duration", SortOrder::Ascending), 60),
        (all.clone().sorted("duration", SortOrder::Descending), 60),
        (all.clone().with("topic", "Botany").sorted("duration", SortOrder::Ascending), 20),
        (all.clone().sorted("start_time", SortOrder::Descending), 60),
        (all.clone().sorted("topic", SortOrder::Ascending), 61),
    ] {
        for page in [7, 10, 1_000] {
            let ids = scanned(&store, &query, page).await;
            let once: BTreeSet<&String> = ids.iter().collect();
            assert_eq!((ids.len(), once.len()), (wanted, wanted), "{query:?} by {page}");
            let durations: Vec<i64> = ids.iter().map(|id| duration[id]).collect();
            match query.order {
                Some(("duration", SortOrder::Ascending)) => assert!(durations.is_sorted(), "{durations:?}"),
                Some(("duration", SortOrder::Descending)) => {
                    assert!(durations.is_sorted_by(|one, next| one >= next), "{durations:?}");
                }
                _ => {}
            }
        }
    }
}

pub(crate) async fn hits_come_without_what_is_left_out(store: Store) {
    fill(&store, &[meeting("a", 1, json!({"topic": "Algebra", "duration": 7}))]).await;
    let query = Query::all(DocumentKind::Meetings).with("topic", "Algebra").without("topic").without("type");
    let (hits, _) = store.scan(&query, 10, None).await.unwrap();
    for hit in hits.into_iter().chain(store.search(&query).await.unwrap()) {
        let body: serde_json::Value = serde_json::from_str(hit.source.get()).unwrap();
        assert_eq!(body, json!({"meeting_uuid": "a", "duration": 7}));
    }
    assert_eq!(store.count(&query).await.unwrap(), 1);
}

pub(crate) async fn groups_have_a_first_and_a_last_time(store: Store) {
    fill(&store, &meetings(50)).await;
    fill(&store, &[meeting("x", 1, json!({"topic": "Xylology"}))]).await;
    fill(
        &store,
        &[meeting("y", 1, json!({"topic": "Botany", "start_time": "2026-01-01T01:00:00.123456789+01:00"}))],
    )
    .await;
    let spans = store.spans(&Query::all(DocumentKind::Meetings), "topic", "start_time").await.unwrap();
    let time = |text: &str| Some(text.parse().unwrap());
    let span = |value: &str, count, first, last| Span { value: value.to_owned(), count, first, last };
    let wanted = [
        span("Botany", 18, time("2026-01-01T00:00:00.123Z"), time("2026-01-03T01:00:00Z")),
        span("Algebra", 17, time("2026-01-01T00:00:00Z"), time("2026-01-03T00:00:00Z")),
        span("Chemistry", 16, time("2026-01-01T02:00:00Z"), time("2026-01-02T23:00:00Z")),
        span("Xylology", 1, None, None),
    ];
    assert_eq!(spans, wanted);
    let some = Query::all(DocumentKind::Meetings).with("topic", "Xylology").with("duration", 1);
    assert!(store.spans(&some, "topic", "start_time").await.unwrap().is_empty());
    assert!(
        store.spans(&Query::all(DocumentKind::Deadletters), "state", "died_at").await.unwrap().is_empty()
    );
}

pub(crate) async fn a_document_of_one_index_is_got_before_it_can_be_searched(store: Store) {
    for version in [5, 6] {
        let doc = doc(
            DocumentKind::Deadletters,
            "2026-01-15",
            "d",
            version,
            json!({"id": "d", "attempts": version}),
        );
        assert_eq!(write(&store, &[doc]).await, [Verdict::Indexed]);
        let hits = store.get_many(DocumentKind::Deadletters, &["d", "none"]).await.unwrap();
        assert_eq!(hits.len(), 1);
        let got = (hits[0].id.as_str(), hits[0].version, hits[0].index.as_str());
        assert_eq!(got, ("d", version, "deadletters"));
        assert!(hits[0].source.get().contains(&version.to_string()), "{}", hits[0].source);
    }
}

pub(crate) async fn groups_are_counted(store: Store) {
    fill(&store, &meetings(100)).await;
    fill(&store, &[meeting("none", 1, json!({}))]).await;
    let groups = store.group(&Query::all(DocumentKind::Meetings), "topic").await.unwrap();
    assert_eq!(groups, [("Algebra".to_owned(), 34), ("Botany".to_owned(), 33), ("Chemistry".to_owned(), 33)]);
    let groups =
        store.group(&Query::all(DocumentKind::Meetings).with("topic", "Botany"), "host.email").await.unwrap();
    assert_eq!(groups.iter().map(|(_, count)| count).sum::<u64>(), 33);
    assert_eq!(groups[0], ("host1@example.edu".to_owned(), 7));
    let groups = store.group(&Query::all(DocumentKind::Meetings), "has_video").await.unwrap();
    assert_eq!(groups, [("false".to_owned(), 50), ("true".to_owned(), 50)]);
    let harvest = |n: i64, date: &str| {
        doc(DocumentKind::Harvests, "2026-01-15", &n.to_string(), 1, json!({"date": date, "got": n}))
    };
    fill(&store, &[harvest(1, "2026-01-02"), harvest(2, "2026-01-03"), harvest(3, "2026-01-03")]).await;
    let groups = store.group(&Query::all(DocumentKind::Harvests), "date").await.unwrap();
    assert_eq!(groups, [("2026-01-03".to_owned(), 2), ("2026-01-02".to_owned(), 1)]);
    let groups = store.group(&Query::all(DocumentKind::Harvests), "got").await.unwrap();
    assert_eq!(groups, ["1", "2", "3"].map(|got| (got.to_owned(), 1)));
}

pub(crate) async fn numbers_are_summed(store: Store) {
    let harvest = |n: i64, state: &str| {
        let body = json!({"state": state, "got": n, "calls": {"heavy": 1_000_000_007 * n, "light": 0}});
        doc(DocumentKind::Harvests, "2026-01-15", &n.to_string(), 1, body)
    };
    let mut docs: Vec<Doc> =
        (1..=100).map(|n| harvest(n, if n <= 50 { "complete" } else { "planned" })).collect();
    docs.push(doc(
        DocumentKind::Harvests,
        "2026-01-15",
        "none",
        1,
        json!({"state": "complete", "got": null}),
    ));
    fill(&store, &docs).await;
    let all = Query::all(DocumentKind::Harvests);
    let fields = ["got", "calls.heavy", "calls.light", "expected"];
    assert_eq!(store.sum(&all, &fields).await.unwrap(), [5_050, 5_050 * 1_000_000_007, 0, 0]);
    let done = all.clone().with("state", "complete").limit(1);
    assert_eq!(store.sum(&done, &["calls.heavy", "got"]).await.unwrap(), [1_275 * 1_000_000_007, 1_275]);
    assert_eq!(store.sum(&all.with("state", "nothing"), &["got"]).await.unwrap(), [0]);
    assert!(store.sum(&Query::all(DocumentKind::Harvests), &[]).await.unwrap().is_empty());
    let mut sums = store.sums(&Query::all(DocumentKind::Harvests), "state", &fields).await.unwrap();
    sums.sort();
    let of = |state: &str, got: i64| (state.to_owned(), vec![got, got * 1_000_000_007, 0, 0]);
    assert_eq!(sums, [of("complete", 1_275), of("planned", 3_775)]);
    let done =
        Query::all(DocumentKind::Harvests).with_any("state", vec!["complete".to_owned(), "x".to_owned()]);
    assert_eq!(store.sums(&done, "state", &["got"]).await.unwrap(), [("complete".to_owned(), vec![1_275])]);
    assert_eq!(store.sums(&done, "state", &[]).await.unwrap(), [("complete".to_owned(), vec![])]);
}

pub(crate) async fn a_document_of_a_split_index_is_got_by_its_id(store: Store) {
    let docs: Vec<Doc> = (1..=12)
        .map(|month| {
            doc(
                DocumentKind::Sessions,
                &format!("2026-{month:02}-09"),
                &format!("u/{month}"),
                month,
                json!({}),
            )
        })
        .collect();
    fill(&store, &docs).await;
    for month in 1..=12 {
        let hit = store.get(DocumentKind::Sessions, &format!("u/{month}")).await.unwrap().unwrap();
        assert_eq!((hit.version, hit.index), (month, format!("sessions-2026.{month:02}")));
    }
    assert!(store.get(DocumentKind::Sessions, "u/13").await.unwrap().is_none());
    assert!(store.get(DocumentKind::Meetings, "u/1").await.unwrap().is_none());
}

pub(crate) async fn documents_are_got_by_many_ids_at_once(store: Store) {
    let long = "x".repeat(1_000);
    fill(&store, &meetings(250)).await;
    fill(&store, &[meeting(&long, 1, json!({}))]).await;
    let wanted: Vec<String> = (0..220).map(|number| format!("m{number:05}")).collect();
    let ids_wanted: Vec<&str> = wanted.iter().map(String::as_str).chain(["none", &long]).collect();
    let hits = store.get_many(DocumentKind::Meetings, &ids_wanted).await.unwrap();
    let found: BTreeSet<&str> = hits.iter().map(|hit| hit.id.as_str()).collect();
    assert_eq!((hits.len(), found.len()), (221, 221));
    assert!(wanted.iter().all(|id| found.contains(id.as_str())));
    assert!(store.get_many(DocumentKind::Meetings, &[]).await.unwrap().is_empty());
}

pub(crate) async fn an_empty_store_answers_with_nothing(store: Store) {
    for kind in DocumentKind::ALL {
        let all = Query::all(kind);
        assert_eq!(store.count(&all).await.unwrap(), 0);
        assert!(store.search(&all).await.unwrap().is_empty());
        assert!(
            store
                .search(&all.clone().sorted("harvest.fetched_at", SortOrder::Descending))
                .await
                .unwrap()
                .is_empty()
        );
        assert!(store.group(&all, "source").await.unwrap().is_empty());
        assert_eq!(store.sum(&all, &["jobs"]).await.unwrap(), [0]);
        assert!(store.sums(&all, "source", &["jobs"]).await.unwrap().is_empty());
        assert!(store.get(kind, "a").await.unwrap().is_none());
        let (hits, next) = store.scan(&all, 10, None).await.unwrap();
        assert!(hits.is_empty() && next.is_none());
    }
    store.refresh().await.unwrap();
}

pub(crate) async fn a_value_that_cannot_be_is_refused(store: Store) {
    let query = Query::all(DocumentKind::Meetings).between("start_time", "canary", "2026-01-02");
    let error = store.search(&query).await.unwrap_err();
    assert!(matches!(&error, StoreError::Refused(text) if text.contains("start_time")), "{error}");
    assert!(!error.to_string().contains("canary"));
}

pub(crate) async fn prefixes_are_apart(store: Store) {
    let other = match &store {
        Store::Local(local) => {
            let folder = local.path().parent().unwrap().to_owned();
            let settings =
                store::local::LocalStoreSettings { folder, prefix: format!("{}x-", store.prefix()) };
            Store::Local(store::Local::open(settings).unwrap())
        }
        Store::Elasticsearch(_) => return apart_on_a_server(store).await,
    };
    apart(&store, &other).await;
}

async fn apart_on_a_server(store: Store) {
    let prefix = format!("{}x-", store.prefix());
    let other = crate::target::search_engine(&crate::target::url_of(&store), prefix);
    other.setup().await.unwrap();
    apart(&store, &other).await;
}

async fn apart(store: &Store, other: &Store) {
    fill(store, &meetings(3)).await;
    assert_eq!(write(other, &[meeting("m00000", 0, json!({"topic": "other"}))]).await, [Verdict::Indexed]);
    other.refresh().await.unwrap();
    assert_eq!(store.count(&Query::all(DocumentKind::Meetings)).await.unwrap(), 3);
    assert_eq!(other.count(&Query::all(DocumentKind::Meetings)).await.unwrap(), 1);
    assert_eq!(other.get(DocumentKind::Meetings, "m00000").await.unwrap().unwrap().index, "meetings-2026.01");
    other.wipe_prefix().await.unwrap();
    assert_eq!(other.count(&Query::all(DocumentKind::Meetings)).await.unwrap(), 0);
    assert_eq!(
        store.count(&Query::all(DocumentKind::Meetings)).await.unwrap(),
        3,
        "wiping one leaves the other"
    );
}
