//! Dead letters filed, listed, shown and replayed.

use indexer::DeadLetterDesk;
use indexer::desk::{self, Filter, Replay};
use messages::{
    Cause, CauseClass, DeadState, Document, Family, JobId, Lane, Queue, Receipt, ReceiptState, encode,
};
use runtime::Message;
use store::Kind;

use crate::fixture::{Place, receipt};

fn dead(id: &str, class: CauseClass, queue: Queue) -> Message {
    let seen = "2026-01-05T00:00:00Z".parse().unwrap();
    let mut message =
        Message::new(queue, id, vec![0, 159, 146, 150], seen).into_dead(Cause::new(class, "why"));
    message.headers.attempt = 5;
    message
}

async fn filled() -> Place {
    let place = Place::new();
    let jobs = Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily);
    let letters = [
        dead("a", CauseClass::Gone, jobs.clone()),
        dead("b", CauseClass::BadShape, Queue::documents()),
        dead("c", CauseClass::Gone, Queue::named("ua.jobs.no.such.queue")),
    ];
    let outcomes = place.perform(&DeadLetterDesk::new(place.store.clone()), &letters).await;
    assert_eq!(outcomes, [Ok(()), Ok(()), Ok(())]);
    place
}

async fn ids(place: &Place, filter: Filter) -> Vec<String> {
    let mut ids: Vec<String> =
        desk::list(&place.store, &filter).await.unwrap().into_iter().map(|letter| letter.id).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn letters_are_filed_byte_for_byte_and_found_by_class_origin_and_state() {
    let place = filled().await;
    let letter = desk::show(&place.store, "a").await.unwrap().unwrap();
    assert_eq!(letter.body_bytes().unwrap(), [0, 159, 146, 150]);
    assert_eq!((letter.attempts, letter.replays, letter.state), (5, 0, DeadState::Dead));
    assert!(desk::show(&place.store, "z").await.unwrap().is_none());
    assert_eq!(ids(&place, Filter { class: Some(CauseClass::Gone), ..Filter::default() }).await, ["a", "c"]);
    assert_eq!(ids(&place, Filter { origin: Some(Queue::documents()), ..Filter::default() }).await, ["b"]);
    assert_eq!(
        ids(&place, Filter { state: Some(DeadState::Dead), ..Filter::default() }).await,
        ["a", "b", "c"]
    );
    assert_eq!(ids(&place, Filter { limit: Some(2), ..Filter::default() }).await.len(), 2);
}

#[tokio::test]
async fn a_replay_goes_to_the_replay_lane_of_its_origin_once() {
    let place = filled().await;
    let outcome =
        desk::replay(&place.store, &place.broker, &["a".into(), "z".into(), "b".into()]).await.unwrap();
    let lane = Queue::jobs(Family::ZOOM_DETAIL, Lane::Replay);
    assert!(matches!(&outcome[0].1, Replay::Replayed(queue) if *queue == lane), "{outcome:?}");
    assert!(matches!(&outcome[1].1, Replay::Missing), "{outcome:?}");
    assert!(matches!(&outcome[2].1, Replay::Replayed(queue) if *queue == Queue::documents()), "{outcome:?}");
    let message = place.drain(lane.clone()).await.remove(0);
    let headers = &message.headers;
    assert_eq!((headers.message_id.as_str(), headers.attempt, headers.replays), ("a", 0, 1));
    assert_eq!(message.body.as_ref(), [0, 159, 146, 150]);
    let row = desk::show(&place.store, "a").await.unwrap().unwrap();
    assert_eq!((row.state, row.replays), (DeadState::Replayed, 1));
    let again = desk::replay(&place.store, &place.broker, &["a".into()]).await.unwrap();
    assert!(matches!(again[0].1, Replay::NotDead(DeadState::Replayed)), "{again:?}");
    assert!(place.drain(lane).await.is_empty());
}

#[tokio::test]
async fn a_replayed_letter_that_dies_again_is_the_same_row_and_dead_again() {
    let place = filled().await;
    desk::replay(&place.store, &place.broker, &["a".into()]).await.unwrap();
    let message = place.drain(Queue::jobs(Family::ZOOM_DETAIL, Lane::Replay)).await.remove(0);
    let died = message.into_dead(Cause::new(CauseClass::AttemptsSpent, "again"));
    let outcomes = place.perform(&DeadLetterDesk::new(place.store.clone()), &[died]).await;
    assert_eq!(outcomes, [Ok(())]);
    let row = desk::show(&place.store, "a").await.unwrap().unwrap();
    assert_eq!((row.state, row.replays, row.cause.class), (DeadState::Dead, 1, CauseClass::AttemptsSpent));
    assert_eq!(place.count(Kind::Deadletters).await, 3);
}

#[tokio::test]
async fn a_letter_whose_queue_is_gone_stays_dead() {
    let place = filled().await;
    let outcome = desk::replay(&place.store, &place.broker, &["c".into()]).await.unwrap();
    assert!(matches!(&outcome[0].1, Replay::Failed(why) if why.contains("no queue")), "{outcome:?}");
    assert_eq!(desk::show(&place.store, "c").await.unwrap().unwrap().state, DeadState::Dead);
}

#[tokio::test]
async fn a_letter_that_is_delivered_again_after_its_replay_stays_replayed() {
    let place = filled().await;
    let desk = DeadLetterDesk::new(place.store.clone());
    let letter = || dead("a", CauseClass::Gone, Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily));
    desk::replay(&place.store, &place.broker, &["a".into()]).await.unwrap();
    let row = desk::show(&place.store, "a").await.unwrap().unwrap();
    assert_eq!(place.perform(&desk, &[letter()]).await, [Ok(())]);
    assert_eq!(desk::show(&place.store, "a").await.unwrap().unwrap(), row);
    let mut anew = letter();
    anew.headers.first_seen = "2026-02-01T00:00:00Z".parse().unwrap();
    assert_eq!(place.perform(&desk, &[anew]).await, [Ok(())]);
    let row = desk::show(&place.store, "a").await.unwrap().unwrap();
    assert_eq!((row.state, row.replays), (DeadState::Dead, 0), "planned anew and dead anew");
}

