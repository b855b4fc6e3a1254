//! A batch of documents on its way into the store: encoded once, as the NDJSON that a bulk request takes.

use std::ops::Range;

use serde::Serialize;

use crate::Kind;

/// What became of one item of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Written.
    Indexed,
    /// A newer version is there already: as good as written.
    Stale,
    /// The store is overloaded (429, 503): this item has to be tried again.
    Busy,
    /// The store refuses the content of this item.
    Refused {
        /// The store's own reason, in one line, without the document's values.
        reason: String,
    },
}

/// Documents with their index, id and external version, encoded as they are added.
#[derive(Debug, Default)]
pub struct Batch {
    buffer: Vec<u8>,
    items: Vec<Entry>,
}

/// Where an item lies in the buffer.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    kind: Kind,
    index: String,
    id: String,
    version: i64,
    /// Action line and source line, newlines included.
    lines: Range<usize>,
    source: Range<usize>,
}

/// One item of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// What kind of document it is.
    pub kind: Kind,
    /// The index it belongs into, without any prefix.
    pub index: &'a str,
    /// Its deterministic id.
    pub id: &'a str,
    /// Its external version: milliseconds at which the answer was received.
    pub version: i64,
    /// The document as JSON.
    pub source: &'a [u8],
}

#[derive(Serialize)]
struct Action<'a> {
    index: ActionMeta<'a>,
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

    /// Adds a document; `prefix` is the store's index prefix ([`crate::Store::prefix`]).
    ///
    /// # Errors
    /// When the document cannot be serialised; the batch is then as it was.
    pub fn push<T: Serialize + ?Sized>(
        &mut self,
        prefix: &str,
        kind: Kind,
        index: String,
        id: String,
        version: i64,
        document: &T,
    ) -> Result<(), serde_json::Error> {
        let start = self.buffer.len();
        let meta = ActionMeta { _index: Prefixed(prefix, &index), _id: &id, version, version_type: "external_gte" };
        let written = serde_json::to_writer(&mut self.buffer, &Action { index: meta }).and_then(|()| {
            self.buffer.push(b'\n');
            let source = self.buffer.len();
            serde_json::to_writer(&mut self.buffer, document)?;
            Ok(source..self.buffer.len())
        });
        match written {
            Ok(source) => {
                self.buffer.push(b'\n');
                self.items.push(Entry { kind, index, id, version, lines: start..self.buffer.len(), source });
                Ok(())
            }
            Err(error) => {
                self.buffer.truncate(start);
                Err(error)
            }
        }
    }

    /// The number of documents.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// True when there is no document.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The size of the bulk request, in bytes.
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The items, in the order in which they were added.
    pub fn items(&self) -> impl ExactSizeIterator<Item = Item<'_>> {
        self.items.iter().map(|entry| Item {
            kind: entry.kind,
            index: &entry.index,
            id: &entry.id,
            version: entry.version,
            source: &self.buffer[entry.source.clone()],
        })
    }

    /// The lines of a bulk request for the items in `range`.
    pub fn ndjson(&self, range: Range<usize>) -> &[u8] {
        match (self.items.get(range.start), range.end.checked_sub(1).and_then(|last| self.items.get(last))) {
            (Some(first), Some(last)) if range.start < range.end => {
                &self.buffer[first.lines.start..last.lines.end]
            }
            _ => &[],
        }
    }

    /// Empties the batch and keeps its buffer.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.items.clear();
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
            batch.push("t-", Kind::Meetings, "meetings-2026.01".into(), id.into(), 7, &document).unwrap();
        }
        let lines: Vec<&str> = std::str::from_utf8(batch.ndjson(0..2)).unwrap().lines().collect();
        assert_eq!(lines[0], r#"{"index":{"_index":"t-meetings-2026.01","_id":"a","version":7,"version_type":"external_gte"}}"#);
        assert_eq!(lines[3], r#"{"n":"b/\"1\""}"#);
        assert_eq!(batch.ndjson(1..2), &batch.ndjson(0..2)[batch.ndjson(0..1).len()..]);
        assert_eq!(batch.items().nth(1).unwrap().source, br#"{"n":"b/\"1\""}"#);
        assert!(batch.ndjson(2..2).is_empty());
    }
}
