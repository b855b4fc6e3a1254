//! Shared parts of the tests.

mod bounds;
mod broken;
mod changed;
mod oracle;

use std::net::IpAddr;
use std::path::PathBuf;

use serde_json::Value;

use super::*;

/// A file in a temporary folder.
struct File {
    folder: tempfile::TempDir,
}

impl File {
    fn new(bytes: &[u8]) -> Self {
        let file = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("places.mmdb")
    }

    fn open(&self) -> Result<Database, Fault> {
        Database::open(&self.path())
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn value(database: &Database, address: IpAddr) -> Result<Option<Value>, Fault> {
    database.lookup(address)
}
