//! Removes documents with versions ahead of the store's clock. A machine with a wrong clock wrote them, and they
//! outrank all later writes. They are found by the times in them; their dates have to be planned again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{Document, JobId, Queue, Receipt, Source, decode};
use runtime::clock::{self, TOLERANCE};
use runtime::{Broker, Message, QueueFilter};
use store::{DocumentKind, Hit, Query, Store};

/// Documents per request to the store.
const SOME: usize = 1_000;
/// Upper end of a range of times.
const END: &str = "9999-12-01T00:00:00Z";

/// The fields whose time is a document's version.
const TIMES: [(DocumentKind, &[&str]); 7] = [
    (DocumentKind::Harvests, &["planned_at", "finished_at"]),
    (DocumentKind::Runs, &["planned_at", "changed_at"]),
    (DocumentKind::Meetings, &["harvest.fetched_at"]),
    (DocumentKind::Sessions, &["harvest.fetched_at"]),
    (DocumentKind::Useractions, &["harvest.fetched_at"]),
    (DocumentKind::Episodes, &["harvest.fetched_at"]),
    (DocumentKind::Raw, &["fetched_at"]),
];

/// Returns the newest version that is not ahead of the store's clock.
///
/// # Errors
/// If the store is unreachable.
pub(crate) async fn newest(store: &Store) -> anyhow::Result<Timestamp> {
    let now = store.clock().await?.unwrap_or_else(clock::now);
    Ok(now.checked_add(TOLERANCE).unwrap_or(now))
}

/// Returns the number of documents of each kind that are ahead of the clock.
///
/// # Errors
/// If the store is unreachable.
pub(crate) async fn ahead(store: &Store, newest: Timestamp) -> anyhow::Result<Vec<(DocumentKind, u64)>> {
    let mut found = Vec::new();
    for (kind, fields) in TIMES {
        let mut most = 0;
        for field in fields {
            most = most.max(store.count(&beyond(kind, field, newest)).await?);
        }
        found.extend((most > 0).then_some((kind, most)));
    }
    Ok(found)
}

fn beyond(kind: DocumentKind, field: &'static str, newest: Timestamp) -> Query {
    Query::all(kind).between(field, newest, END)
}

/// Removed documents, and dates to plan again.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    /// Number of documents removed from the store.
    pub documents: u64,
    /// Number of messages removed from the queue of documents.
    pub messages: u64,
    /// Dates by source and account.
    pub dates: BTreeMap<(Source, String), BTreeSet<Date>>,
    /// Jobs of removed documents whose receipts remain.
    jobs: BTreeSet<String>,
}

/// Removes what is ahead of the clock, from the store and from the queue of documents. Idempotent.
///
/// # Errors
/// If the broker or the store is unreachable.
pub(crate) async fn remove(broker: &Broker, store: &Store, newest: Timestamp) -> anyhow::Result<Removed> {
    store.refresh().await?;
    let mut removed = Removed::default();
    let is_ahead = move |message: &Message| !of_message(message, newest).is_empty();
    removed.take(broker.filter(Queue::documents(), is_ahead), newest).await?;
    removed.take(broker.filter_delayed(is_ahead), newest).await?;
    for (kind, fields) in TIMES {
        for field in fields {
            let (query, mut after) = (beyond(kind, field, newest), None);
            loop {
                let (hits, next) = store.scan(&query, SOME, after).await?;
                hits.iter().for_each(|hit| removed.note(kind, hit));
                removed.documents += store.delete(&hits).await?;
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
    }
    removed.ask_receipts(store).await?;
    store.refresh().await?;
    Ok(removed)
}

/// Returns the jobs and dates of a message's documents that are ahead of the clock.
fn of_message(message: &Message, newest: Timestamp) -> Vec<(JobId, Option<Date>)> {
    match decode::<Document<'_>>(&message.body) {
        Ok(Document::Raw(raw)) if raw.fetched_at > newest => vec![(raw.job_id, raw.date)],
        Ok(Document::Receipts(receipts)) => {
            let ahead = |receipt: &Receipt| receipt.version() > newest.as_millisecond();
            let ahead = receipts.into_iter().filter(ahead);
            ahead.map(|receipt| (receipt.job_id, receipt.date)).collect()
        }
        _ => Vec::new(),
    }
}

impl Removed {
    async fn take(&mut self, mut filter: QueueFilter, newest: Timestamp) -> anyhow::Result<()> {
        while let Some(deliveries) = filter.next().await? {
            for delivery in deliveries {
                for (job, date) in of_message(&delivery.message, newest) {
                    self.plan(&job, date);
                }
                delivery.ack().await?;
                self.messages += 1;
            }
        }
        Ok(())
    }

    fn note(&mut self, kind: DocumentKind, hit: &Hit) {
        match kind {
            DocumentKind::Harvests => {
                if let Ok(receipt) = serde_json::from_str::<Receipt>(hit.source.get()) {
                    self.plan(&receipt.job_id, receipt.date);
                }
            }
            DocumentKind::Runs => {}
            _ => {
                let document: serde_json::Value = serde_json::from_str(hit.source.get()).unwrap_or_default();
                let job = document["harvest"]["job_id"].as_str().or(document["job_id"].as_str());
                self.jobs.extend(job.map(str::to_owned));
            }
        }
    }

    fn plan(&mut self, job: &JobId, date: Option<Date>) {
        let source = Source::ALL.into_iter().find(|source| {
            let (first, last) = JobId::all_of(*source, job.account());
            (first.as_str()..=last.as_str()).contains(&job.as_str())
        });
        if let (Some(source), Some(date)) = (source, date) {
            self.dates.entry((source, job.account().to_owned())).or_default().insert(date);
        }
    }

    /// Adds the dates of the noted jobs from their receipts: documents name only their job.
    async fn ask_receipts(&mut self, store: &Store) -> anyhow::Result<()> {
        let jobs: Vec<String> = std::mem::take(&mut self.jobs).into_iter().collect();
        for some in jobs.chunks(SOME) {
            let ids: Vec<&str> = some.iter().map(String::as_str).collect();
            for hit in store.get_many(DocumentKind::Harvests, &ids).await? {
                self.note(DocumentKind::Harvests, &hit);
            }
        }
        Ok(())
    }
}
