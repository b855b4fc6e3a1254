//! Reads `MaxMind` DB files (format 2.0, <https://maxmind.github.io/MaxMind-DB/>) by position. Memory is bounded,
//! whatever the file's size, and any byte may be wrong. Independent of places.

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

/// Zero bytes between tree and data.
const SEPARATOR: u64 = 16;

/// An open file. It answers with its content at opening, or with an error.
pub(super) struct Database {
    blocks: Blocks,
    tree: Tree,
    data: Section,
    about: About,
}

impl Database {
    /// Opens a file and reads its metadata.
    ///
    /// # Errors
    /// If it cannot be read, has another format, or changes meanwhile.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        Self::of(Blocks::open(path)?)
    }

    /// Like [`Database::open`], without waiting for the file's clock: for files that do not change.
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

    /// Returns the file's metadata.
    pub(super) fn about(&self) -> &About {
        &self.about
    }

    /// Returns the record of the smallest network that contains `address`; `None` without one.
    ///
    /// # Errors
    /// If a needed byte cannot be read, is invalid, or has changed.
    pub(super) fn lookup<T: DeserializeOwned>(&self, address: IpAddr) -> Result<Option<T>, Fault> {
        let mut cursor = self.blocks.cursor();
        let Some(place) = self.tree.find(&mut cursor, address)? else { return Ok(None) };
        decode::decode(Data::new(&mut cursor, self.data, place)?).map(Some)
    }
}
