//! The local store: documents in a table of one SQLite file on one machine. Durable; several processes can share the
//! file, and any SQLite tool can read it.

mod file;
mod indices;
mod rows;
mod sql;
mod tally;
mod views;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use onefile::FileError;
use rusqlite::Connection;

use self::file::Writer;
use crate::query::Position;
use crate::report::Change;
use crate::store::check_prefix;
use crate::tally::Spot;
use crate::{
    Batch, Cursor, DocumentKind, Findings, Group, Grouping, Health, Hit, Query, Right, SetupReport, Span,
    StoreError, TallyCursor, Verdict,
};

/// Settings of the local store.
#[derive(Debug, Clone)]
pub struct LocalStoreSettings {
    /// The data folder, which contains the file `ua.db`.
    pub folder: PathBuf,
    /// Prefix of index and view names; empty by default.
    pub prefix: String,
}

/// A handle on the local store. Clones share it.
#[derive(Debug, Clone)]
pub struct Local {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    writer: Writer,
    /// A separate connection, so that a long read does not block writes.
    reader: Mutex<Connection>,
    path: PathBuf,
    prefix: String,
}

impl Local {
    /// Opens or creates `ua.db` in the data folder, with its table and views.
    ///
    /// # Errors
    /// When the folder is not writable, or the file is damaged or of a newer version.
    pub fn open(settings: LocalStoreSettings) -> Result<Self, StoreError> {
        let LocalStoreSettings { folder, prefix } = settings;
        check_prefix(&prefix)?;
        let refuse = |error: std::io::Error| {
            StoreError::Misconfigured(format!(
                "cannot write to the data folder {}: {error} (UA_DATA_DIR)",
                folder.display()
            ))
        };
        onefile::private::folder(&folder).map_err(refuse)?;
        let path = folder.join("ua.db");
        let mut connection = file::open(&path)?;
        make(&mut connection, &prefix).map_err(|error| file::unusable(FileError::new(&error, &path)))?;
        let reader = Mutex::new(file::connect(&path)?);
        let writer = Writer::start(connection, &path).map_err(refuse)?;
        Ok(Self { inner: Arc::new(Inner { writer, reader, path, prefix }) })
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.inner.prefix
    }

    pub(crate) async fn bulk(&self, batch: &Batch) -> Result<Vec<Verdict>, StoreError> {
        let refused = rows::refused(batch);
        let (batch, prefix) = (batch.share(), self.inner.prefix.clone());
        self.inner.writer.call(move |connection| rows::write(connection, &prefix, &batch, refused)).await
    }

