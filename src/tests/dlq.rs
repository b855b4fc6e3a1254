//! The desk of dead letters with the real binary: without workers, over the local file and over servers, and with a
//! kill in the middle.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use indexer::DeadLetterDesk;
use messages::{Cause, CauseClass, DeadLetter, Family, Lane, Queue};
use runtime::broker::Subscription;
use runtime::{BatchWorker as _, Broker, Message, Outbox};
use serde_json::Value;
use store::{DocumentKind, Query, Store};
use tokio_util::sync::CancellationToken;

use crate::program::{Ended, Program};
use crate::servers::{server, unique};

const UUID: &str = "4444AAAiAAAAAiAiAiiAiA==";

/// A desk, and a program that reads it.
pub(crate) struct DeskFixture {
    pub(crate) program: Program,
    pub(crate) store: Store,
    pub(crate) broker: Broker,
}

impl DeskFixture {
    pub(crate) fn local() -> Self {
        let program = Program::new();
        let folder = program.path().join("ua-data");
        let store = store::local::LocalStoreSettings { folder: folder.clone(), prefix: String::new() };
        let broker = runtime::broker::local::LocalBrokerSettings {
            folder,
            ladder: runtime::Ladder::default(),
            documents_limit: 1_000,
        };
        let store = Store::Local(store::Local::open(store).unwrap());
        let broker = Broker::Local(runtime::broker::Local::open(broker).unwrap());
        Self { program, store, broker }
    }

    pub(crate) async fn on_servers() -> Option<Self> {
        let (amqp, search) = server("UA_TEST_AMQP4_URL").zip(server("UA_TEST_ES_9"))?;
        let (queues, indices) = (unique("desk"), format!("{}-", unique("desk")));
        let mut settings = runtime::broker::amqp::AmqpSettings::new(amqp.as_str().into());
        settings.prefix.clone_from(&queues);
        settings.documents_limit = 1_000;
        let broker = Broker::Amqp(runtime::broker::Amqp::connect(settings).await.unwrap());
        let settings = store::elasticsearch::ElasticsearchSettings {
            prefix: indices.clone(),
            ..store::elasticsearch::ElasticsearchSettings::new(search.as_str())
        };
        let store = Store::Elasticsearch(store::Elasticsearch::new(settings).unwrap());
        store.setup().await.unwrap();
        let program = Program::new()
            .with("AMQP_URL", amqp)
            .with("UA_QUEUE_PREFIX", queues)
            .with("ES_HOST", search)
            .with("UA_INDEX_PREFIX", indices);
        Some(Self { program, store, broker })
    }

    pub(crate) async fn remove(self) {
        if let Broker::Amqp(amqp) = &self.broker {
            self.store.wipe_prefix().await.unwrap();
            amqp.remove().await.unwrap();
        }
        self.broker.close().await;
    }

    pub(crate) async fn file(&self, letters: &[Message]) {
        let desk = DeadLetterDesk::new(self.store.clone());
        for letters in letters.chunks(1_000) {
            let mut outbox = Outbox::new(self.broker.clone(), CancellationToken::new());
            let outcomes = desk.perform(letters, &mut outbox).await;
            assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        }
        self.store.refresh().await.unwrap();
    }

    /// Returns the ids of rows in a state.
    async fn rows(&self, state: &str) -> BTreeSet<String> {
        self.store.refresh().await.unwrap();
        let query = Query::all(DocumentKind::Deadletters).with("state", state).without("body");
        let (mut ids, mut cursor) = (BTreeSet::new(), None);
        loop {
            let (hits, next) = self.store.scan(&query, 5_000, cursor).await.unwrap();
            ids.extend(hits.into_iter().map(|hit| hit.id));
            cursor = next;
            if cursor.is_none() {
                return ids;
            }
        }
    }

    /// Takes all waiting messages of a queue; returns their ids.
    async fn drain(&self, queue: &Queue) -> Vec<String> {
        let mut consumer =
            self.broker.consume(vec![Subscription { queue: queue.clone(), prefetch: 1_000 }]).await.unwrap();
        let mut ids = Vec::new();
        let quiet = Duration::from_secs(1);
        while let Ok(taken) = tokio::time::timeout(quiet, consumer.take(1_000)).await {
            for delivery in taken.unwrap() {
                ids.push(delivery.message.headers.message_id.clone());
                delivery.ack().await.unwrap();
            }
        }
        ids
    }

