//! Raw documents -> index documents.

mod map;

pub use map::{Encoded, Target, Unusable, encode_page};
