//! What a file says of itself (section "Database Metadata"): behind its last marker, in the form of the data.

use serde::Deserialize;

use super::blocks::Cursor;
use super::data::{Data, Section};
use super::decode::decode;
use super::fault::Fault;

const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
/// The marker and what follows it are no more than that.
const LONGEST: u64 = 128 << 10;

/// What a file says of itself, as far as it is asked.
#[derive(Debug, Deserialize)]
pub(in crate::enrich) struct About {
    pub(super) node_count: u32,
    pub(super) record_size: u16,
    pub(super) ip_version: u16,
    /// For example `GeoLite2-City`.
    pub(in crate::enrich) database_type: String,
    /// When it was made, in seconds.
    pub(in crate::enrich) build_epoch: u64,
    binary_format_major_version: u16,
}

/// Where the last marker of a file of `len` bytes is.
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

/// What is said behind the marker.
pub(super) fn read(cursor: &mut Cursor<'_>, marker: u64, len: u64) -> Result<About, Fault> {
    let section = Section { begin: marker + MARKER.len() as u64, end: len };
    let about: About = decode(Data::new(cursor, section, 0)?)?;
    // A larger minor version promises to be readable, a larger major one not to be.
    if about.binary_format_major_version != 2 {
        return Err(Fault::broken("its format is not version 2"));
    }
    Ok(about)
}
