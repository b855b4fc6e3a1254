//! The operations common to both back ends. Contains no logic of either.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::query::Position;
use crate::{
    Batch, Cursor, DocumentKind, Elasticsearch, Findings, Group, Grouping, Health, Hit, Local, Query,
    SetupReport, Span, StoreError, TallyCursor, Verdict, id,
};

/// A document store. Clones share connections.
#[derive(Debug, Clone)]
pub enum Store {
    /// A table in the data folder's SQLite file.
    Local(Local),
    /// Elasticsearch 7.10 to 9.x, OpenSearch 2 or 3.
    Elasticsearch(Elasticsearch),
}

macro_rules! each {
    ($store:expr, $back_end:ident => $call:expr) => {
        match $store {
            Store::Local($back_end) => $call,
            Store::Elasticsearch($back_end) => $call,
        }
    };
}

impl Store {
    /// Prefix of every index name in this store; empty by default.
    pub fn prefix(&self) -> &str {
        each!(self, store => store.prefix())
    }

    /// Returns the store with other pauses, after each of which it repeats a refused request. The local file ignores them.
    #[must_use]
    pub fn with_patience(mut self, pauses: &[Duration]) -> Self {
        if let Self::Elasticsearch(store) = &mut self {
            store.set_patience(pauses);
        }
        self
    }

    /// Writes a batch. Returns one verdict per item, in the batch's order.
    ///
    /// # Errors
    /// When the store is unreachable or refuses the whole batch. Some items may be written already; the write is
    /// idempotent, so send the batch again.
    pub async fn bulk(&self, batch: &Batch) -> Result<Vec<Verdict>, StoreError> {
        each!(self, store => store.bulk(batch).await)
    }

    /// Returns the document with this id from any index of its kind.
    ///
    /// # Errors
    /// When the store is unreachable.
    pub async fn get(&self, kind: DocumentKind, id: &str) -> Result<Option<Hit>, StoreError> {
        let short = id::shortened(id);
        let id = short.as_deref().unwrap_or(id);
        each!(self, store => store.get(kind, id).await)
    }

    /// Returns those of the documents with these ids that exist, in no particular order. A search engine is sent one
    /// request per 100 ids. Of a kind with one index, unrefreshed writes are visible.
    ///
    /// # Errors
    /// When the store is unreachable.
    pub async fn get_many(&self, kind: DocumentKind, ids: &[&str]) -> Result<Vec<Hit>, StoreError> {
        let ids: Vec<String> =
            ids.iter().map(|id| id::shortened(id).unwrap_or_else(|| (*id).to_owned())).collect();
        each!(self, store => store.get_many(kind, ids).await)
    }

    /// Returns the documents that match the query, up to its limit.
    ///
    /// # Errors
    /// When the store is unreachable.
    pub async fn search(&self, query: &Query) -> Result<Vec<Hit>, StoreError> {
        each!(self, store => store.search(query).await)
    }

    /// Number of documents that match the query; the query's limit does not apply.
    ///
    /// # Errors
    /// When the store is unreachable.
    pub async fn count(&self, query: &Query) -> Result<u64, StoreError> {
        each!(self, store => store.count(query).await)
    }

    /// Returns one page of all documents that match the query; the query's limit does not apply. A document that
    /// exists during the whole scan is returned exactly once.
    ///
    /// Pages follow the query's order and leave out documents without its field; without an order they come in no
    /// particular order. Start with `None`, then pass the cursor of the previous page; `None` marks the last page.
    /// Do not pause for more than a minute between two pages, or a search engine's cursor may expire.
    ///
    /// # Errors
    /// When the store is unreachable, or the cursor has expired.
    pub async fn scan(
        &self,
        query: &Query,
        page: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Hit>, Option<Cursor>), StoreError> {
        each!(self, store => store.scan(query, page, after).await)
    }

    /// Ends a [`Store::scan`] before its last page, so that a search engine frees its cursor. If the request fails,
    /// the cursor expires by itself.
    pub async fn leave(&self, cursor: Cursor) {
        if let (Self::Elasticsearch(store), Position::Scroll(place)) = (self, cursor.0) {
            store.leave(place).await;
        }
    }

    /// Number of documents per value of `field`, the most frequent value first; at most 10,000 values. Documents
    /// without the field do not count.
    ///
    /// # Errors
    /// When the store is unreachable.
    pub async fn group(&self, query: &Query, field: &'static str) -> Result<Vec<(String, u64)>, StoreError> {
        each!(self, store => store.group(query, field).await)
    }

