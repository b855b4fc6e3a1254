//! Pages to documents and outcomes.

use jiff::Timestamp;
use messages::{CauseClass, Document, Queue, RawKind, ReceiptState, decode, encode};
use runtime::{BatchWorker as _, Failure, Message};
use serde_json::json;
use store::DocumentKind;

use crate::fixture::{IndexerFixture, UUID, page, raw, raw_bytes, receipt, without_context};

const EARLY: &str = "2026-01-06T02:00:00Z";
const LATE: &str = "2026-01-06T03:00:00Z";
/// Days for which raw answers are kept, long enough for any date of the test run.
const KEPT: u32 = 36_500;

#[tokio::test]
async fn one_bad_row_among_three_hundred_is_a_dead_letter_alone() {
    let place = IndexerFixture::new();
    let bad = page(1, 300, EARLY, |row, value| {
        if row == 117 {
            value["user_id"] = json!({"no": "text"});
        }
        if row == 250 {
            value["in_room_participants"] = json!(5_000_000_000_u64);
        }
    });
    let outcomes = place.perform(&place.indexer(0), &[page(0, 300, EARLY, |_, _| {}), bad]).await;
    assert_eq!(outcomes, [Ok(()), Ok(())]);
    assert_eq!(
        place.count(DocumentKind::Sessions).await,
        599,
        "a number that does not fit costs itself alone"
    );
    let dead = place.drain(Queue::dead()).await;
    let [message] = &dead[..] else { panic!("{} dead letters", dead.len()) };
    assert!(message.headers.message_id.starts_with(&format!("zoom:participants:{UUID}#1:row-")));
    assert_eq!(message.headers.origin, Some(Queue::documents()));
    let cause = message.headers.cause.as_ref().unwrap();
    assert_eq!(cause.class, CauseClass::BadShape);
    assert!(cause.text.contains("user_id") && !cause.text.contains("Person"), "{cause}");
    let Document::Raw(only) = decode(&message.body).unwrap() else { panic!("a page was expected") };
    let body: serde_json::Value = serde_json::from_str(only.body.get()).unwrap();
    assert_eq!(body["participants"].as_array().unwrap().len(), 1);
    assert_eq!(body["participants"][0]["user_name"], "Person 117");
}

#[tokio::test]
async fn a_dead_row_that_is_replayed_and_dies_again_keeps_its_name() {
    let place = IndexerFixture::new();
    let bad = page(1, 2, EARLY, |row, value| {
        if row == 1 {
            value["user_id"] = json!([]);
        }
    });
    place.perform(&place.indexer(0), &[bad]).await;
    let first = place.drain(Queue::dead()).await.remove(0);
    let mut again = Message { queue: Queue::documents(), ..first.clone() };
    again.headers.replays = 1;
    place.perform(&place.indexer(0), &[again]).await;
    let second = place.drain(Queue::dead()).await.remove(0);
    assert_eq!(second.headers.message_id, first.headers.message_id);
    assert_eq!((second.headers.replays, second.body), (1, first.body));
}

#[tokio::test]
async fn what_is_no_message_is_rejected_alone() {
    let place = IndexerFixture::new();
    let now = EARLY.parse().unwrap();
    let broken = |body: &'static str| Message::new(Queue::documents(), "x", body, now);
    let batch = [
        broken("{\"raw\":{\"version\":1,"),
        page(1, 3, EARLY, |_, _| {}),
        broken("{\"raw\":{\"version\":9}}"),
        raw(2, RawKind::ZoomMetricsParticipants, EARLY, &json!({"code": 300, "message": "no"})),
        page(3, 3, EARLY, |_, _| {}),
    ];
    let outcomes = place.perform(&place.indexer(0), &batch).await;
    let class = |at: usize| match &outcomes[at] {
        Err(Failure::Reject { cause }) => Some(cause.class),
        _ => None,
    };
    assert_eq!(
        (class(0), class(2), class(3)),
        (Some(CauseClass::BadShape), Some(CauseClass::UnknownVersion), Some(CauseClass::BadShape))
    );
    assert_eq!((&outcomes[1], &outcomes[4]), (&Ok(()), &Ok(())));
    assert_eq!(place.count(DocumentKind::Sessions).await, 6);
}

#[tokio::test]
async fn the_newest_answer_wins_in_whatever_order() {
    let place = IndexerFixture::new();
    let named = |name: &'static str, at| page(1, 1, at, move |_, value| value["user_name"] = json!(name));
    let indexer = place.indexer(0);
    for message in [named("late", LATE), named("early", EARLY), named("late", LATE)] {
        assert_eq!(place.perform(&indexer, &[message]).await, [Ok(())]);
    }
    let id = format!("{UUID}/{}", 16_778_240 + 1_000 * 1_024);
    assert_eq!(place.source(DocumentKind::Sessions, &id).await["user_name"], "late");
    assert_eq!(place.count(DocumentKind::Sessions).await, 1);
}

