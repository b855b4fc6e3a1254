//! Reads a file by position in aligned blocks, and caches the last ones. A block has the file's content at its opening,
//! or is an error. Independent of the format.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::cache::Cache;
use super::fault::Fault;
use super::stamp::{Stamp, TICK};

/// Bytes of a block; the last one of a file may be shorter.
pub(super) const BLOCK: usize = 4096;
/// Blocks per cursor: a record points to keys and texts elsewhere and continues at its own position.
const AT_HAND: usize = 8;

pub(super) type Block = Arc<[u8]>;

/// An open file, read in blocks.
pub(super) struct Blocks {
    file: File,
    stamp: Stamp,
    cache: Cache,
}

impl Blocks {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        // Checked before opening, because opening a pipe waits for its writer.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is no file").into());
        }
        let blocks = Self::of(File::open(path)?)?;
        if blocks.stamp.is_fresh() {
            // After this wait, every change also changes the stamp.
            thread::sleep(TICK);
        }
        Ok(blocks)
    }

    /// Uses a file that has not changed recently.
    pub(super) fn of(file: File) -> Result<Self, Fault> {
        let stamp = Stamp::of(&file.metadata()?);
        Ok(Self { file, stamp, cache: Cache::default() })
    }

    /// Returns the file's size in bytes.
    pub(super) fn len(&self) -> u64 {
        self.stamp.bytes
    }

    /// Creates a cursor for one traversal of the file.
    pub(super) fn cursor(&self) -> Cursor<'_> {
        Cursor { blocks: self, hand: [const { None }; AT_HAND], last: 0 }
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.cache.bytes()
    }

    fn block(&self, number: u64) -> Result<Block, Fault> {
        if let Some(block) = self.cache.get(number) {
            return Ok(block);
        }
        let block = self.read(number)?;
        self.cache.insert(number, Block::clone(&block));
        Ok(block)
    }

    fn read(&self, number: u64) -> Result<Block, Fault> {
        let begin = number.saturating_mul(BLOCK as u64);
        let size = self.len().saturating_sub(begin).min(BLOCK as u64) as usize;
        let mut bytes = [0; BLOCK];
        let bytes = &mut bytes[..size];
        let read = self.file.read_exact_at(bytes, begin);
        // After the read: a write sets the time before it changes bytes, so that no new byte has the old time. Also
        // detects a truncated file, before it would be reported as an early end.
        if !self.stamp.has_bytes_of(&Stamp::of(&self.file.metadata()?)) {
            return Err(Fault::Changed);
        }
        read?;
        Ok(Block::from(&*bytes))
    }
}

/// A traversal of a file; keeps the last blocks, so that neighbouring bytes need no cache access.
pub(super) struct Cursor<'b> {
    blocks: &'b Blocks,
    hand: [Option<(u64, Block)>; AT_HAND],
    /// Index of the last used block.
    last: usize,
}

impl Cursor<'_> {
    /// Returns at least 1 and at most `most` bytes from `at`, up to the end of their block.
    pub(super) fn piece(&mut self, at: u64, most: usize) -> Result<&[u8], Fault> {
        let within = (at % BLOCK as u64) as usize;
        let block = self.block(at / BLOCK as u64)?;
        let piece = block.get(within..block.len().min(within.saturating_add(most)));
        piece.filter(|piece| !piece.is_empty()).ok_or(Fault::broken("it ends too early"))
    }

    /// True if `size` bytes from `at` are within one block.
    pub(super) fn is_piece(at: u64, size: usize) -> bool {
        (at % BLOCK as u64) as usize + size <= BLOCK
    }

    /// Returns `N` bytes from `at`.
    pub(super) fn bytes<const N: usize>(&mut self, at: u64) -> Result<[u8; N], Fault> {
        let (mut bytes, mut have) = ([0; N], 0);
        while have < N {
            let piece = self.piece(at + have as u64, N - have)?;
            bytes[have..have + piece.len()].copy_from_slice(piece);
            have += piece.len();
        }
        Ok(bytes)
    }

    fn block(&mut self, number: u64) -> Result<&[u8], Fault> {
        let is_it = |held: &Option<(u64, Block)>| held.as_ref().is_some_and(|held| held.0 == number);
        if !is_it(&self.hand[self.last]) {
            self.last = match self.hand.iter().position(is_it) {
                Some(place) => place,
                None => {
                    let block = self.blocks.block(number)?;
                    let place = (self.last + 1) % AT_HAND;
                    self.hand[place] = Some((number, block));
                    place
                }
            };
        }
        Ok(self.hand[self.last].as_ref().map_or(&[], |held| &held.1))
    }
}