    fn call(&self, words: &[&str], code: i32) -> String {
        let ended = self.program.call(words);
        assert_eq!(ended.code, Some(code), "{words:?}: {}\n{}", ended.out, ended.err);
        ended.out + &ended.err
    }

    fn json(&self, words: &[&str], code: i32) -> Vec<Value> {
        let ended = self.program.call(words);
        assert_eq!(ended.code, Some(code), "{words:?}: {}\n{}", ended.out, ended.err);
        ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn jobs() -> Queue {
    Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily)
}

fn dead(id: &str, class: CauseClass, queue: Queue) -> Message {
    let text = "GET /metrics/meetings/{uuid} answered 404, code 3001: it is not there";
    let seen = "2026-01-05T00:00:00Z".parse().unwrap();
    Message::new(queue, id, format!("body of {id}"), seen).into_dead(Cause::new(class, text))
}

fn five() -> [Message; 5] {
    [
        dead(&format!("zoom:participants:{UUID}"), CauseClass::Gone, jobs()),
        dead("zoom:meetings:2026-01-02", CauseClass::Gone, Queue::jobs(Family::ZOOM_LIST, Lane::Backfill)),
        dead(
            "zoom:meetings:2026-01-03",
            CauseClass::HtmlBlocked,
            Queue::jobs(Family::ZOOM_LIST, Lane::Daily),
        ),
        dead("x#1", CauseClass::BadShape, Queue::documents()),
        dead("y", CauseClass::Gone, Queue::named("ua.jobs.teams.daily")),
    ]
}

/// Ids, causes and bodies are untrusted: they come from APIs and from every publisher on the broker.
#[tokio::test(flavor = "multi_thread")]
async fn text_of_others_forges_no_line_and_commands_no_terminal() {
    let place = DeskFixture::local();
    let evil =
        "h\u{1b}[2J\n2026-01-02T03:04:05Z ERROR forged\r\u{202e}\u{2066}\u{9b}1A\u{85}\u{2028}\u{200b}";
    let id = format!("zoom:{evil}");
    let mut letter = dead(&id, CauseClass::BadShape, jobs());
    letter.body = format!("{{\"id\":\"{evil}\"}}").into();
    // A cause as written by versions that did not yet make causes printable.
    letter.headers.cause = Some(Cause { class: CauseClass::BadShape, text: evil.to_owned() });
    place.file(&[letter]).await;
    for words in [
        &["dlq", "list"][..],
        &["dlq", "list", "--json"],
        &["dlq", "show", &id],
        &["dlq", "show", &id, "--json"],
        &["dlq", "show", "no\u{1b}[2J\n2026-01-02T03:04:05Z ERROR forged"],
        &["dlq", "list", "--class", "no\u{1b}[2J\u{202e}"],
        &["dlq", "drop", &id, "--yes"],
    ] {
        let Ended { out, err, .. } = place.program.call(words);
        let said = out + &err;
        assert!(said.contains(r"\u"), "{words:?}: {said:?}");
        for line in said.lines() {
            assert_eq!(messages::printable(line), line, "{words:?}");
            assert!(!line.starts_with("2026-01-02T03:04:05Z ERROR"), "{words:?}: {said}");
        }
    }
}

async fn a_desk_is_worked_at(place: DeskFixture) {
    place.file(&five()).await;
    let listed = place.call(&["dlq", "list"], 0);
    for part in ["gone", "3", CauseClass::HtmlBlocked.next_step().split(' ').next().unwrap(), "newest 5 of 5"]
    {
        assert!(listed.contains(part), "{part} is not in {listed}");
    }
    let listing = place.json(&["dlq", "list", "--json", "--limit", "2"], 0).remove(0);
    let counts: Vec<(&str, u64)> = listing["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["class"].as_str().unwrap(), group["count"].as_u64().unwrap()))
        .collect();
    assert_eq!(counts, [("gone", 3), ("bad-shape", 1), ("html-blocked", 1)]);
    assert_eq!(listing["letters"].as_array().unwrap().len(), 2);
    assert!(listing["groups"][0]["oldest"].is_string() && listing["groups"][0]["next_step"].is_string());
    for (filter, ids) in [
        (["--date", "2026-01-02"], vec!["zoom:meetings:2026-01-02"]),
        (["--uuid", UUID], vec!["zoom:participants:4444AAAiAAAAAiAiAiiAiA=="]),
        (["--queue", "ua.documents"], vec!["x#1"]),
        (["--class", "html-blocked"], vec!["zoom:meetings:2026-01-03"]),
        (["--since", "2999-01-01"], vec![]),
        (["--source", "opencast"], vec![]),
        (["--state", "dropped"], vec![]),
    ] {
        let words = ["dlq", "list", "--json", filter[0], filter[1]];
        let listing = place.json(&words, 0).remove(0);
        let found: Vec<&str> =
            listing["letters"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!(found, ids, "{filter:?}");
    }
    let shown = place.call(&["dlq", "show", "x#1"], 0);
    for part in ["bad-shape", "404", "body of x#1", "history", "died in ua.documents", "next step"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    assert_eq!(place.json(&["dlq", "show", "x#1", "--json"], 0)[0]["message"], "body of x#1");

    assert!(place.call(&["dlq", "replay", "--all", "--dry-run"], 3).contains("4 of 5"));
    assert_eq!(place.rows("dead").await.len(), 5);
    let told = place.call(&["dlq", "replay", "--class", "gone"], 3);
    assert!(told.contains("y: left as it was: no queue ua.jobs.teams.replay"), "{told}");
    assert!(told.contains("replayed 2 of 3 dead letters, 1 failed"), "{told}");
    assert_eq!(place.drain(&jobs().replay_lane()).await, [format!("zoom:participants:{UUID}")]);
    let again = place.json(&["dlq", "replay", "zoom:meetings:2026-01-02", "nothing", "--json"], 3);
    assert_eq!(
        (again[0]["outcome"].as_str(), again[1]["outcome"].as_str()),
        (Some("not-dead"), Some("missing"))
    );
    assert!(
        place
            .call(&["dlq", "show", "zoom:meetings:2026-01-02"], 0)
            .contains("replayed to ua.jobs.zoom.list.replay")
    );
    assert!(place.call(&["dlq", "replay", "x#1", "--max-replays", "0"], 3).contains("it was 0 times before"));

    assert!(place.call(&["dlq", "drop", "--all"], 2).contains("say --yes"));
    let dropped = place.call(&["dlq", "drop", "--all", "--yes", "--to", "kept/dropped.ndjson"], 0);
    assert!(dropped.contains("dropped 3 of 3") && dropped.contains("kept/dropped.ndjson"), "{dropped}");
    let text = std::fs::read_to_string(place.program.path().join("kept/dropped.ndjson")).unwrap();
    let kept: BTreeSet<String> =
        text.lines().map(|line| serde_json::from_str::<DeadLetter>(line).unwrap().id).collect();
    assert_eq!(kept, ["x#1", "y", "zoom:meetings:2026-01-03"].map(str::to_owned).into());
    assert_eq!(place.call(&["dlq", "list"], 0), "no dead letters\n");
    let all = place.json(&["dlq", "list", "--json", "--state", "all"], 0).remove(0);
    assert_eq!(all["letters"].as_array().unwrap().len(), 5);
    assert_eq!(all["unfiled"], 0);

    place.broker.publish(five().into()).await.unwrap();
    let listed = place.program.call(&["dlq", "list"]);
    assert_eq!((listed.code, listed.out.as_str()), (Some(0), "no dead letters\n"));
    assert!(listed.err.contains("5 more dead letters in ua.dead, not filed yet"), "{}", listed.err);
    assert_eq!(place.json(&["dlq", "list", "--json"], 0)[0]["unfiled"], 5);
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_in_the_local_file_is_worked_at() {
    a_desk_is_worked_at(DeskFixture::local()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_on_servers_is_worked_at() {
    if let Some(place) = DeskFixture::on_servers().await {
        a_desk_is_worked_at(place).await;
    }
}

#[test]
fn wrong_words_are_named() {
    let program = Program::new();
    for (words, says) in [
        (&["dlq", "replay"][..], "--all"),
        (&["dlq", "drop", "--yes"], "--all"),
        (&["dlq", "list", "--class", "nonsense"], "html-blocked"),
        (&["dlq", "list", "--since", "soon"], "12h"),
        (&["dlq", "list", "--state", "alive"], "replayed"),
        (&["dlq", "list", "--limit", "10001"], "10000"),
        (&["dlq", "replay", "an-id", "--class", "gone"], "cannot be used with"),
        (&["dlq", "show", "nothing"], "no dead letter nothing"),
    ] {
        let ended = program.call(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {}", ended.err);
        assert!(ended.err.contains(says), "{words:?}: {}", ended.err);
    }
}

/// `list` and `show` need no broker; what only the broker knows is reported as unknown.
#[test]
fn looking_at_the_desk_needs_the_store_alone() {
    let program = Program::new().with("AMQP_URL", "amqp://guest:guest@127.0.0.1:9/%2f");
    let ended = program.call(&["dlq", "list"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "no dead letters\n"), "{}", ended.err);
    assert!(ended.err.contains("did not say how many more wait in ua.dead"), "{}", ended.err);
    assert_eq!(program.call(&["dlq", "replay", "--all"]).code, Some(1));
}

const MANY: usize = 8_000;

fn ids() -> BTreeSet<String> {
    (0..MANY).map(|n| format!("d{n:05}")).collect()
}

async fn filled(place: &DeskFixture) {
    let letters: Vec<Message> = ids().iter().map(|id| dead(id, CauseClass::Gone, jobs())).collect();
    place.file(&letters).await;
}

/// Waits up to 60 s for a condition.
async fn soon(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn a_replay_is_killed(place: DeskFixture) {
    filled(&place).await;
    let (lane, all) = (jobs().replay_lane(), ids());
    let replay = place.program.start(&["dlq", "replay", "--all"], "replay.log");
    soon("some are replayed", async || place.broker.depth(&lane).await.unwrap().ready > 0).await;
    replay.kill();
    let dead = place.rows("dead").await;
    let waiting: BTreeSet<String> = place.drain(&lane).await.into_iter().collect();
    assert!(!dead.is_empty(), "the kill came too late to prove anything");
    assert!(!waiting.is_empty(), "the kill came too early to prove anything");
    let held: BTreeSet<String> = dead.union(&waiting).cloned().collect();
    assert_eq!(held, all, "a letter is in neither place");
    place.call(&["dlq", "replay", "--all"], 0);
    let rest: BTreeSet<String> = place.drain(&lane).await.into_iter().collect();
    assert_eq!(rest, dead, "exactly those that were dead still");
    assert_eq!(place.rows("replayed").await, all);
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_killed_in_the_local_file_loses_nothing() {
    a_replay_is_killed(DeskFixture::local()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_killed_on_servers_loses_nothing() {
    if let Some(place) = DeskFixture::on_servers().await {
        a_replay_is_killed(place).await;
    }
}

async fn a_drop_is_killed(place: DeskFixture) {
    filled(&place).await;
    let file = place.program.path().join("dropped");
    let in_file = || -> BTreeSet<String> {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.lines().filter_map(|line| Some(serde_json::from_str::<DeadLetter>(line).ok()?.id)).collect()
    };
    let words = ["dlq", "drop", "--all", "--yes", "--to", "dropped"];
    let drop = place.program.start(&words, "drop.log");
    soon("some are dropped", async || !in_file().is_empty()).await;
    drop.kill();
    let (dead, kept) = (place.rows("dead").await, in_file());
    assert!(!dead.is_empty(), "the kill came too late to prove anything");
    assert_eq!(dead.union(&kept).cloned().collect::<BTreeSet<_>>(), ids(), "a letter is in neither place");
    place.call(&words, 0);
    assert_eq!((in_file(), place.rows("dropped").await), (ids(), ids()));
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_that_is_killed_loses_nothing() {
    a_drop_is_killed(DeskFixture::local()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_that_is_killed_loses_nothing_on_servers() {
    if let Some(place) = DeskFixture::on_servers().await {
        a_drop_is_killed(place).await;
    }
}