#[tokio::test]
async fn many_pages_are_sent_in_several_bulks_and_each_is_settled() {
    let place = IndexerFixture::new();
    let batch: Vec<Message> = (0..12).map(|number| page(number, 300, EARLY, |_, _| {})).collect();
    let outcomes = place.perform(&place.indexer(0), &batch).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(place.count(DocumentKind::Sessions).await, 3_600);
    assert!(place.perform(&place.indexer(0), &[]).await.is_empty());
}

#[tokio::test]
async fn raw_answers_are_archived_only_when_asked() {
    let place = IndexerFixture::new();
    place.perform(&place.indexer(0), &[page(1, 2, EARLY, |_, _| {})]).await;
    assert_eq!(place.count(DocumentKind::Raw).await, 0);
    let bad = page(2, 2, EARLY, |row, value| {
        if row == 0 {
            value["user_id"] = json!(null);
        }
    });
    assert_eq!(place.perform(&place.indexer(KEPT), &[bad]).await, [Ok(())]);
    let archived = place.source(DocumentKind::Raw, &format!("zoom:participants:{UUID}#2")).await;
    assert_eq!(archived["bytes"], answer_of(&place, &format!("zoom:participants:{UUID}#2")).await.len());
    let dead = place.drain(Queue::dead()).await;
    let Document::Raw(only) = decode(&dead[0].body).unwrap() else { panic!("a page was expected") };
    assert!(only.body.get().contains("Person 0"), "not its neighbour's");
    place.perform(&place.indexer(KEPT), &[Message { queue: Queue::documents(), ..dead[0].clone() }]).await;
    assert_eq!(place.source(DocumentKind::Raw, &format!("zoom:participants:{UUID}#2")).await, archived);
}

/// Returns an archived answer.
async fn answer_of(place: &IndexerFixture, id: &str) -> Vec<u8> {
    let hit = place.store.get(DocumentKind::Raw, id).await.unwrap().unwrap();
    indexer::archive::answer(&hit.source).unwrap()
}

