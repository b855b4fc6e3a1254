//! Metadata of a file (section "Database Metadata"): after its last marker, in the data format.

use serde::Deserialize;

use super::blocks::Cursor;
use super::data::{Data, Section};
use super::decode::decode;
use super::fault::Fault;

const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
/// Maximum bytes of marker and metadata.
const LONGEST: u64 = 128 << 10;

/// The used part of the metadata.
#[derive(Debug, Deserialize)]
pub(in crate::enrich) struct About {
    pub(super) node_count: u32,
    pub(super) record_size: u16,
    pub(super) ip_version: u16,
    /// For example `GeoLite2-City`.
    pub(in crate::enrich) database_type: String,
    /// Build time in Unix seconds.
    pub(in crate::enrich) build_epoch: u64,
    binary_format_major_version: u16,
}

/// Returns the position of the last marker in a file of `len` bytes.
pub(super) fn marker(cursor: &mut Cursor<'_>, len: u64) -> Result<u64, Fault> {
    let begin = len.saturating_sub(LONGEST);
    let mut tail = Vec::new();
    while begin + (tail.len() as u64) < len {
        let piece = cursor.piece(begin + tail.len() as u64, usize::MAX)?;
        tail.extend_from_slice(piece);
    }
    let place = tail.windows(MARKER.len()).rposition(|bytes| bytes == MARKER);
    place.map(|place| begin + place as u64).ok_or(Fault::broken("it has no MaxMind metadata at its end"))
}

/// Reads the metadata after the marker.
pub(super) fn read(cursor: &mut Cursor<'_>, marker: u64, len: u64) -> Result<About, Fault> {
    let section = Section { begin: marker + MARKER.len() as u64, end: len };
    let about: About = decode(Data::new(cursor, section, 0)?)?;
    // By the specification, a higher minor version is compatible, a higher major one is not.
    if about.binary_format_major_version != 2 {
        return Err(Fault::broken("its format is not version 2"));
    }
    Ok(about)
}
