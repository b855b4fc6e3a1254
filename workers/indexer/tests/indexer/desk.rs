//! An operator's actions: dead letters are grouped, listed, shown, replayed and dropped.

use indexer::DeadLetterDesk;
use indexer::desk::{self, Archive, Choice, Filter, LetterOutcome, ReplayLimits};
use jiff::SignedDuration;
use messages::zoom::Task;
use messages::{Calls, Cause, CauseClass, DeadLetter, DeadState, Family, Lane, Queue, Source, encode};
use runtime::Message;
use store::{Batch, DocumentKind};

use crate::fixture::IndexerFixture;

/// Calls made for each dead letter.
const CALLS: Calls = Calls { light: 1, medium: 0, heavy: 7, resource_intensive: 0 };

pub(crate) fn dead(id: &str, class: CauseClass, queue: Queue) -> Message {
    let seen = "2026-01-05T00:00:00Z".parse().unwrap();
    let mut message =
        Message::new(queue, id, vec![0, 159, 146, 150], seen).into_dead(Cause::new(class, "why"));
    message.headers.attempt = 5;
    message.headers.calls = CALLS;
    message
}

pub(crate) async fn filled() -> IndexerFixture {
    let place = IndexerFixture::new();
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

async fn ids(place: &IndexerFixture, filter: Filter) -> Vec<String> {
    let letters = desk::list(&place.store, &filter, 1_000).await.unwrap().letters;
    assert!(letters.iter().all(|letter| letter.body.is_empty()), "lists carry no messages");
    let mut ids: Vec<String> = letters.into_iter().map(|letter| letter.id).collect();
    ids.sort();
    ids
}

pub(crate) type Outcomes = Vec<(String, LetterOutcome)>;

async fn replay_all(place: &IndexerFixture, choice: &Choice, max_replays: u32) -> Outcomes {
    let mut outcomes = Vec::new();
    let tell = |id: &str, outcome: LetterOutcome| outcomes.push((id.to_owned(), outcome));
    let how = ReplayLimits { max_replays };
    desk::replay(&place.store, Some(&place.broker), choice, how, tell).await.unwrap();
    outcomes
}

pub(crate) async fn replay(place: &IndexerFixture, ids: &[&str]) -> Outcomes {
    let ids = Choice::Ids(ids.iter().map(|id| (*id).to_owned()).collect());
    let mut outcomes = replay_all(place, &ids, 3).await;
    outcomes.sort_by(|one, other| one.0.cmp(&other.0));
    outcomes
}

async fn drop_all(place: &IndexerFixture, archive: &mut Archive, choice: &Choice) -> Outcomes {
    let mut outcomes = Vec::new();
    let tell = |id: &str, outcome: LetterOutcome| outcomes.push((id.to_owned(), outcome));
    desk::drop(&place.store, Some(archive), choice, tell).await.unwrap();
    outcomes
}

fn dead_ones() -> Filter {
    Filter { state: Some(DeadState::Dead), ..Filter::default() }
}

pub(crate) async fn row(place: &IndexerFixture, id: &str) -> DeadLetter {
    desk::show(&place.store, id).await.unwrap().unwrap()
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
    assert_eq!(desk::list(&place.store, &Filter::default(), 2).await.unwrap().letters.len(), 2);
    let since = Filter { since: Some(letter.died_at), ..dead_ones() };
    assert_eq!(ids(&place, since.clone()).await, ["a", "b", "c"]);
    let later = Filter { since: Some(letter.died_at + SignedDuration::from_secs(1)), ..since };
    assert!(ids(&place, later.clone()).await.is_empty());
    let groups = desk::groups(&place.store, &Filter::default()).await.unwrap();
    let counts: Vec<(&str, u64)> = groups.iter().map(|group| (group.class.as_str(), group.count)).collect();
    assert_eq!(counts, [("gone", 2), ("bad-shape", 1)]);
    // Two letters of a batch may die in different milliseconds, and the stores decide which time belongs to which.
    let died = |letter: &DeadLetter| letter.died_at.as_millisecond();
    let other = row(&place, "c").await;
    let (oldest, newest) = (died(&letter).min(died(&other)), died(&letter).max(died(&other)));
    let is_near =
        |found: Option<jiff::Timestamp>, wanted: i64| found.unwrap().as_millisecond().abs_diff(wanted) <= 1;
    assert!(is_near(groups[0].oldest, oldest) && is_near(groups[0].newest, newest), "{groups:?}");
    assert_eq!(groups[0].next_step(), CauseClass::Gone.next_step());
    assert!(desk::groups(&place.store, &later).await.unwrap().is_empty());
}

#[tokio::test]
async fn letters_are_found_by_what_they_are_about() {
    let place = IndexerFixture::new();
    let list = Task::Meetings { date: "2026-01-02".parse().unwrap() };
    let list = list.into_job("r".into(), Lane::Daily, "2026-01-05T00:00:00Z".parse().unwrap());
    let mut letters = vec![dead("x", CauseClass::Gone, Queue::jobs(Family::ZOOM_LIST, Lane::Daily))];
    letters[0].body = encode(&list).unwrap().into();
    letters.push(dead(
        "zoom:participants:4444AAAiAAAAAiAiAiiAiA==",
        CauseClass::Gone,
        Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily),
    ));
    letters.push(dead("unnamed", CauseClass::Gone, Queue::named("ua.jobs.opencast.daily")));
    let outcomes = place.perform(&DeadLetterDesk::new(place.store.clone()), &letters).await;
    assert_eq!(outcomes, vec![Ok(()); 3]);
    let date = Filter { date: Some("2026-01-02".parse().unwrap()), ..dead_ones() };
    assert_eq!(ids(&place, date).await, ["x"]);
    let uuid = "4444AAAiAAAAAiAiAiiAiA==".parse().unwrap();
    let meeting = Filter { meeting_uuid: Some(uuid), source: Some(Source::Zoom), ..Filter::default() };
    assert_eq!(ids(&place, meeting).await, ["zoom:participants:4444AAAiAAAAAiAiAiiAiA=="]);
    assert_eq!(ids(&place, Filter { source: Some(Source::Opencast), ..dead_ones() }).await, ["unnamed"]);
    assert_eq!(ids(&place, Filter { source: Some(Source::Zoom), ..dead_ones() }).await.len(), 2);
    assert_eq!(row(&place, "x").await.bytes, letters[0].body.len() as u64);
}

