//! A batch of documents on its way into the store: encoded once, as the NDJSON that a bulk request takes.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use serde::Serialize;
use serde::ser::Error as _;

use crate::{DocumentKind, id};

/// Documents with their index, id and external version, encoded as they are added.
///
/// What is in it is shared with a running [`crate::Store::bulk`], never copied for it.
#[derive(Debug, Default)]
pub struct Batch {
    contents: Arc<Contents>,
}

#[derive(Debug, Clone, Default)]
struct Contents {
    buffer: Vec<u8>,
    items: Vec<Entry>,
}

/// Where an item lies in the buffer.
#[derive(Debug, Clone)]
struct Entry {
    kind: DocumentKind,
    index: String,
    id: String,
    version: i64,
    /// Action line and source line, newlines included.
    lines: Range<usize>,
    source: Range<usize>,
    /// The base64 text of the last field, where it holds an answer.
    answer: Option<Range<usize>>,
    is_deletion: bool,
}

/// One item of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// What kind of document it is.
    pub kind: DocumentKind,
    /// The index it belongs into, without any prefix.
    pub index: &'a str,
    /// Its deterministic id.
    pub id: &'a str,
    /// Its external version: milliseconds at which the answer was received.
    pub version: i64,
    /// The document as JSON.
    pub source: &'a [u8],
    /// The base64 text of the field [`ANSWER`], which is then the document's last.
    pub(crate) answer: Option<&'a [u8]>,
    /// The document is to be deleted, and `source` is empty.
    pub(crate) is_deletion: bool,
}

/// The field of the bytes that come with a document: `binary` in a search engine, a blob in the local file.
pub(crate) const ANSWER: &str = "answer";

impl Item<'_> {
    /// Whether it is a document that fits the template of its kind.
    pub fn fits(&self) -> bool {
        !self.is_deletion && self.kind.check(self.source).is_ok()
    }

    /// The document without its answer.
    pub(crate) fn without_answer(&self) -> Cow<'_, [u8]> {
        let Some(answer) = self.answer else { return Cow::Borrowed(self.source) };
        let field = ANSWER.len() + r#","":"""#.len();
        let kept = self.source.len().saturating_sub(answer.len() + field + 1);
        Cow::Owned([&self.source[..kept], b"}"].concat())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Action<'a> {
    Index(ActionMeta<'a>),
    Delete(ActionMeta<'a>),
}

#[derive(Serialize)]
struct ActionMeta<'a> {
    _index: Prefixed<'a>,
    _id: &'a str,
    version: i64,
    version_type: &'static str,
}

struct Prefixed<'a>(&'a str, &'a str);

