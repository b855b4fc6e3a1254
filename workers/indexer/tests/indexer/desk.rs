//! Dead letters filed, listed, shown and replayed.

use indexer::DeadLetterDesk;
use indexer::desk::{self, Filter, Replay};
use messages::{Cause, CauseClass, DeadState, Family, Lane, Queue};
use runtime::Message;
use store::Kind;

use crate::fixture::Place;

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