#[tokio::test]
async fn a_replay_goes_to_the_replay_lane_of_its_origin_once() {
    let place = filled().await;
    let outcomes = replay(&place, &["a", "z", "b", "a"]).await;
    let lane = Queue::jobs(Family::ZOOM_DETAIL, Lane::Replay);
    let wanted = [
        ("a", LetterOutcome::Replayed(lane.clone())),
        ("b", LetterOutcome::Replayed(Queue::documents())),
        ("z", LetterOutcome::Missing),
    ];
    assert_eq!(outcomes, wanted.map(|(id, outcome)| (id.to_owned(), outcome)));
    let message = place.drain(lane.clone()).await.remove(0);
    let headers = &message.headers;
    assert_eq!((headers.message_id.as_str(), headers.attempt, headers.replays), ("a", 0, 1));
    assert_eq!(headers.calls, CALLS, "what the job has cost goes on with it");
    assert_eq!(message.body.as_ref(), [0, 159, 146, 150]);
    let row = desk::show(&place.store, "a").await.unwrap().unwrap();
    assert_eq!((row.state, row.replays), (DeadState::Replayed, 1));
    assert_eq!(replay(&place, &["a"]).await[0].1, LetterOutcome::NotDead(DeadState::Replayed));
    assert!(place.drain(lane).await.is_empty());
}

#[tokio::test]
async fn a_replayed_letter_that_dies_again_is_the_same_row_and_dead_again() {
    let place = filled().await;
    replay(&place, &["a"]).await;
    let message = place.drain(Queue::jobs(Family::ZOOM_DETAIL, Lane::Replay)).await.remove(0);
    let died = message.into_dead(Cause::new(CauseClass::AttemptsSpent, "again"));
    let outcomes = place.perform(&DeadLetterDesk::new(place.store.clone()), &[died]).await;
    assert_eq!(outcomes, [Ok(())]);
    let row = desk::show(&place.store, "a").await.unwrap().unwrap();
    assert_eq!((row.state, row.replays, row.cause.class), (DeadState::Dead, 1, CauseClass::AttemptsSpent));
    let events: Vec<_> = row.history.iter().map(|event| (event.state, event.cause.clone())).collect();
    let cause = |class, text| Some(Cause::new(class, text));
    let wanted = [
        (DeadState::Dead, cause(CauseClass::Gone, "why")),
        (DeadState::Replayed, None),
        (DeadState::Dead, cause(CauseClass::AttemptsSpent, "again")),
    ];
    assert_eq!(events, wanted);
    assert_eq!(place.count(DocumentKind::Deadletters).await, 3);
}

