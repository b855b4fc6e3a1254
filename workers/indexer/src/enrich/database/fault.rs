//! Errors of reading a file.

use std::borrow::Cow;
use std::fmt::Display;
use std::io;

use serde::de;

/// Maximum characters of an error text, which may quote the file.
const LONGEST: usize = 200;

/// Error of reading a file.
#[derive(Debug, thiserror::Error)]
pub(in crate::enrich) enum Fault {
    /// The file changed after it was opened.
    #[error("it was written over while it was in use")]
    Changed,
    /// The operating system cannot read it.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// The content violates the format, or has another type than requested.
    #[error("{0}")]
    Broken(Cow<'static, str>),
}

impl Fault {
    pub(super) fn broken(why: &'static str) -> Self {
        Self::Broken(Cow::Borrowed(why))
    }
}

impl de::Error for Fault {
    fn custom<T: Display>(why: T) -> Self {
        let why = why.to_string();
        Self::Broken(why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect())
    }
}
