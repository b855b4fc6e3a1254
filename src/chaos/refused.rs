//! A document that the store always refuses: the load balancer answers with status 500 for it, like a broken ingest
//! pipeline. The test server cannot run a pipeline.

use axum::body::Bytes;
use serde_json::{Value, json};

/// A bulk request without the refused document, and the document's positions among its actions.
pub(crate) struct Cut {
    pub(crate) body: Vec<u8>,
    places: Vec<usize>,
    index: Value,
}

/// Removes the document from a bulk request; `None` when the request does not contain it.
pub(crate) fn cut(request: &Bytes, id: &str) -> Option<Cut> {
    let mut cut = Cut { body: Vec::with_capacity(request.len()), places: Vec::new(), index: Value::Null };
    let mut lines = request.split_inclusive(|byte| *byte == b'\n');
    let mut place = 0;
    while let Some(line) = lines.next() {
        let action: Value = serde_json::from_slice(line).ok()?;
        let source = if action.get("delete").is_some() { None } else { lines.next() };
        let index = &action["index"];
        if index["_id"] == id && index["_index"].as_str().is_some_and(|name| name.contains("meetings-")) {
            cut.places.push(place);
            cut.index = index["_index"].clone();
        } else {
            cut.body.extend_from_slice(line);
            cut.body.extend_from_slice(source.unwrap_or_default());
        }
        place += 1;
    }
    (!cut.places.is_empty()).then_some(cut)
}

impl Cut {
    /// Inserts the refusals into the answer for the other documents; leaves an answer of another form unchanged.
    pub(crate) fn answered(&self, answer: Bytes, id: &str) -> Bytes {
        let mut read: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if self.body.is_empty() {
            read = json!({"items": []});
        }
        let Some(items) = read["items"].as_array_mut() else { return answer };
        for place in &self.places {
            let error = json!({"type": "fail_processor_exception", "reason": "it fails on this one"});
            let item = json!({"index": {"_index": self.index, "_id": id, "status": 500, "error": error}});
            items.insert((*place).min(items.len()), item);
        }
        Bytes::from(read.to_string())
    }
}
