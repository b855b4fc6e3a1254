//! The batch worker of `ua.documents`: collects documents, sends bulks, and returns one outcome per message.

use messages::Cause;
use runtime::{BatchWorker, Failure, Message, Outbox, clock};
use store::{Batch, DocumentKind, Split, Store, StoreError, Verdict};
use tracing::debug;

use crate::ahead::{self, StoreClock};
use crate::bulk_builder::BulkBuilder;
use crate::enrich::Enricher;
use crate::expiry::Expiry;
use crate::metrics;
use crate::refusals::Refusals;
use crate::settle::{self, StoreState};

/// Maximum items per bulk that are resent alone; further failed items keep their verdict.
const ALONE: usize = 50;

/// Settings of indexing.
#[derive(Debug, Clone, Copy)]
pub struct IndexerSettings {
    /// Period of the indices.
    pub split: Split,
    /// Days for which raw answers are kept after they were received; 0 keeps none. Whole indices expire, once all their
    /// answers are old enough: an answer stays up to a month longer with monthly indices, up to a year with yearly
    /// ones.
    pub raw_days: u32,
    /// Version of this program, stored in every document.
    pub ua_version: &'static str,
    /// Documents at which a bulk is sent. A page is never split, so a bulk may exceed this.
    pub max_documents: usize,
    /// Bytes at which a bulk is sent.
    pub max_bytes: usize,
}

impl IndexerSettings {
    /// Returns monthly indices, no raw archive, and bulks of 1,000 documents or 8 MiB.
    pub fn new(ua_version: &'static str) -> Self {
        Self { split: Split::default(), raw_days: 0, ua_version, max_documents: 1_000, max_bytes: 8 << 20 }
    }
}

/// Writes raw documents and receipts to a store.
#[derive(Debug)]
pub struct Indexer {
    store: Store,
    settings: IndexerSettings,
    enricher: Enricher,
    expiry: Expiry,
    refusals: Refusals,
    clock: StoreClock,
}

impl Indexer {
    /// Creates an indexer that enriches with `enricher` and writes to `store`.
    pub fn new(store: Store, settings: IndexerSettings, enricher: Enricher) -> Self {
        Self {
            store,
            settings,
            enricher,
            expiry: Expiry::default(),
            refusals: Refusals::default(),
            clock: StoreClock::default(),
        }
    }