#[tokio::test]
async fn an_answer_is_archived_byte_for_byte_whatever_it_holds() {
    let place = IndexerFixture::new();
    let deep = format!(r#"{{"participants":[],"deep":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let answers: [(&[u8], &str); 4] = [
        (br#"{"participants":[{"user_id":"1","user_id":"2"}],"a" : 1,"a":2}"#, ""),
        (deep.as_bytes(), ""),
        (b"{\"participants\":[{\"user_id\":\"3\",\"user_name\":\"J\xf6rg\"}]}", "{\"participants\":[]}"),
        (b"\n{\"participants\":[]}\r\n", "{\"participants\":[]}"),
    ];
    for (number, (bytes, parsed)) in answers.into_iter().enumerate() {
        let parsed = if parsed.is_empty() { std::str::from_utf8(bytes).unwrap() } else { parsed };
        let message = raw_bytes(number, RawKind::ZoomMetricsParticipants, EARLY, parsed, Some(bytes));
        place.perform(&place.indexer(KEPT), &[message]).await;
        assert_eq!(answer_of(&place, &format!("zoom:participants:{UUID}#{number}")).await, bytes, "{number}");
    }
    let file = rusqlite::Connection::open(place.folder().join("ua.db")).unwrap();
    let sizes = "select sum(bytes), count(answer), count(date) from raw";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (sum, rows, dates): (i64, i64, i64) = file.query_row(sizes, [], read).unwrap();
    assert_eq!((sum, rows, dates), (answers.iter().map(|(bytes, _)| bytes.len() as i64).sum(), 4, 4));
}

#[tokio::test]
async fn a_page_with_sixty_thousand_implausible_times_makes_one_index() {
    let place = IndexerFixture::new();
    let rows: Vec<_> = (0..60_000_u64)
        .map(|row| {
            let (year, month, day) = (1 + row * 7 % 9_000, 1 + row % 12, 1 + row % 28);
            json!({"uuid": format!("{row:022}=="), "start_time": format!("{year:04}-{month:02}-{day:02}T01:02:03Z")})
        })
        .filter(|row| !row["start_time"].as_str().unwrap().starts_with("2026-01"))
        .collect();
    let page = raw(1, RawKind::ZoomReportMeetings, EARLY, &json!({"meetings": rows}));
    let hosts = String::from_utf8(page.body.to_vec()).unwrap();
    let page = Message { body: without_context(&hosts).into(), ..page };
    assert_eq!(place.perform(&place.indexer(0), &[page]).await, [Ok(())]);
    assert_eq!(place.count(DocumentKind::Meetings).await, rows.len() as u64);
    let file = rusqlite::Connection::open(place.folder().join("ua.db")).unwrap();
    let indices: Vec<String> = file
        .prepare("select distinct _index from meetings")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(indices, ["meetings-2026.01"]);
    let flagged = store::Query::all(DocumentKind::Meetings).with("time_implausible", true);
    assert_eq!(place.store.count(&flagged).await.unwrap(), rows.len() as u64);
    let kept = place.source(DocumentKind::Meetings, rows[0]["uuid"].as_str().unwrap()).await;
    assert_eq!(kept["start_time"], rows[0]["start_time"], "the field keeps what was received");
}

#[tokio::test]
async fn an_answer_fetched_again_next_month_is_the_same_row() {
    let place = IndexerFixture::new();
    let indexer = place.indexer(KEPT);
    let at = |fetched_at| page(1, 1, fetched_at, |_, _| {});
    place.perform(&indexer, &[at("2026-01-31T02:00:00Z"), at("2026-02-01T02:00:00Z")]).await;
    assert_eq!(place.count(DocumentKind::Raw).await, 1);
    let id = format!("zoom:participants:{UUID}#1");
    assert_eq!(place.store.get(DocumentKind::Raw, &id).await.unwrap().unwrap().index, "raw-2026.01");
    let mut dateless = page(2, 1, "2026-02-01T02:00:00Z", |_, _| {});
    let body = String::from_utf8(dateless.body.to_vec()).unwrap();
    dateless.body = body.replace("\"date\":\"2026-01-05\"", "\"date\":null").into();
    assert_eq!(place.perform(&indexer, &[dateless]).await, [Ok(())]);
    let id = format!("zoom:participants:{UUID}#2");
    assert_eq!(place.store.get(DocumentKind::Raw, &id).await.unwrap().unwrap().index, "raw-2026.02");
}

#[tokio::test]
async fn raw_answers_expire_by_the_day_on_which_they_were_received() {
    let now = runtime::clock::now().to_string();
    let place = IndexerFixture::new();
    let indexer = place.indexer(7);
    assert_eq!(place.perform(&indexer, &[page(1, 2, EARLY, |_, _| {})]).await, [Ok(())]);
    assert_eq!((place.count(DocumentKind::Raw).await, place.count(DocumentKind::Sessions).await), (0, 2));
    place.perform(&indexer, &[page(1, 2, EARLY, |_, _| {})]).await;
    assert_eq!(place.count(DocumentKind::Raw).await, 1, "once an hour");
    place.perform(&place.indexer(7), &[page(2, 2, &now, |_, _| {})]).await;
    assert_eq!(
        place.count(DocumentKind::Raw).await,
        2,
        "an old date that was fetched today is kept, with its index"
    );
    place.perform(&place.indexer(0), &[page(3, 2, EARLY, |_, _| {})]).await;
    assert_eq!(place.count(DocumentKind::Raw).await, 2, "nothing is removed where nothing is archived");
}

#[tokio::test]
async fn a_user_id_of_any_length_is_a_session() {
    let place = IndexerFixture::new();
    let long = "é9".repeat(5_000);
    let with = |last: &'static str| {
        let user_id = format!("{long}{last}");
        page(1, 1, EARLY, move |_, value| value["user_id"] = json!(user_id))
    };
    let indexer = place.indexer(KEPT);
    assert_eq!(place.perform(&indexer, &[with("a"), with("b"), with("a")]).await, vec![Ok(()); 3]);
    assert_eq!(place.count(DocumentKind::Sessions).await, 2);
    let hit = place.store.get(DocumentKind::Sessions, &format!("{UUID}/{long}b")).await.unwrap().unwrap();
    assert!(hit.id.len() <= 400 && hit.id.starts_with(UUID), "{}", hit.id);
    assert!(hit.source.get().contains(&format!("{long}b")));
}

#[tokio::test]
async fn receipts_are_filed_by_their_job() {
    let place = IndexerFixture::new();
    let planned_at: Timestamp = EARLY.parse().unwrap();
    let receipt = |job, state, finished_at| receipt(job, state, planned_at, finished_at);
    let finished = receipt("a", ReceiptState::Complete, Some(LATE.parse().unwrap()));
    let messages = [
        vec![finished, receipt("b", ReceiptState::Planned, None)],
        vec![receipt("a", ReceiptState::Planned, None)],
    ]
    .map(|receipts| {
        Message::new(Queue::documents(), "r", encode(&Document::Receipts(receipts)).unwrap(), planned_at)
    });
    assert_eq!(place.perform(&place.indexer(0), &messages).await, [Ok(()), Ok(())]);
    assert_eq!(place.count(DocumentKind::Harvests).await, 2);
    assert_eq!(place.source(DocumentKind::Harvests, "a").await["state"], "complete");
}

#[tokio::test]
async fn a_healthy_store_is_a_healthy_indexer() {
    assert!(IndexerFixture::new().indexer(0).healthy().await);
}
