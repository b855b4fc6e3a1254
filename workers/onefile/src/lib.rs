//! The SQLite file that holds queues and documents when `ua` runs without servers: checks its version on opening, and
//! writes in one thread that commits concurrent calls together.
//!
//! Independent of the tables' contents, because each part of the program defines its own tables.

mod error;
mod identity;
mod open;
pub mod private;
mod writer;

pub use error::FileError;
pub use open::{Part, connect, open, sync, truncate_log};
pub use writer::{Thread, Writer};
