//! The layout of all pages: title, time, style, and the format of a cell.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::request::{PageRequest, encoded};

/// The style sheet, inlined in every page.
const STYLE: &str = include_str!("style.css");

/// The layout of a page.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) title: String,
    /// Time of rendering.
    pub(super) at: String,
    /// Refresh interval in seconds.
    pub(super) refresh: Option<u32>,
    /// Address of the page's JSON.
    pub(super) json: Option<String>,
}

impl Layout {
    pub(super) fn new(title: impl Into<String>) -> Self {
        let at = runtime::clock::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        Self { title: title.into(), at, refresh: None, json: None }
    }

    /// Layout of a page that has a JSON form.
    pub(super) fn of(title: impl Into<String>, request: &PageRequest) -> Self {
        Self { json: Some(request.as_json()), ..Self::new(title) }
    }

    /// Sets the refresh interval.
    pub(super) fn refreshed(self, seconds: u32) -> Self {
        Self { refresh: Some(seconds), ..self }
    }

    pub(super) fn style(&self) -> &'static str {
        STYLE
    }

    pub(super) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// Returns the link of a cell.
    pub(super) fn address(&self, base: &str, cell: &str) -> String {
        format!("{base}{}", encoded(cell))
    }

    /// True when a cell holds a number, which is right-aligned.
    pub(super) fn is_number(&self, cell: &str) -> bool {
        !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit() || b",./ ".contains(&byte))
    }
}

/// Hash of the style sheet for the Content-Security-Policy, which allows no other.
pub(super) fn style_hash() -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(STYLE)))
}