    pub(crate) async fn get(&self, kind: DocumentKind, id: &str) -> Result<Option<Hit>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection, prefix| rows::get(connection, prefix, kind, &id)).await
    }

    pub(crate) async fn get_many(
        &self,
        kind: DocumentKind,
        ids: Vec<String>,
    ) -> Result<Vec<Hit>, StoreError> {
        self.read(move |connection, prefix| {
            let hits = ids.iter().map(|id| rows::get(connection, prefix, kind, id));
            hits.filter_map(Result::transpose).collect()
        })
        .await
    }

    pub(crate) async fn search(&self, query: &Query) -> Result<Vec<Hit>, StoreError> {
        let selection = sql::Selection::of(self.prefix(), query)?;
        let limit = query.limit.min(10_000);
        let order = selection.order_of_search();
        let found =
            self.read(move |connection, prefix| rows::hits(connection, prefix, &selection, &order, limit));
        Ok(found.await?.0)
    }

    pub(crate) async fn count(&self, query: &Query) -> Result<u64, StoreError> {
        let selection = sql::Selection::of(self.prefix(), query)?;
        self.read(move |connection, _| rows::count(connection, &selection)).await
    }

    pub(crate) async fn scan(
        &self,
        query: &Query,
        page: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Hit>, Option<Cursor>), StoreError> {
        let mut selection = sql::Selection::of(self.prefix(), query)?;
        match after {
            None => {}
            Some(Cursor(Position::Behind { mark, index, id })) => {
                selection.behind(mark, format!("{}{index}", self.prefix()), id);
            }
            Some(Cursor(Position::Scroll(_))) => {
                return Err(StoreError::Refused("this cursor belongs to another store".to_owned()));
            }
        }
        selection.only_sortable();
        let (page, order) = (page.max(1), selection.order_of_scan());
        let found =
            self.read(move |connection, prefix| rows::hits(connection, prefix, &selection, &order, page));
        let (hits, mark) = found.await?;
        let last = hits.last().filter(|_| hits.len() == page);
        let behind = |hit: &Hit| Position::Behind { mark, index: hit.index.clone(), id: hit.id.clone() };
        let next = last.map(behind).map(Cursor);
        Ok((hits, next))
    }

    pub(crate) async fn group(
        &self,
        query: &Query,
        field: &'static str,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let spans = self.spans(query, field, "").await?;
        Ok(spans.into_iter().map(|span| (span.value, span.count)).collect())
    }

    /// An empty `time` gives spans without times.
    pub(crate) async fn spans(
        &self,
        query: &Query,
        field: &'static str,
        time: &'static str,
    ) -> Result<Vec<Span>, StoreError> {
        let mut selection = sql::Selection::of(self.prefix(), query)?;
        // A keyword with an equality condition has one value: bind it, or SQLite reads it from each document.
        let only = query.terms.iter().find(|(term, _)| *term == field && sql::is_word(query.kind, field));
        let value = match only {
            Some((_, word)) => selection.constant(word),
            None => sql::shown(query.kind, field),
        };
        let time = if time.is_empty() { "null".to_owned() } else { sql::compared(query.kind, time) };
        self.read(move |connection, _| rows::spans(connection, &selection, &value, &time)).await
    }

    pub(crate) async fn sum(&self, query: &Query, fields: &[&'static str]) -> Result<Vec<i64>, StoreError> {
        let selection = sql::Selection::of(self.prefix(), query)?;
        let fields = fields.to_vec();
        self.read(move |connection, _| rows::sum(connection, &selection, &fields)).await
    }

    pub(crate) async fn sums(
        &self,
        query: &Query,
        by: &'static str,
        fields: &[&'static str],
    ) -> Result<Vec<(String, Vec<i64>)>, StoreError> {
        let selection = sql::Selection::of(self.prefix(), query)?;
        let (by, fields) = (sql::shown(query.kind, by), fields.to_vec());
        self.read(move |connection, _| rows::sums(connection, &selection, &by, &fields)).await
    }

    pub(crate) async fn tally(
        &self,
        query: &Query,
        grouping: &Grouping,
        page: usize,
        after: Option<TallyCursor>,
    ) -> Result<(Vec<Group>, Option<TallyCursor>), StoreError> {
        let mut selection = sql::Selection::of(self.prefix(), query)?;
        let marks = match after {
            None => None,
            Some(TallyCursor(Spot::Behind(marks))) => Some(marks),
            Some(TallyCursor(Spot::After(_))) => {
                return Err(StoreError::Refused("this place belongs to another store".to_owned()));
            }
        };
        selection.only_groups(&tally::fields(grouping), marks, grouping.steps.is_some());
        let (grouping, page) = (grouping.clone(), page.clamp(1, 10_000));
        let found = self.read(move |connection, _| tally::page(connection, &selection, &grouping, page));
        let (groups, marks) = found.await?;
        Ok((groups, marks.map(|marks| TallyCursor(Spot::Behind(marks)))))
    }

    pub(crate) async fn expire(&self, kind: DocumentKind, before: Date) -> Result<u64, StoreError> {
        let received = TimeZone::UTC.to_timestamp(before.to_datetime(Time::midnight()));
        let Ok(received) = received.map(|received| received.as_millisecond()) else { return Ok(0) };
        let old = self.read(move |connection, prefix| {
            rows::old_indices(connection, prefix, |index| kind.is_before(index, before), kind, received)
        });
        let mut gone = 0;
        for index in old.await? {
            loop {
                // One transaction per chunk, so that other writes get a turn.
                let index = index.clone();
                let some =
                    self.inner.writer.call(move |connection| rows::delete_some(connection, &index, received));
                let deleted = some.await?;
                gone += deleted;
                if deleted == 0 {
                    break;
                }
            }
        }
        self.forget().await;
        Ok(gone)
    }

    /// Truncates the write-ahead log, which still holds deleted rows. If a reader prevents it, the writer does it
    /// later.
    async fn forget(&self) {
        let path = self.inner.path.clone();
        let _ = blocking(move || Ok(onefile::truncate_log(&path)?)).await;
    }

    pub(crate) async fn delete(&self, hits: &[Hit]) -> Result<u64, StoreError> {
        let prefix = &self.inner.prefix;
        let rows: Vec<(String, String, i64)> =
            hits.iter().map(|hit| (format!("{prefix}{}", hit.index), hit.id.clone(), hit.version)).collect();
        self.inner.writer.call(move |connection| rows::remove(connection, &rows)).await
    }

    pub(crate) async fn refresh(&self) -> Result<(), StoreError> {
        // Committed rows are visible at once.
        Ok(())
    }

    pub(crate) async fn setup(&self) -> Result<SetupReport, StoreError> {
        let Inner { path, prefix, .. } = &*self.inner;
        let (path, prefix) = (path.clone(), prefix.clone());
        blocking(move || {
            let mut connection = file::open(&path)?;
            let changes = make(&mut connection, &prefix).map_err(|error| file::failed(&error, &path))?;
            Ok(SetupReport { changes, conflicts: Vec::new() })
        })
        .await
    }

    pub(crate) async fn check(&self) -> Result<Health, StoreError> {
        self.inner.writer.call(rows::touch).await?;
        let templates = self.read(views::states).await?;
        let version = rusqlite::version().to_owned();
        Ok(Health { product: "SQLite".to_owned(), version, templates, conflicts: Vec::new() })
    }

    pub(crate) async fn examine(&self) -> Result<Findings, StoreError> {
        self.inner.writer.call(rows::touch).await?;
        // Access to the file includes all rights.
        let (read, write) = (Right::Granted, Right::Granted);
        Ok(Findings { read, write, ..Findings::default() })
    }

    pub(crate) async fn trouble(&self) -> Option<String> {
        None
    }

    pub(crate) async fn healthy(&self) -> bool {
        self.inner.writer.call(rows::touch).await.is_ok()
    }

    pub(crate) async fn wipe_prefix(&self) -> Result<(), StoreError> {
        let prefix = self.inner.prefix.clone();
        self.inner.writer.call(move |connection| rows::wipe(connection, &prefix)).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &str) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            // A panic cannot leave a read-only connection in an inconsistent state.
            let connection = inner.reader.lock().unwrap_or_else(PoisonError::into_inner);
            work(&connection, &inner.prefix).map_err(|error| file::failed(&error, &inner.path))
        })
        .await
    }

    /// Path of the SQLite file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }
}