#[tokio::test]
async fn the_receipt_of_a_job_that_died_says_so() {
    let place = Place::new();
    let planned_at = "2026-01-05T00:00:00Z".parse().unwrap();
    let finished_at = "2026-01-05T01:00:00Z".parse().unwrap();
    let receipts = vec![
        receipt("planned", ReceiptState::Planned, planned_at, None),
        receipt("incomplete", ReceiptState::Incomplete, planned_at, Some(finished_at)),
        receipt("complete", ReceiptState::Complete, planned_at, Some(finished_at)),
        receipt("no job", ReceiptState::Planned, planned_at, None),
        receipt("alive", ReceiptState::Planned, planned_at, None),
    ];
    let filed = encode(&Document::Receipts(receipts)).unwrap();
    let message = Message::new(Queue::documents(), "r", filed, planned_at);
    assert_eq!(place.perform(&place.indexer(0), &[message]).await, [Ok(())]);
    let jobs = Queue::jobs(Family::ZOOM_LIST, Lane::Daily);
    let letters = [
        dead("planned", CauseClass::CrashedWorker, jobs.clone()),
        dead("incomplete", CauseClass::BadShape, jobs.clone()),
        dead("complete", CauseClass::BadShape, jobs.clone()),
        dead("unknown", CauseClass::BadShape, jobs),
        dead("no job", CauseClass::BadShape, Queue::documents()),
    ];
    let outcomes = place.perform(&DeadLetterDesk::new(place.store.clone()), &letters).await;
    assert_eq!(outcomes, vec![Ok(()); 5]);
    let states = [("complete", "complete"), ("no job", "planned"), ("alive", "planned")];
    for (job, state) in states {
        assert_eq!(place.source(Kind::Harvests, job).await["state"], state, "{job}");
    }
    assert_eq!(place.count(Kind::Harvests).await, 5);
    for (job, class) in [("planned", CauseClass::CrashedWorker), ("incomplete", CauseClass::BadShape)] {
        let hit = place.store.get(Kind::Harvests, job).await.unwrap().unwrap();
        let row: Receipt = serde_json::from_str(hit.source.get()).unwrap();
        let died_at = desk::show(&place.store, job).await.unwrap().unwrap().died_at;
        assert_eq!((row.state, row.finished_at), (ReceiptState::Failed, Some(died_at)), "{job}");
        assert_eq!((row.cause.map(|cause| cause.class), row.attempts), (Some(class), 5));
        assert_eq!((hit.version, row.expected), (died_at.as_millisecond(), Some(3)));
        assert_eq!(row.job_id, JobId::from(job));
    }
}

#[tokio::test]
async fn a_letter_with_an_id_of_any_length_is_filed_and_replayed() {
    let place = Place::new();
    let id = "é/".repeat(5_000);
    let letter = dead(&id, CauseClass::Gone, Queue::documents());
    assert_eq!(place.perform(&DeadLetterDesk::new(place.store.clone()), &[letter]).await, [Ok(())]);
    assert_eq!(desk::show(&place.store, &id).await.unwrap().unwrap().id, id);
    let hit = place.store.get(Kind::Deadletters, &id).await.unwrap().unwrap();
    assert!(hit.id.len() <= 400, "{}", hit.id);
    let outcome = desk::replay(&place.store, &place.broker, std::slice::from_ref(&id)).await.unwrap();
    assert!(matches!(&outcome[0].1, Replay::Replayed(_)), "{outcome:?}");
    assert_eq!(desk::show(&place.store, &hit.id).await.unwrap().unwrap().state, DeadState::Replayed);
}
