//! A `MaxMind` DB file (format 2.0, <https://maxmind.github.io/MaxMind-DB/>), asked by position: what is held of it in
//! memory is bounded, however large it is, and any byte of it may be wrong. Must not know of places.

mod about;
mod blocks;
mod cache;
mod data;
mod decode;
mod fault;
mod stamp;
#[cfg(test)]
mod tests;
mod tree;

use std::fs::File;
use std::net::IpAddr;
use std::path::Path;

use serde::de::DeserializeOwned;

use about::About;
use blocks::Blocks;
use data::{Data, Section};
use tree::Tree;

pub(super) use fault::Fault;
pub(super) use stamp::Stamp;

/// Between tree and data lie as many bytes of zero.
const SEPARATOR: u64 = 16;

/// An open file. It answers by what the file was when it was opened, or not at all.
pub(super) struct Database {
    blocks: Blocks,
    tree: Tree,
    data: Section,
    about: About,
}

impl Database {
    /// Opens a file and reads what it says of itself.
    ///
    /// # Errors
    /// When it cannot be read, is of another format or changes meanwhile.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        Self::of(Blocks::open(path)?)
    }

    /// As [`Database::open`], without the wait for the file's clock: of a file that nobody writes meanwhile.
    pub(super) fn of_settled(path: &Path) -> Result<Self, Fault> {
        Self::of(Blocks::of(File::open(path)?)?)
    }

    fn of(blocks: Blocks) -> Result<Self, Fault> {
        let mut cursor = blocks.cursor();
        let marker = about::marker(&mut cursor, blocks.len())?;
        let about = about::read(&mut cursor, marker, blocks.len())?;
        let tree = Tree::open(&about, &mut cursor, marker.saturating_sub(SEPARATOR))?;
        let data = Section { begin: tree.bytes() + SEPARATOR, end: marker };
        Ok(Self { blocks, tree, data, about })
    }

    /// What the file says of itself.
    pub(super) fn about(&self) -> &About {
        &self.about
    }

    /// The record of the smallest network that holds `address`; `None` when there is none.
    ///
    /// # Errors
    /// When a byte on the way cannot be read, is wrong or was changed.
    pub(super) fn lookup<T: DeserializeOwned>(&self, address: IpAddr) -> Result<Option<T>, Fault> {
        let mut cursor = self.blocks.cursor();
        let Some(place) = self.tree.find(&mut cursor, address)? else { return Ok(None) };
        decode::decode(Data::new(&mut cursor, self.data, place)?).map(Some)
    }
}