/// Creates the indices and views of a prefix; returns the changes of the views.
fn make(connection: &mut Connection, prefix: &str) -> rusqlite::Result<Vec<(String, Change)>> {
    indices::make(connection, prefix)?;
    views::make(connection, prefix)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended
        .unwrap_or_else(|error| Err(StoreError::Away(format!("the local file: reading it failed ({error})"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(from: usize, count: usize) -> Batch {
        let mut batch = Batch::new();
        for number in from..from + count {
            let body = serde_json::json!({"id": number.to_string(), "body": "x".repeat(10_000)});
            batch.push("", DocumentKind::Raw, "raw-2026.01".into(), number.to_string(), 1, &body).unwrap();
        }
        batch
    }

    #[tokio::test]
    async fn a_full_disk_is_away_leaves_nothing_half_written_and_passes() {
        let folder = tempfile::tempdir().unwrap();
        let settings = LocalStoreSettings { folder: folder.path().to_owned(), prefix: String::new() };
        let store = Local::open(settings).unwrap();
        store.bulk(&batch(0, 10)).await.unwrap();
        let limit = |pages: i64| {
            let store = store.clone();
            async move {
                // Makes SQLite report a full disk.
                let work =
                    move |connection: &Connection| connection.pragma_update(None, "max_page_count", pages);
                store.inner.writer.call(work).await.unwrap();
            }
        };
        limit(60).await;
        let error = store.bulk(&batch(10, 100)).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Away(text) if text.contains("full") && text.contains("ua.db")),
            "{error}"
        );
        assert_eq!(store.count(&Query::all(DocumentKind::Raw)).await.unwrap(), 10);
        limit(100_000).await;
        assert_eq!(store.bulk(&batch(10, 100)).await.unwrap(), vec![Verdict::Indexed; 100]);
        assert_eq!(store.count(&Query::all(DocumentKind::Raw)).await.unwrap(), 110);
    }
}