#[tokio::test]
async fn a_letter_whose_queue_is_gone_stays_dead_and_the_others_go_on() {
    let place = filled().await;
    let outcomes = replay_all(&place, &Choice::Fitting(dead_ones(), None), 3).await;
    let outcome = |id: &str| &outcomes.iter().find(|(told, _)| told == id).unwrap().1;
    assert!(matches!(outcome("c"), LetterOutcome::Failed(why) if why.contains("no queue")), "{outcomes:?}");
    assert!(outcome("a").is_done() && outcome("b").is_done(), "{outcomes:?}");
    assert_eq!(ids(&place, dead_ones()).await, ["c"]);
}

#[tokio::test]
async fn a_letter_is_replayed_only_so_often() {
    let place = filled().await;
    let desk = DeadLetterDesk::new(place.store.clone());
    let lane = Queue::jobs(Family::ZOOM_DETAIL, Lane::Replay);
    for replays in 1..=3 {
        assert_eq!(replay(&place, &["a"]).await[0].1, LetterOutcome::Replayed(lane.clone()));
        let message = place.drain(lane.clone()).await.remove(0);
        assert_eq!(message.headers.replays, replays);
        place.perform(&desk, &[message.into_dead(Cause::new(CauseClass::Gone, "again"))]).await;
    }
    assert_eq!(replay(&place, &["a"]).await[0].1, LetterOutcome::TooOften(3));
    let choice = Choice::Ids(vec!["a".to_owned()]);
    assert_eq!(replay_all(&place, &choice, 4).await[0].1, LetterOutcome::Replayed(lane));
}

#[tokio::test]
async fn a_dry_run_does_nothing() {
    let place = filled().await;
    let choice = Choice::Fitting(dead_ones(), None);
    let mut outcomes = Vec::new();
    let tell = |_: &str, outcome: LetterOutcome| outcomes.push(outcome);
    desk::replay(&place.store, None, &choice, ReplayLimits { max_replays: 3 }, tell).await.unwrap();
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, LetterOutcome::Would(Some(_)))).count(), 2);
    let mut outcomes = Vec::new();
    desk::drop(&place.store, None, &choice, |_, outcome| outcomes.push(outcome)).await.unwrap();
    assert_eq!(outcomes, vec![LetterOutcome::Would(None); 3]);
    assert_eq!(ids(&place, dead_ones()).await, ["a", "b", "c"]);
    assert_eq!(place.broker.depth(&Queue::documents()).await.unwrap().ready, 0);
}

/// More letters than the document queue holds and than one page of rows, while workers run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_replayed_in_the_order_of_their_deaths_while_workers_run() {
    const MANY: usize = 2_300;
    let place = IndexerFixture::new();
    let desk = DeadLetterDesk::new(place.store.clone());
    let letters: Vec<Message> =
        (0..MANY).map(|n| dead(&format!("d{n:05}"), CauseClass::TooLarge, Queue::documents())).collect();
    // The oldest two cannot be replayed, and are reported once.
    let gone = Queue::named("ua.jobs.no.such.queue");
    let odd = ["a", "b"].map(|id| dead(id, CauseClass::TooLarge, gone.clone()));
    place.perform(&desk, &odd).await;
    for some in letters.chunks(600) {
        place.perform(&desk, some).await;
    }
    let choice = Choice::Fitting(dead_ones(), Some(2_200));
    let (outcomes, taken) =
        tokio::join!(replay_all(&place, &choice, 3), place.take(Queue::documents(), 2_200));
    let (odd, outcomes): (Outcomes, Outcomes) = outcomes.into_iter().partition(|(id, _)| id.len() == 1);
    assert_eq!((odd.len(), outcomes.len()), (2, 2_200));
    assert!(odd.iter().all(|(_, outcome)| matches!(outcome, LetterOutcome::Failed(_))));
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == LetterOutcome::Replayed(Queue::documents())));
    let (first, rest) = taken.split_at(600);
    let highest = first.iter().map(|message| &message.headers.message_id).max().unwrap();
    assert_eq!(highest, "d00599", "the oldest go first");
    assert!(rest.iter().all(|message| message.headers.replays == 1));
    let left = desk::groups(&place.store, &dead_ones()).await.unwrap();
    assert_eq!(left[0].count, 102);
}

