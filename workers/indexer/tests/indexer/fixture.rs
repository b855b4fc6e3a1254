//! Local store and broker in a temporary folder, and pages for them.

use indexer::{Enricher, Indexer, IndexerSettings};
use jiff::Timestamp;
use messages::{Document, JobId, Lane, Queue, RawDocument, RawKind, Receipt, ReceiptState, Source, encode};
use runtime::broker::{Local as LocalBroker, Subscription, local};
use runtime::{BatchWorker, Broker, Failure, Ladder, Message, Outbox};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use store::{DocumentKind, Query, Store};
use tokio_util::sync::CancellationToken;

pub(crate) const UUID: &str = "4444AAAiAAAAAiAiAiiAiA==";

/// Store and broker of one test, in a temporary folder.
pub(crate) struct IndexerFixture {
    pub(crate) store: Store,
    pub(crate) broker: Broker,
    folder: tempfile::TempDir,
}

impl IndexerFixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store =
            store::local::LocalStoreSettings { folder: folder.path().to_owned(), prefix: String::new() };
        let broker = local::LocalBrokerSettings {
            folder: folder.path().to_owned(),
            ladder: Ladder::default(),
            documents_limit: 1_000,
        };
        Self {
            store: Store::Local(store::Local::open(store).unwrap()),
            broker: Broker::Local(LocalBroker::open(broker).unwrap()),
            folder,
        }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn indexer(&self, raw_days: u32) -> Indexer {
        self.enriching(raw_days, Enricher::default())
    }

    pub(crate) fn enriching(&self, raw_days: u32, enricher: Enricher) -> Indexer {
        Indexer::new(
            self.store.clone(),
            IndexerSettings { raw_days, ..IndexerSettings::new("0.1.0") },
            enricher,
        )
    }

    /// Passes messages to a worker, and publishes what it sends.
    pub(crate) async fn perform<W: BatchWorker>(
        &self,
        worker: &W,
        batch: &[Message],
    ) -> Vec<Result<(), Failure>> {
        let mut outbox = Outbox::new(self.broker.clone(), CancellationToken::new());
        let outcomes = worker.perform(batch, &mut outbox).await;
        outbox.flush().await.unwrap();
        self.store.refresh().await.unwrap();
        outcomes
    }

    /// Takes and acks all messages of a queue.
    pub(crate) async fn drain(&self, queue: Queue) -> Vec<Message> {
        let waiting = self.broker.depth(&queue).await.unwrap().ready;
        self.take(queue, waiting as usize).await
    }

    /// Takes and acks `waiting` messages, and waits for them.
    pub(crate) async fn take(&self, queue: Queue, waiting: usize) -> Vec<Message> {
        let mut consumer = self.broker.consume(vec![Subscription { queue, prefetch: 1_000 }]).await.unwrap();
        let mut messages = Vec::new();
        while messages.len() < waiting {
            for delivery in consumer.take((waiting - messages.len()).min(1_000)).await.unwrap() {
                messages.push(delivery.message.clone());
                delivery.ack().await.unwrap();
            }
        }
        messages
    }

    pub(crate) async fn count(&self, kind: DocumentKind) -> u64 {
        self.store.count(&Query::all(kind)).await.unwrap()
    }

    pub(crate) async fn source(&self, kind: DocumentKind, id: &str) -> Value {
        let hit = self.store.get(kind, id).await.unwrap().unwrap();
        serde_json::from_str(hit.source.get()).unwrap()
    }
}

/// Returns a page of `sessions` participants, fetched at `fetched_at`.
pub(crate) fn page(
    number: usize,
    sessions: usize,
    fetched_at: &str,
    change: impl Fn(usize, &mut Value),
) -> Message {
    let rows: Vec<Value> = (0..sessions)
        .map(|row| {
            let mut row_value = json!({
                "user_id": (16_778_240 + (number * 1_000 + row) * 1_024).to_string(),
                "user_name": format!("Person {row}"),
                "device": "Windows",
                "join_time": "2026-01-05T09:00:00Z",
                "leave_time": "2026-01-05T10:00:00Z",
            });
            change(row, &mut row_value);
            row_value
        })
        .collect();
    raw(number, RawKind::ZoomMetricsParticipants, fetched_at, &json!({"participants": rows}))
}

/// Returns the receipt of a job that lists meetings.
pub(crate) fn receipt(
    job: &str,
    state: ReceiptState,
    planned_at: Timestamp,
    finished_at: Option<Timestamp>,
) -> Receipt {
    Receipt {
        job_id: JobId::from(job),
        run: "run".into(),
        source: Source::Zoom,
        kind: "meetings".to_owned(),
        lane: Lane::Daily,
        date: Some("2026-01-05".parse().unwrap()),
        meeting_uuid: None,
        state,
        expected: Some(3),
        got: None,
        jobs: None,
        api: None,
        cause: None,
        findings: Vec::new(),
        attempts: 1,
        calls: messages::Calls::default(),
        planned_at,
        started_at: None,
        finished_at,
        queue: None,
        job: None,
    }
}

/// Returns the message of one answer.
pub(crate) fn raw(number: usize, kind: RawKind, fetched_at: &str, body: &Value) -> Message {
    raw_bytes(number, kind, fetched_at, &body.to_string(), None)
}

/// Returns a message whose context is empty.
pub(crate) fn without_context(message: &str) -> String {
    let (before, rest) = message.split_once("\"context\":{").unwrap();
    let (_, after) = rest.split_once('}').unwrap();
    format!("{before}\"context\":{{\"host_ids\":{{}},\"host_id\":null,\"listing\":null}}{after}")
}

/// Returns the message of an answer, with its bytes as received if they differ.
pub(crate) fn raw_bytes(
    number: usize,
    kind: RawKind,
    fetched_at: &str,
    body: &str,
    received: Option<&[u8]>,
) -> Message {
    let context = json!({"meeting_uuid": UUID, "series_id": 93_201_235_621_u64, "topic": "Linear Algebra",
        "start_time": "2026-01-05T09:00:00Z", "end_time": null, "host_id": null});
    let context = context.to_string();
    let id = format!("zoom:participants:{UUID}#{number}");
    let fetched_at: Timestamp = fetched_at.parse().unwrap();
    let raw = RawDocument::new(
        id.as_str(),
        "zoom:participants:4444".into(),
        "run".into(),
        kind,
        "GET /metrics/meetings/{uuid}/participants",
        fetched_at,
        Some("2026-01-05".parse().unwrap()),
        serde_json::from_str::<&RawValue>(&context).unwrap(),
        serde_json::from_str::<&RawValue>(body).unwrap(),
    );
    let raw = match received {
        Some(bytes) => raw.with_received(bytes),
        None => raw,
    };
    let body = encode(&Document::Raw(raw)).unwrap();
    Message::new(Queue::documents(), id, body, fetched_at)
}
