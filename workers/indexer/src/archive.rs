//! The raw archive: answers as received, byte for byte, compressed. Opaque to the store, so that it refuses no answer
//! for its content, such as duplicate keys, deep nesting or invalid text.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use jiff::civil::Date;
use messages::{Cause, CauseClass, JobId, RawDocument, RawKind, RunId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Batch, DocumentKind, Split};

/// Compression level; higher ones cost more than they save at the answers' size.
const LEVEL: i32 = 3;
/// Largest answer in bytes; exceeds a message's maximum.
const LARGEST: u64 = 1 << 30;

/// Error of an archived answer that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the archived answer cannot be read: {0}")]
pub struct ArchiveError(String);

/// A row of the archive without its answer.
#[derive(Serialize)]
struct ArchiveRow<'a> {
    id: &'a str,
    job_id: &'a JobId,
    run: &'a RunId,
    kind: RawKind,
    endpoint: &'a Cow<'a, str>,
    fetched_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<Date>,
    context: &'a RawValue,
    bytes: u64,
}

/// Adds the answer of `raw` to `batch`.
///
/// # Errors
/// If the answer in the message was altered or cannot be compressed.
pub(crate) fn push(
    raw: &RawDocument<'_>,
    prefix: &str,
    split: Split,
    batch: &mut Batch,
) -> Result<(), Cause> {
    let unusable = |text: &str| Cause::new(CauseClass::BadShape, text);
    let answer = raw.answer().map_err(|_| unusable("the answer as received is no base64"))?;
    let packed = pack(&answer).map_err(|_| unusable("the answer cannot be compressed"))?;
    let RawDocument { id, job_id, run, kind, endpoint, fetched_at, date, context, .. } = raw;
    let (kind, fetched_at, date, bytes) = (*kind, *fetched_at, *date, answer.len() as u64);
    let row = ArchiveRow { id, job_id, run, kind, endpoint, fetched_at, date, context, bytes };
    // Indexed by the job's date, so that fetching the same answer next month overwrites the same row.
    let index = date.map_or_else(
        || DocumentKind::Raw.index_at(split, fetched_at),
        |date| DocumentKind::Raw.index(split, date),
    );
    let (id, version) = (id.to_string(), fetched_at.as_millisecond());
    batch
        .push_with_answer(prefix, DocumentKind::Raw, index, id, version, &row, &packed)
        .map_err(|_| unusable("raw document cannot be written as JSON"))
}

/// Returns the archived answer as received. Rows written before compression contain it as JSON.
///
/// # Errors
/// If the row has no answer or was altered.
pub fn answer(row: &RawValue) -> Result<Vec<u8>, ArchiveError> {
    #[derive(Deserialize)]
    struct Kept<'a> {
        #[serde(borrow)]
        answer: Option<Cow<'a, str>>,
        #[serde(default)]
        bytes: u64,
        #[serde(borrow)]
        body: Option<&'a RawValue>,
    }
    let failed = |error: &dyn std::fmt::Display| ArchiveError(error.to_string());
    // The parser's error may quote a value.
    let kept: Kept<'_> = serde_json::from_str(row.get())
        .map_err(|error| failed(&format_args!("the row is of another shape (column {})", error.column())))?;
    match (kept.answer, kept.body) {
        (Some(text), _) => {
            let packed = BASE64.decode(text.as_ref()).map_err(|_| failed(&"it is no base64"))?;
            unpack(&packed, kept.bytes).map_err(|error| failed(&error))
        }
        (None, Some(body)) => Ok(body.get().as_bytes().to_vec()),
        (None, None) => Err(failed(&"the row holds none")),
    }
}

/// Compresses into a zstd frame with size and checksum.
fn pack(answer: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    compressor.compress(answer)
}

fn unpack(packed: &[u8], bytes: u64) -> std::io::Result<Vec<u8>> {
    let bytes = usize::try_from(bytes.min(LARGEST)).unwrap_or(usize::MAX);
    zstd::bulk::decompress(packed, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_back_byte_for_byte() {
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        for answer in [&b""[..], b"{}", b"{\"a\":1,\"a\":2}", b"\xff\xfe\x00", deep.as_bytes()] {
            let packed = pack(answer).unwrap();
            assert_eq!(unpack(&packed, answer.len() as u64).unwrap(), answer);
        }
        let packed = pack(&[7; 100_000]).unwrap();
        assert!(packed.len() < 100, "{}", packed.len());
        unpack(&packed, 99_999).unwrap_err();
        let mut altered = packed;
        altered.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        assert!(unpack(&altered, 100_000).is_err(), "the checksum");
    }

    #[test]
    fn a_row_of_before_compression_is_read_and_an_empty_one_is_said() {
        let row = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let old = row(r#"{"id":"j#1","context":{},"body":{"a" : 1}}"#);
        assert_eq!(answer(&old).unwrap(), br#"{"a" : 1}"#);
        assert!(answer(&row(r#"{"id":"j#1"}"#)).unwrap_err().to_string().contains("holds none"));
        let odd = answer(&row(r#"{"answer":"?","bytes":"ada@example.edu"}"#)).unwrap_err().to_string();
        assert!(odd.contains("column") && !odd.contains("ada"), "{odd}");
        assert!(answer(&row(r#"{"answer":"?","bytes":1}"#)).unwrap_err().to_string().contains("base64"));
    }
}