/// More than a page of letters that cannot be replayed must not block the others.
#[tokio::test]
async fn letters_that_are_not_replayed_are_in_nobodys_way() {
    let place = IndexerFixture::new();
    let desk = DeadLetterDesk::new(place.store.clone());
    let now = runtime::clock::now();
    let many = |name: &str, count: usize, replays: u32, queue: Queue| -> Vec<Message> {
        let letter = |n| {
            let mut letter = dead(&format!("{name}{n:04}"), CauseClass::TooLarge, queue.clone());
            letter.headers.replays = replays;
            // Letters with more replays are older, so they come first.
            letter.headers.died_at = Some(now - SignedDuration::from_mins(replays.into()));
            letter
        };
        (0..count).map(letter).collect()
    };
    let gone = Queue::named("ua.jobs.no.such.queue");
    for letters in [
        many("often", 1_050, 3, Queue::documents()),
        many("gone", 30, 0, gone),
        many("good", 40, 0, Queue::documents()),
    ] {
        place.perform(&desk, &letters).await;
    }
    let outcomes = replay_all(&place, &Choice::Fitting(dead_ones(), Some(7)), 3).await;
    let replayed: Vec<&str> =
        outcomes.iter().filter(|(_, outcome)| outcome.is_done()).map(|(id, _)| id.as_str()).collect();
    assert_eq!(
        replayed,
        ["good0000", "good0001", "good0002", "good0003", "good0004", "good0005", "good0006"]
    );
    let often = outcomes.iter().filter(|(_, outcome)| *outcome == LetterOutcome::TooOften(3)).count();
    assert_eq!((often, outcomes.len()), (1_050, 1_050 + 30 + 7), "each is reported once");
    let messages = place.drain(Queue::documents()).await;
    assert_eq!(messages.len(), 7);
    // A letter whose message is missing does not count towards the limit, either.
    let mut letter = row(&place, "good0007").await;
    letter.body = Default::default();
    let mut batch = Batch::new();
    let version = letter.died_at.as_millisecond() + 1;
    batch
        .push(
            place.store.prefix(),
            DocumentKind::Deadletters,
            "deadletters".into(),
            letter.id.clone(),
            version,
            &letter,
        )
        .unwrap();
    place.store.bulk(&batch).await.unwrap();
    let good = Filter { origin: Some(Queue::documents()), ..dead_ones() };
    let outcomes = replay_all(&place, &Choice::Fitting(good, Some(2)), 4).await;
    let done = outcomes.iter().filter(|(_, outcome)| outcome.is_done()).count();
    assert_eq!(done, 2, "{outcomes:?}");
}

#[tokio::test]
async fn dropped_letters_are_in_the_file_before_their_rows_say_so_and_stay_as_history() {
    let place = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/dropped.ndjson");
    std::fs::create_dir(folder.path().join("deep")).unwrap();
    std::fs::write(&path, "{\"half\": ").unwrap();
    let mut archive = Archive::new(&path);
    let gone = Filter { class: Some(CauseClass::Gone), ..dead_ones() };
    let outcomes = drop_all(&place, &mut archive, &Choice::Fitting(gone, None)).await;
    assert_eq!(outcomes, ["a", "c"].map(|id| (id.to_owned(), LetterOutcome::Dropped)));
    let outcomes = drop_all(&place, &mut archive, &Choice::Ids(vec!["b".into(), "a".into()])).await;
    assert!(outcomes.contains(&("b".to_owned(), LetterOutcome::Dropped)), "{outcomes:?}");
    assert!(outcomes.contains(&("a".to_owned(), LetterOutcome::NotDead(DeadState::Dropped))), "{outcomes:?}");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines.len()), ("{\"half\": ", 4), "a line that broke off harms no other");
    for (line, id) in lines[1..].iter().zip(["a", "c", "b"]) {
        let letter: DeadLetter = serde_json::from_str(line).unwrap();
        assert_eq!((letter.id.as_str(), letter.body_bytes().unwrap()), (id, vec![0, 159, 146, 150]));
    }
    let row = row(&place, "a").await;
    let states: Vec<DeadState> = row.history.iter().map(|event| event.state).collect();
    assert_eq!((row.state, states), (DeadState::Dropped, vec![DeadState::Dead, DeadState::Dropped]));
    assert_eq!(ids(&place, Filter { state: Some(DeadState::Dropped), ..Filter::default() }).await.len(), 3);
    // Delivered again, by a desk that crashed before its ack: it stays dropped.
    let letter = dead("a", CauseClass::Gone, Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily));
    place.perform(&DeadLetterDesk::new(place.store.clone()), &[letter]).await;
    assert!(ids(&place, dead_ones()).await.is_empty());
}

#[tokio::test]
async fn nothing_is_dropped_that_cannot_be_kept() {
    let place = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let mut archive = Archive::new(folder.path());
    let choice = Choice::Fitting(dead_ones(), None);
    let mut told = 0;
    let error = desk::drop(&place.store, Some(&mut archive), &choice, |_, _| told += 1).await.unwrap_err();
    assert!(error.to_string().contains("nothing is dropped"), "{error}");
    assert_eq!(told, 0);
    assert_eq!(ids(&place, dead_ones()).await, ["a", "b", "c"]);
}