impl Serialize for Prefixed<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}{}", self.0, self.1))
    }
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a document; `prefix` is the store's index prefix ([`crate::Store::prefix`]). An id of more than
    /// 400 bytes is replaced by its beginning and a hash of it; [`crate::Store::get`] finds it by either.
    ///
    /// # Errors
    /// When the document cannot be serialised; the batch is then as it was.
    pub fn push<T: Serialize + ?Sized>(
        &mut self,
        prefix: &str,
        kind: DocumentKind,
        index: String,
        id: String,
        version: i64,
        document: &T,
    ) -> Result<(), serde_json::Error> {
        let Contents { buffer, items } = Arc::make_mut(&mut self.contents);
        let start = buffer.len();
        let id = id::shortened(&id).unwrap_or(id);
        let meta =
            ActionMeta { _index: Prefixed(prefix, &index), _id: &id, version, version_type: "external_gte" };
        let written = serde_json::to_writer(&mut *buffer, &Action::Index(meta)).and_then(|()| {
            buffer.push(b'\n');
            let source = buffer.len();
            serde_json::to_writer(&mut *buffer, document)?;
            Ok(source..buffer.len())
        });
        match written {
            Ok(source) => {
                buffer.push(b'\n');
                let lines = start..buffer.len();
                items.push(Entry {
                    kind,
                    index,
                    id,
                    version,
                    lines,
                    source,
                    answer: None,
                    is_deletion: false,
                });
                Ok(())
            }
            Err(error) => {
                buffer.truncate(start);
                Err(error)
            }
        }
    }

    /// As [`Batch::push`], with bytes in the field `answer`: base64 in a search engine, a blob in the local file. The
    /// document is an object with at least one field.
    ///
    /// # Errors
    /// When the document cannot be serialised as such an object; the batch is then as it was.
    #[expect(clippy::too_many_arguments, reason = "as `push`, and the bytes")]
    pub fn push_with_answer<T: Serialize + ?Sized>(
        &mut self,
        prefix: &str,
        kind: DocumentKind,
        index: String,
        id: String,
        version: i64,
        document: &T,
        answer: &[u8],
    ) -> Result<(), serde_json::Error> {
        self.push(prefix, kind, index, id, version, document)?;
        let Contents { buffer, items } = Arc::make_mut(&mut self.contents);
        let Some(entry) = items.last_mut() else { return Ok(()) };
        if !(buffer.ends_with(b"}\n") && entry.source.len() > 2) {
            buffer.truncate(entry.lines.start);
            items.pop();
            return Err(serde_json::Error::custom("the document is no object with a field"));
        }
        buffer.truncate(buffer.len() - 2);
        buffer.extend_from_slice(format!(",\"{ANSWER}\":\"").as_bytes());
        let start = buffer.len();
        let text = base64::engine::general_purpose::STANDARD.encode(answer);
        buffer.extend_from_slice(text.as_bytes());
        entry.answer = Some(start..buffer.len());
        buffer.extend_from_slice(b"\"}");
        entry.source.end = buffer.len();
        buffer.push(b'\n');
        entry.lines.end = buffer.len();
        Ok(())
    }

    /// Adds a deletion. A document of a newer version stays, with the verdict [`Verdict::Stale`](crate::Verdict::Stale); where there is none,
    /// the verdict is [`Verdict::Indexed`](crate::Verdict::Indexed).
    ///
    /// # Errors
    /// When the action cannot be serialised; the batch is then as it was.
    pub fn push_deletion(
        &mut self,
        prefix: &str,
        kind: DocumentKind,
        index: String,
        id: String,
        version: i64,
    ) -> Result<(), serde_json::Error> {
        let Contents { buffer, items } = Arc::make_mut(&mut self.contents);
        let start = buffer.len();
        let id = id::shortened(&id).unwrap_or(id);
        let meta =
            ActionMeta { _index: Prefixed(prefix, &index), _id: &id, version, version_type: "external_gte" };
        let action = serde_json::to_vec(&Action::Delete(meta))?;
        buffer.extend_from_slice(&action);
        buffer.push(b'\n');
        let (lines, source) = (start..buffer.len(), buffer.len()..buffer.len());
        items.push(Entry { kind, index, id, version, lines, source, answer: None, is_deletion: true });
        Ok(())
    }

    /// Adds a copy of an item of another batch, if it has one at this position.
    pub fn push_from(&mut self, other: &Self, position: usize) {
        let Some(entry) = other.contents.items.get(position) else { return };
        let Contents { buffer, items } = Arc::make_mut(&mut self.contents);
        let start = buffer.len();
        buffer.extend_from_slice(&other.contents.buffer[entry.lines.clone()]);
        let moved = |place: usize| place - entry.lines.start + start;
        let range = |range: &Range<usize>| moved(range.start)..moved(range.end);
        let (source, answer) = (range(&entry.source), entry.answer.as_ref().map(range));
        items.push(Entry { lines: start..buffer.len(), source, answer, ..entry.clone() });
    }

    /// The number of documents.
    pub fn len(&self) -> usize {
        self.contents.items.len()
    }

    /// True when there is no document.
    pub fn is_empty(&self) -> bool {
        self.contents.items.is_empty()
    }

    /// The size of the bulk request, in bytes.
    pub fn bytes(&self) -> usize {
        self.contents.buffer.len()
    }

    /// The items, in the order in which they were added.
    pub fn items(&self) -> impl ExactSizeIterator<Item = Item<'_>> {
        let Contents { buffer, items } = &*self.contents;
        items.iter().map(|entry| Item {
            kind: entry.kind,
            index: &entry.index,
            id: &entry.id,
            version: entry.version,
            source: &buffer[entry.source.clone()],
            answer: entry.answer.clone().map(|range| &buffer[range]),
            is_deletion: entry.is_deletion,
        })
    }

    /// The lines of a bulk request for the items in `range`.
    pub fn ndjson(&self, range: Range<usize>) -> &[u8] {
        &self.contents.buffer[self.contents.lines(range)]
    }

    /// As [`Batch::ndjson`], for a request that outlives this borrow; nothing is copied.
    pub(crate) fn shared_ndjson(&self, range: Range<usize>) -> Bytes {
        let lines = self.contents.lines(range);
        Bytes::from_owner(Lines { contents: Arc::clone(&self.contents), lines })
    }

    /// A second handle on the same items, for a thread that outlives this borrow; nothing is copied.
    pub(crate) fn share(&self) -> Self {
        Self { contents: Arc::clone(&self.contents) }
    }

    /// The newest version among the items in `range`.
    pub fn newest(&self, range: Range<usize>) -> Option<i64> {
        self.contents.items.get(range)?.iter().map(|entry| entry.version).max()
    }

    /// Removes all documents but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        let Contents { buffer, items } = Arc::make_mut(&mut self.contents);
        if let Some(first) = items.get(len) {
            buffer.truncate(first.lines.start);
            items.truncate(len);
        }
    }

    /// Empties the batch and keeps its buffer.
    pub fn clear(&mut self) {
        match Arc::get_mut(&mut self.contents) {
            Some(contents) => {
                contents.buffer.clear();
                contents.items.clear();
            }
            // A cancelled write still reads the old contents.
            None => self.contents = Arc::default(),
        }
    }
}