    /// Sums of these integer fields over the documents that match the query, in the order of `fields`. A missing
    /// field counts as 0.
    ///
    /// # Errors
    /// When the store is unreachable.
    pub async fn sum(&self, query: &Query, fields: &[&'static str]) -> Result<Vec<i64>, StoreError> {
        each!(self, store => store.sum(query, fields).await)
    }

    /// Like [`Store::sum`], per value of the field `by`; at most 10,000 values, in no order. Documents without that
    /// field do not count.
    ///
    /// # Errors
    /// When the store is unreachable.
    pub async fn sums(
        &self,
        query: &Query,
        by: &'static str,
        fields: &[&'static str],
    ) -> Result<Vec<(String, Vec<i64>)>, StoreError> {
        each!(self, store => store.sums(query, by, fields).await)
    }

    /// Like [`Store::group`], with the earliest and the latest `time` (a date or time field) per value.
    ///
    /// # Errors
    /// When the store is unreachable.
    pub async fn spans(
        &self,
        query: &Query,
        field: &'static str,
        time: &'static str,
    ) -> Result<Vec<Span>, StoreError> {
        each!(self, store => store.spans(query, field, time).await)
    }

    /// Number of matching documents per combination of field values: one page of up to 10,000 groups, in the order of
    /// these values. Start with `None`, then pass the place of the previous page; `None` marks the last page.
    /// Concurrent writes may or may not count.
    ///
    /// A search engine reads every selected document for each page: use a query that selects few.
    ///
    /// # Errors
    /// When the store is unreachable.
    pub async fn tally(
        &self,
        query: &Query,
        grouping: &Grouping,
        page: usize,
        after: Option<TallyCursor>,
    ) -> Result<(Vec<Group>, Option<TallyCursor>), StoreError> {
        each!(self, store => store.tally(query, grouping, page, after).await)
    }

    /// Deletes each index of a split kind whose whole period lies before `before` and whose documents were all
    /// received before that date. Documents received long after their own time are thus kept as long as others.
    /// Returns the number of deleted documents (local file) or indices (search engine); 0 for a kind with one index.
    ///
    /// Cancel safe and idempotent. The local file does not shrink; SQLite reuses the space.
    ///
    /// # Errors
    /// When the store is unreachable or refuses. Earlier deletions of this call stay.
    pub async fn expire(&self, kind: DocumentKind, before: Date) -> Result<u64, StoreError> {
        each!(self, store => store.expire(kind, before).await)
    }

    /// Deletes these documents unless they changed since they were read. Returns the number of deleted documents.
    ///
    /// A search engine remembers the version of a deleted document for `index.gc_deletes` (60 s by default); until
    /// then it rejects older versions of that id.
    ///
    /// # Errors
    /// When the store is unreachable or refuses. Earlier deletions of this call stay.
    pub async fn delete(&self, hits: &[Hit]) -> Result<u64, StoreError> {
        each!(self, store => store.delete(hits).await)
    }

    /// How long the store remembers versions of deleted documents: the longest `index.gc_deletes` of its indices.
    ///
    /// # Errors
    /// When the store is unreachable.
    pub async fn remembers_deleted(&self) -> Result<Duration, StoreError> {
        match self {
            Self::Local(_) => Ok(Duration::ZERO),
            Self::Elasticsearch(store) => store.remembers_deleted().await,
        }
    }

    /// Time by the store's own clock, in whole seconds. `None` if the store uses the clock of this process or does
    /// not report a time.
    ///
    /// # Errors
    /// When the store is unreachable.
    pub async fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        match self {
            Self::Local(_) => Ok(None),
            Self::Elasticsearch(store) => store.clock().await,
        }
    }

    /// Makes all previous writes visible to searches.
    ///
    /// # Errors
    /// When the store is unreachable.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        each!(self, store => store.refresh().await)
    }

    /// Loads the index templates (in the local file: creates the views). Adds new fields to existing indices, because a
    /// template only applies to new ones. Idempotent.
    ///
    /// # Errors
    /// When the store is unreachable or refuses.
    pub async fn setup(&self) -> Result<SetupReport, StoreError> {
        each!(self, store => store.setup().await)
    }

    /// Returns the store's product and version, and whether its templates (or views) exist and are current.
    ///
    /// # Errors
    /// When the store is unreachable or refuses.
    pub async fn check(&self) -> Result<Health, StoreError> {
        each!(self, store => store.check().await)
    }

    /// Looks for blocks, an unhealthy cluster, and missing rights. Changes nothing.
    ///
    /// # Errors
    /// When the store is unreachable.
    pub async fn examine(&self) -> Result<Findings, StoreError> {
        each!(self, store => store.examine().await)
    }

    /// Describes what hinders work in a store that answers, for example red indices, in one sentence. `None` if there
    /// is nothing, or the store does not say.
    pub async fn trouble(&self) -> Option<String> {
        each!(self, store => store.trouble().await)
    }

    /// Returns true when the store answers, even with a refusal. Cheap: polled while work is on hold.
    pub async fn healthy(&self) -> bool {
        each!(self, store => store.healthy().await)
    }

    /// Deletes all indices and templates of a non-empty prefix. For tests.
    ///
    /// # Errors
    /// When the prefix is empty, or the store is unreachable.
    #[doc(hidden)]
    pub async fn wipe_prefix(&self) -> Result<(), StoreError> {
        if self.prefix().is_empty() {
            return Err(StoreError::Refused("only what has an index prefix can be wiped".to_owned()));
        }
        each!(self, store => store.wipe_prefix().await)
    }
}

/// Checks that `prefix` can be part of index names and view names.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), StoreError> {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let begins_well = !prefix.starts_with(['-', '_']);
    if prefix.len() <= 64 && begins_well && prefix.bytes().all(fine) {
        return Ok(());
    }
    Err(StoreError::Misconfigured(format!(
        "{:?} is no index prefix: use up to 64 of a-z, 0-9, - and _, beginning with a letter or digit",
        prefix.chars().take(64).collect::<String>()
    )))
}
