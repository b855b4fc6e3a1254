//! Letters arriving at the desk: ids of any length, redelivery, replay, and the receipts of their jobs.

use indexer::DeadLetterDesk;
use indexer::desk::{self, LetterOutcome};
use messages::{
    Cause, CauseClass, DeadState, Document, Family, JobId, Lane, Queue, Receipt, ReceiptState, encode,
};
use runtime::Message;
use store::{Batch, DocumentKind};

use crate::desk::{dead, filled, replay, row};
use crate::fixture::{IndexerFixture, receipt};

/// The row was written by a machine whose clock is an hour ahead.
#[tokio::test]
async fn a_new_death_is_seen_however_the_clocks_differ() {
    let place = filled().await;
    let mut letter = row(&place, "a").await;
    letter.died_at += jiff::SignedDuration::from_hours(1);
    let mut batch = Batch::new();
    let version = letter.died_at.as_millisecond();
    batch
        .push(
            place.store.prefix(),
            DocumentKind::Deadletters,
            "deadletters".into(),
            "a".into(),
            version,
            &letter,
        )
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
    let place = IndexerFixture::new();
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
        assert_eq!(place.source(DocumentKind::Harvests, job).await["state"], state, "{job}");
    }
    assert_eq!(place.count(DocumentKind::Harvests).await, 5);
    for (job, class) in [("planned", CauseClass::CrashedWorker), ("incomplete", CauseClass::BadShape)] {
        let hit = place.store.get(DocumentKind::Harvests, job).await.unwrap().unwrap();
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
    let place = IndexerFixture::new();
    let id = "é/".repeat(5_000);
    let letter = dead(&id, CauseClass::Gone, Queue::documents());
    assert_eq!(place.perform(&DeadLetterDesk::new(place.store.clone()), &[letter]).await, [Ok(())]);
    assert_eq!(desk::show(&place.store, &id).await.unwrap().unwrap().id, id);
    let hit = place.store.get(DocumentKind::Deadletters, &id).await.unwrap().unwrap();
    assert!(hit.id.len() <= 400, "{}", hit.id);
    assert_eq!(replay(&place, &[&id]).await, [(id.clone(), LetterOutcome::Replayed(Queue::documents()))]);
    assert_eq!(desk::show(&place.store, &hit.id).await.unwrap().unwrap().state, DeadState::Replayed);
}

/// Returns a message too large for one document, of bytes that do not repeat.
fn large(id: &str, length: u32) -> Message {
    let bytes: Vec<u8> = (0..length / 4).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut message = dead(id, CauseClass::TooLarge, Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily));
    message.body = bytes.into();
    message
}

#[tokio::test]
async fn a_large_message_lies_in_pieces_until_it_is_dropped() {
    let place = filled().await;
    let desk = DeadLetterDesk::new(place.store.clone());
    let message = large("large", 15 << 20);
    let bytes = message.body.clone();
    assert_eq!(place.perform(&desk, &[message]).await, [Ok(())]);
    let kept = place.source(DocumentKind::Deadletters, "large").await;
    assert_eq!((&kept["pieces"], &kept["body"], &kept["bytes"]), (&5.into(), &"".into(), &(15 << 20).into()));
    assert!(row(&place, "large").await.body_bytes().unwrap() == bytes);
    let listed = desk::list(&place.store, &desk::Filter::default(), 100).await.unwrap();
    assert_eq!((listed.letters.len(), listed.unreadable.len()), (4, 0), "pieces are no letters");

    let outcomes = replay(&place, &["large"]).await;
    assert!(matches!(&outcomes[..], [(_, LetterOutcome::Replayed(_))]), "{outcomes:?}");
    let again = place.drain(Queue::jobs(Family::ZOOM_DETAIL, Lane::Replay)).await.remove(0);
    assert!(again.body == bytes, "byte for byte");
    assert_eq!(place.source(DocumentKind::Deadletters, "large").await["body"], "", "its row stays small");

    let died = again.into_dead(Cause::new(CauseClass::TooLarge, "again"));
    assert_eq!(place.perform(&desk, &[died]).await, [Ok(())]);
    let mut archive = desk::Archive::new(place.folder().join("dropped.ndjson"));
    let choice = desk::Choice::Ids(vec!["large".to_owned()]);
    desk::drop(&place.store, Some(&mut archive), &choice, |_, outcome| {
        assert_eq!(outcome, LetterOutcome::Dropped);
    })
    .await
    .unwrap();
    let file = std::fs::read_to_string(archive.path()).unwrap();
    let dropped: messages::DeadLetter = serde_json::from_str(file.trim_end()).unwrap();
    assert!(dropped.body_bytes().unwrap() == bytes);
    assert_eq!(place.count(DocumentKind::Deadletters).await, 4, "the pieces are gone, the row is history");
    assert_eq!(row(&place, "large").await.body, "");
}

#[tokio::test]
async fn a_message_that_no_broker_takes_is_kept_and_its_replay_says_what_to_do() {
    let place = IndexerFixture::new();
    let desk = DeadLetterDesk::new(place.store.clone());
    assert_eq!(place.perform(&desk, &[large("huge", 20 << 20)]).await, [Ok(())]);
    assert_eq!(row(&place, "huge").await.body_bytes().unwrap().len(), 20 << 20);
    let fates = replay(&place, &["huge"]).await;
    let [(_, fate @ LetterOutcome::Failed(_))] = &fates[..] else { panic!("{fates:?}") };
    let said = fate.to_string();
    for words in ["left as it was: ", "20,971,520 bytes", "15728640", "`ua plan --force`"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(row(&place, "huge").await.state, DeadState::Dead);
}

#[tokio::test]
async fn a_letter_with_a_piece_missing_is_shown_and_not_replayed() {
    let place = IndexerFixture::new();
    let desk = DeadLetterDesk::new(place.store.clone());
    assert_eq!(place.perform(&desk, &[large("large", 13 << 20)]).await, [Ok(())]);
    let file = rusqlite::Connection::open(place.folder().join("ua.db")).unwrap();
    assert_eq!(file.execute("delete from documents where id = 'large#piece.1'", []).unwrap(), 1);
    assert_eq!(row(&place, "large").await.pieces, 5);
    let outcomes = replay(&place, &["large"]).await;
    assert!(
        matches!(&outcomes[..], [(_, LetterOutcome::Failed(why))] if why.contains("5 pieces")),
        "{outcomes:?}"
    );
}