impl Contents {
    fn lines(&self, range: Range<usize>) -> Range<usize> {
        let last = range.end.checked_sub(1).and_then(|last| self.items.get(last));
        match (self.items.get(range.start), last) {
            (Some(first), Some(last)) if range.start < range.end => first.lines.start..last.lines.end,
            _ => 0..0,
        }
    }
}

struct Lines {
    contents: Arc<Contents>,
    lines: Range<usize>,
}

impl AsRef<[u8]> for Lines {
    fn as_ref(&self) -> &[u8] {
        &self.contents.buffer[self.lines.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_the_ndjson_of_a_bulk_request() {
        let mut batch = Batch::new();
        for id in ["a", "b/\"1\""] {
            let document = serde_json::json!({"n": id});
            batch
                .push("t-", DocumentKind::Meetings, "meetings-2026.01".into(), id.into(), 7, &document)
                .unwrap();
        }
        let lines: Vec<&str> = std::str::from_utf8(batch.ndjson(0..2)).unwrap().lines().collect();
        assert_eq!(
            lines[0],
            r#"{"index":{"_index":"t-meetings-2026.01","_id":"a","version":7,"version_type":"external_gte"}}"#
        );
        assert_eq!(lines[3], r#"{"n":"b/\"1\""}"#);
        assert_eq!(batch.ndjson(1..2), &batch.ndjson(0..2)[batch.ndjson(0..1).len()..]);
        assert_eq!(batch.items().nth(1).unwrap().source, br#"{"n":"b/\"1\""}"#);
        assert!(batch.ndjson(2..2).is_empty());
        let mut other = Batch::new();
        other.push_from(&batch, 1);
        other.push_from(&batch, 0);
        other.push_from(&batch, 2);
        assert_eq!((other.len(), other.ndjson(0..1)), (2, batch.ndjson(1..2)));
        assert_eq!(other.items().nth(1).unwrap().source, batch.items().next().unwrap().source);
    }

    #[test]
    fn an_answer_is_the_last_field_of_its_document() {
        let mut batch = Batch::new();
        let push = |batch: &mut Batch, document: &serde_json::Value, answer: &[u8]| {
            batch.push_with_answer(
                "",
                DocumentKind::Raw,
                "raw-2026.01".into(),
                "a".into(),
                1,
                document,
                answer,
            )
        };
        push(&mut batch, &serde_json::json!({"id": "a"}), b"\xff\x00{").unwrap();
        push(&mut batch, &serde_json::json!({"id": "b"}), b"").unwrap();
        for no_object in [serde_json::json!({}), serde_json::json!([1, 2, 3])] {
            push(&mut batch, &no_object, b"x").unwrap_err();
        }
        let items: Vec<Item<'_>> = batch.items().collect();
        assert_eq!(items.len(), 2);
        assert_eq!(items[0].source, br#"{"id":"a","answer":"/wB7"}"#);
        assert_eq!(
            (items[0].answer, &*items[0].without_answer()),
            (Some(&b"/wB7"[..]), &br#"{"id":"a"}"#[..])
        );
        assert_eq!((items[1].source, items[1].answer), (&br#"{"id":"b","answer":""}"#[..], Some(&b""[..])));
        assert_eq!(&*items[1].without_answer(), br#"{"id":"b"}"#);
        assert!(batch.ndjson(0..2).ends_with(b"\"answer\":\"\"}\n"));
    }

    #[test]
    fn a_shared_batch_is_not_changed_by_later_pushes() {
        let mut batch = Batch::new();
        let push = |batch: &mut Batch, id: &str| {
            batch
                .push("", DocumentKind::Harvests, "harvests".into(), id.into(), 1, &serde_json::json!({}))
                .unwrap();
        };
        push(&mut batch, "a");
        let (shared, lines) = (batch.share(), batch.shared_ndjson(0..1));
        push(&mut batch, "b");
        batch.clear();
        push(&mut batch, "c");
        assert_eq!(shared.items().map(|item| item.id.to_owned()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(lines, shared.ndjson(0..1));
        assert_eq!(batch.items().next().unwrap().id, "c");
    }
}
