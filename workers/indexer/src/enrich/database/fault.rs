//! Why a file gives no answer.

use std::borrow::Cow;
use std::fmt::Display;
use std::io;

use serde::de;

/// So much of a reason is told: it may quote the file.
const LONGEST: usize = 200;

/// Why a file gives no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::enrich) enum Fault {
    /// Its bytes are no longer those with which it was opened.
    #[error("it was written over while it was in use")]
    Changed,
    /// The system does not give them.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// They are not what the format allows, or not what was asked for.
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
