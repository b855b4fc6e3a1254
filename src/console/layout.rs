//! The layout of all pages: title, time, style, and the format of a cell.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::request::{PageRequest, encoded};

/// The style sheet, which stands in every page.
const STYLE: &str = include_str!("style.css");

/// The layout of a page.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) title: String,
    /// When the page was made.
    pub(super) at: String,
    /// Seconds after which a browser asks again.
    pub(super) refresh: Option<u32>,
    /// Where the same stands as JSON.
    pub(super) json: Option<String>,
}

impl Layout {
    pub(super) fn new(title: impl Into<String>) -> Self {
        let at = runtime::clock::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        Self { title: title.into(), at, refresh: None, json: None }
    }

    /// The frame of a page that is there as JSON, too.
    pub(super) fn of(title: impl Into<String>, request: &PageRequest) -> Self {
        Self { json: Some(request.as_json()), ..Self::new(title) }
    }

    /// The same, asked for again every so many seconds.
    pub(super) fn refreshed(self, seconds: u32) -> Self {
        Self { refresh: Some(seconds), ..self }
    }

    pub(super) fn style(&self) -> &'static str {
        STYLE
    }

    pub(super) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// The address of what a cell names.
    pub(super) fn address(&self, base: &str, cell: &str) -> String {
        format!("{base}{}", encoded(cell))
    }

    /// Whether a cell holds a number, to be set to the right.
    pub(super) fn is_number(&self, cell: &str) -> bool {
        !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit() || b",./ ".contains(&byte))
    }
}

/// What tells a browser that this style sheet, and no other, is the page's.
pub(super) fn style_hash() -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(STYLE)))
}
