//! The verbs that every back end has, and nothing else.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::query::Position;
use crate::{
    Batch, Cursor, Elasticsearch, Findings, Group, Grouping, Health, Hit, Kind, Local, Place, Query,
    SetupReport, Span, StoreError, Verdict, id,
};

/// Where documents live. Clones share connections.
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
    /// What every index name in this store begins with; empty by default.
    pub fn prefix(&self) -> &str {
        each!(self, store => store.prefix())
    }

    /// Writes a batch: exactly one verdict per item, in the batch's order.
    ///
    /// # Errors
    /// When the store could not be asked, or refuses the whole batch. Some items may have been written
    /// nevertheless; writing them again is harmless.
    pub async fn bulk(&self, batch: &Batch) -> Result<Vec<Verdict>, StoreError> {
        each!(self, store => store.bulk(batch).await)
    }

    /// The document with this id, wherever its own time has put it.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn get(&self, kind: Kind, id: &str) -> Result<Option<Hit>, StoreError> {
        let short = id::shortened(id);
        let id = short.as_deref().unwrap_or(id);
        each!(self, store => store.get(kind, id).await)
    }

    /// The documents with these ids, as far as they are there, in no particular order. Cheap in the local file,
    /// a request for every 100 of them elsewhere. Of a kind with one index as they are this moment, refreshed or
    /// not.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn get_many(&self, kind: Kind, ids: &[&str]) -> Result<Vec<Hit>, StoreError> {
        let ids: Vec<String> =
            ids.iter().map(|id| id::shortened(id).unwrap_or_else(|| (*id).to_owned())).collect();
        each!(self, store => store.get_many(kind, ids).await)
    }

    /// The documents that fulfil the query, as many as its limit allows.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn search(&self, query: &Query) -> Result<Vec<Hit>, StoreError> {
        each!(self, store => store.search(query).await)
    }

    /// How many documents fulfil the query, whatever its limit.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn count(&self, query: &Query) -> Result<u64, StoreError> {
        each!(self, store => store.count(query).await)
    }

    /// All documents that fulfil the query, `page` by `page` and whatever the query's limit; every document that
    /// is there all the while comes exactly once. In the query's order, and then only those that have the field;
    /// without one in no particular order. Begin with `None`, go on with the cursor of the page before; no cursor
    /// means that this was the last page. Do not pause for longer than a minute between two pages.
    ///
    /// # Errors
    /// When the store cannot be asked, or has forgotten the cursor.
    pub async fn scan(
        &self,
        query: &Query,
        page: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Hit>, Option<Cursor>), StoreError> {
        each!(self, store => store.scan(query, page, after).await)
    }

    /// Ends a [`Store::scan`] before its last page: a search engine need not keep its place. What cannot be told to it
    /// it forgets by itself, in time.
    pub async fn leave(&self, cursor: Cursor) {
        if let (Self::Elasticsearch(store), Position::Scroll(place)) = (self, cursor.0) {
            store.leave(place).await;
        }
    }

    /// How many documents there are for each value of `field`, the most frequent value first; 10,000 values
    /// at most. Documents without the field do not count.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn group(&self, query: &Query, field: &'static str) -> Result<Vec<(String, u64)>, StoreError> {
        each!(self, store => store.group(query, field).await)
    }

    /// The sums of these whole-number fields over the documents that fulfil the query, in the order of the
    /// fields. A document without a field adds nothing to its sum.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn sum(&self, query: &Query, fields: &[&'static str]) -> Result<Vec<i64>, StoreError> {
        each!(self, store => store.sum(query, fields).await)
    }

    /// As [`Store::sum`], for each value of the field `by`; 10,000 values at most, in no order. Documents without that
    /// field do not count.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn sums(
        &self,
        query: &Query,
        by: &'static str,
        fields: &[&'static str],
    ) -> Result<Vec<(String, Vec<i64>)>, StoreError> {
        each!(self, store => store.sums(query, by, fields).await)
    }

    /// As [`Store::group`], with the earliest and the latest `time` (a field with a date or time) of each value.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn spans(
        &self,
        query: &Query,
        field: &'static str,
        time: &'static str,
    ) -> Result<Vec<Span>, StoreError> {
        each!(self, store => store.spans(query, field, time).await)
    }

    /// How many documents that fulfil the query there are for each combination of some fields' values, `page` by
    /// `page` (up to 10,000 groups) in the order of these values. Begin with `None`, go on with the place of the
    /// page before; no place means that this was the last page. Whatever is written meanwhile may or may not count.
    ///
    /// The search engine looks at every selected document again for each page: let the query select few.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn tally(
        &self,
        query: &Query,
        grouping: &Grouping,
        page: usize,
        after: Option<Place>,
    ) -> Result<(Vec<Group>, Option<Place>), StoreError> {
        each!(self, store => store.tally(query, grouping, page, after).await)
    }

    /// Removes the indices of a split kind of which everything is old: the whole period lies before the date
    /// `before`, and every document in it was received (by its version) before that date. The second matters
    /// for what was received long after its own time: it is kept as long as all else. Returns how many
    /// documents (local file) or indices (search engine) are gone; of a kind with one index always 0.
    ///
    /// May be given up at any point and called again. The local file does not become smaller: the room is
    /// used again.
    ///
    /// # Errors
    /// When the store cannot be asked, or refuses. What was removed until then is gone.
    pub async fn expire(&self, kind: Kind, before: Date) -> Result<u64, StoreError> {
        each!(self, store => store.expire(kind, before).await)
    }

    /// Removes documents as they were read: one that has changed since stays. Returns how many are gone.
    ///
    /// A search engine remembers the version of a removed document for `index.gc_deletes` (60 s by default): until then it
    /// takes no older version of that id.
    ///
    /// # Errors
    /// When the store cannot be asked, or refuses. What was removed until then is gone.
    pub async fn delete(&self, hits: &[Hit]) -> Result<u64, StoreError> {
        each!(self, store => store.delete(hits).await)
    }

    /// How long the store remembers the version of a removed document: the longest `index.gc_deletes` of its indices.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn remembers_deleted(&self) -> Result<Duration, StoreError> {
        match self {
            Self::Local(_) => Ok(Duration::ZERO),
            Self::Elasticsearch(store) => store.remembers_deleted().await,
        }
    }

    /// What the store's own clock shows, in whole seconds; `None` where the store has no other clock than this
    /// process, or does not tell.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        match self {
            Self::Local(_) => Ok(None),
            Self::Elasticsearch(store) => store.clock().await,
        }
    }

    /// Makes everything written so far visible to searches.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        each!(self, store => store.refresh().await)
    }

    /// Loads the index templates (in the local file: makes the views), and teaches an index that is there for
    /// ever, and no template reaches any more, the fields that are new. Doing it again is harmless.
    ///
    /// # Errors
    /// When the store cannot be asked, or refuses.
    pub async fn setup(&self) -> Result<SetupReport, StoreError> {
        each!(self, store => store.setup().await)
    }

    /// Asks the store what it is and whether its templates (or views) are there and current.
    ///
    /// # Errors
    /// When the store cannot be asked, or refuses.
    pub async fn check(&self) -> Result<Health, StoreError> {
        each!(self, store => store.check().await)
    }

    /// Looks for what stands in the way of work: blocks, a cluster that is ill, rights that are missing. Changes
    /// nothing.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn examine(&self) -> Result<Findings, StoreError> {
        each!(self, store => store.examine().await)
    }

    /// What hinders work in a store that answers, in a sentence: red indices of a search engine. `None` also where it
    /// is not told.
    pub async fn trouble(&self) -> Option<String> {
        each!(self, store => store.trouble().await)
    }

    /// True when the store answers, be it with a refusal; cheap, for asking again and again while work is on hold.
    pub async fn healthy(&self) -> bool {
        each!(self, store => store.healthy().await)
    }

    /// Deletes all indices and templates of a non-empty prefix: for tests.
    ///
    /// # Errors
    /// When the prefix is empty, or the store cannot be asked.
    #[doc(hidden)]
    pub async fn wipe_prefix(&self) -> Result<(), StoreError> {
        if self.prefix().is_empty() {
            return Err(StoreError::Refused("only what has an index prefix can be wiped".to_owned()));
        }
        each!(self, store => store.wipe_prefix().await)
    }
}

/// What may be an index prefix: it becomes a part of index names and of view names.
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
