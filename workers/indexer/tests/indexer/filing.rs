//! How letters come to the desk: with ids of any length, once more, after their replay, and with the receipts of their
//! jobs.

use indexer::DeadLetterDesk;
use indexer::desk::{self, Fate};
use messages::{
    Cause, CauseClass, DeadState, Document, Family, JobId, Lane, Queue, Receipt, ReceiptState, encode,
};
use runtime::Message;
use store::{Batch, Kind};

use crate::desk::{dead, filled, replay, row};
use crate::fixture::{Place, receipt};

/// The row was written by a machine whose clock is an hour ahead.
#[tokio::test]
async fn a_new_death_is_seen_however_the_clocks_differ() {
    let place = filled().await;
    let mut letter = row(&place, "a").await;
    letter.died_at += jiff::SignedDuration::from_hours(1);
    let mut batch = Batch::new();
    let version = letter.died_at.as_millisecond();
    batch
        .push(place.store.prefix(), Kind::Deadletters, "deadletters".into(), "a".into(), version, &letter)
        .unwrap();
    place.store.bulk(&batch).await.unwrap();
    replay(&place, &["a"]).await;
    let message = place.drain(Queue::jobs(Family::ZOOM_DETAIL, Lane::Replay)).await.remove(0);
    let died = message.into_dead(Cause::new(CauseClass::AttemptsSpent, "again"));
    place.perform(&DeadLetterDesk::new(place.store.clone()), &[died]).await;
    let row = row(&place, "a").await;
    assert_eq!((row.state, row.replays, row.cause.class), (DeadState::Dead, 1, CauseClass::AttemptsSpent));
}

#[tokio::test]
async fn a_letter_that_is_delivered_again_after_its_replay_stays_replayed() {
    let place = filled().await;
    let desk = DeadLetterDesk::new(place.store.clone());
    let letter = || dead("a", CauseClass::Gone, Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily));
    replay(&place, &["a"]).await;
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
    assert_eq!(replay(&place, &[&id]).await, [(id.clone(), Fate::Replayed(Queue::documents()))]);
    assert_eq!(desk::show(&place.store, &hit.id).await.unwrap().unwrap().state, DeadState::Replayed);
}