    /// Sends a bulk and settles its messages.
    async fn send(
        &self,
        builder: &BulkBuilder,
        messages: &[Message],
        outcomes: &mut Outcomes,
        outbox: &mut Outbox,
    ) -> Result<(), StoreError> {
        let mut verdicts = if builder.batch.is_empty() {
            Vec::new()
        } else {
            metrics::bulk(&self.store, &builder.batch).await?
        };
        debug!(
            documents = verdicts.len(),
            bytes = builder.batch.bytes(),
            "sent {} documents",
            verdicts.len()
        );
        let is_first =
            |item| builder.part_of(item).is_some_and(|part| messages[part.message].headers.attempt == 0);
        let wrong = self.refusals.weigh(&builder.batch, &verdicts, is_first);
        let kinds: Vec<DocumentKind> = builder.batch.items().map(|item| item.kind).collect();
        self.send_alone(builder, messages, &mut verdicts, |item| {
            kinds.get(item).is_some_and(|kind| wrong.contains_key(kind))
        })
        .await?;
        let takes = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Indexed | Verdict::Stale));
        let standing = StoreState { wrong, takes };
        for part in &builder.parts {
            let message = &messages[part.message];
            let own = verdicts.get(part.items.clone()).unwrap_or_default();
            let kinds = kinds.get(part.items.clone()).unwrap_or_default();
            let outcome = settle::outcome(message, part, kinds, own, &standing, clock::now());
            let mut result = outcome.result;
            if result.is_ok() {
                // Not earlier: a retried message is mapped again.
                metrics::dropped(&part.dropped);
            }
            for letter in outcome.dead {
                if let Err(error) = outbox.send(letter).await {
                    result = Err(error.into());
                    break;
                }
            }
            outcomes[part.message] = Some(result);
        }
        Ok(())
    }

    /// Resends repeatedly failed items alone: others may have caused the failure, and this verdict makes an item a dead
    /// letter.
    async fn send_alone(
        &self,
        builder: &BulkBuilder,
        messages: &[Message],
        verdicts: &mut [Verdict],
        is_wrong: impl Fn(usize) -> bool,
    ) -> Result<(), StoreError> {
        let is_late = |item| {
            builder
                .part_of(item)
                .is_some_and(|part| messages[part.message].headers.attempt >= settle::ATTEMPTS_TOGETHER)
        };
        let failed =
            verdicts.iter().enumerate().filter(|(_, verdict)| matches!(verdict, Verdict::Failed { .. }));
        let late: Vec<usize> =
            failed.map(|(item, _)| item).filter(|item| is_late(*item) && !is_wrong(*item)).collect();
        for item in late.into_iter().take(ALONE) {
            let mut batch = Batch::new();
            batch.push_from(&builder.batch, item);
            if let Some(verdict) = metrics::bulk(&self.store, &batch).await?.pop() {
                verdicts[item] = verdict;
            }
        }
        Ok(())
    }

    /// Removes the last message from the bulk if its version is ahead of the store's clock.
    async fn hold_back(&self, builder: &mut BulkBuilder, place: usize) -> Option<Failure> {
        let part = builder.parts.last().filter(|part| part.message == place)?;
        let version = builder.batch.newest(part.items.clone())?;
        if version <= self.clock.newest(&self.store).await {
            return None;
        }
        let newest = self.clock.newest_by_asking(&self.store).await;
        (version > newest).then(|| {
            builder.undo();
            ahead::held(version, newest)
        })
    }

    async fn index(
        &self,
        messages: &[Message],
        outcomes: &mut Outcomes,
        outbox: &mut Outbox,
    ) -> Result<(), StoreError> {
        let mut builder = BulkBuilder::default();
        for (place, message) in messages.iter().enumerate() {
            if let Err(cause) =
                builder.add(place, message, self.store.prefix(), &self.settings, &self.enricher)
            {
                outcomes[place] = Some(Err(Failure::Reject { cause }));
            }
            if let Some(held) = self.hold_back(&mut builder, place).await {
                outcomes[place] = Some(Err(held));
            }
            if builder.is_full(&self.settings) {
                self.send(&builder, messages, outcomes, outbox).await?;
                builder.clear();
            }
        }
        self.send(&builder, messages, outcomes, outbox).await
    }
}

/// One outcome per message; `None` while unknown.
type Outcomes = Vec<Option<Result<(), Failure>>>;

impl BatchWorker for Indexer {
    const NAME: &'static str = "index";

    async fn perform(&self, batch: &[Message], outbox: &mut Outbox) -> Vec<Result<(), Failure>> {
        self.enricher.refresh().await;
        let mut outcomes: Outcomes = vec![None; batch.len()];
        let error = self.index(batch, &mut outcomes, outbox).await.err();
        if error.is_none() {
            self.expiry.run(&self.store, self.settings.raw_days, clock::now()).await;
        }
        let settled = outcomes.into_iter().map(|outcome| match (outcome, &error) {
            (Some(outcome), _) => outcome,
            (None, Some(error)) => Err(settle::failure(error, clock::now())),
            (None, None) => Err(Failure::retry(unsettled())),
        });
        settled.collect()
    }

    async fn healthy(&self) -> bool {
        self.store.healthy().await
    }
}

fn unsettled() -> Cause {
    Cause::new(
        messages::CauseClass::CrashedWorker,
        "no outcome for a message: a fault in this ua, please report it",
    )
}
