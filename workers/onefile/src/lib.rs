//! The one SQLite file in which `ua` keeps queues and documents where there is no server: opened with a check of its
//! version, and written by one thread that commits together what came in together.
//!
//! Must not know what is in the tables: each part of the program brings its own.

mod error;
mod identity;
mod open;
pub mod private;
mod writer;

pub use error::FileError;
pub use open::{Part, connect, open, sync, truncate_log};
pub use writer::{Thread, Writer};
