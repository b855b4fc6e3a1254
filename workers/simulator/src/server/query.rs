//! Query parameters and paging. Page tokens are stateless and sealed.

use std::ops::Range;

use axum::extract::Query;
use axum::http::Uri;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::answer::ZoomAnswer;
use crate::world::{hash, mix};

const DEFAULT_PAGE: usize = 30;
const TOKEN: &str = "next_page_token";
const BAD_TOKEN: &str = "The next page token is invalid or expired.";

/// The parameters of one call, sorted.
#[derive(Debug)]
pub(super) struct Params {
    pairs: Vec<(String, String)>,
    /// Hash of the call without its page token. A token is valid for the same call only.
    fingerprint: u64,
}

/// What seals and validates page tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seal {
    pub(super) seed: u64,
    pub(super) now_ms: i64,
    pub(super) lifetime_ms: i64,
}

/// The requested page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) offset: usize,
    pub(super) size: usize,
    fingerprint: u64,
}

/// Paging fields of every answer.
#[derive(Debug, Serialize)]
pub(super) struct PageHead {
    page_count: usize,
    page_size: usize,
    total_records: usize,
    /// On the last page "" or absent, both of which occur in real answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

impl Params {
    pub(super) fn parse(uri: &Uri) -> Result<Self, ZoomAnswer> {
        let Query(mut pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| ZoomAnswer::error(400, 300, "Request query could not be parsed."))?;
        pairs.sort();
        let mut fingerprint = hash(0, uri.path().as_bytes());
        for (name, value) in pairs.iter().filter(|(name, _)| name != TOKEN) {
            fingerprint = hash(hash(fingerprint, name.as_bytes()), value.as_bytes());
        }
        Ok(Self { pairs, fingerprint })
    }

    /// Value of a parameter; empty counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.pairs.iter().find(|(key, value)| key == name && !value.is_empty());
        pair.map(|(_, value)| value.as_str())
    }

    pub(super) fn page(&self, most: usize, seal: Seal) -> Result<Page, ZoomAnswer> {
        let size = match self.get("page_size") {
            None => DEFAULT_PAGE,
            Some(text) => text.parse().ok().filter(|size| (1..=most).contains(size)).ok_or_else(|| {
                ZoomAnswer::bad_field("page_size", &format!("must be between 1 and {most}"))
            })?,
        };
        let offset = match self.get(TOKEN) {
            None => 0,
            Some(token) => {
                open(token, self.fingerprint, seal).ok_or_else(|| ZoomAnswer::error(400, 300, BAD_TOKEN))?
            }
        };
        Ok(Page { offset, size, fingerprint: self.fingerprint })
    }
}

impl Page {
    pub(super) fn head(&self, total: usize, seal: Seal) -> PageHead {
        PageHead {
            page_count: total.div_ceil(self.size),
            page_size: self.size,
            total_records: total,
            next_page_token: self.next(total, seal),
        }
    }

    /// Range of this page's rows among `total`.
    pub(super) fn range(&self, total: usize) -> Range<usize> {
        self.offset.min(total)..(self.offset + self.size).min(total)
    }

    fn next(&self, total: usize, seal: Seal) -> Option<String> {
        let next = self.offset + self.size;
        if next >= total {
            return (!self.fingerprint.is_multiple_of(4)).then(String::new);
        }
        let mut bytes = Vec::with_capacity(24);
        bytes.extend_from_slice(&seal.now_ms.to_be_bytes());
        bytes.extend_from_slice(&(next as u64).to_be_bytes());
        bytes.extend_from_slice(&check(&bytes, self.fingerprint, seal.seed).to_be_bytes());
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn open(token: &str, fingerprint: u64, seal: Seal) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (content, sealed) = bytes.split_at_checked(16)?;
    if check(content, fingerprint, seal.seed).to_be_bytes() != sealed {
        return None;
    }
    let issued_ms = i64::from_be_bytes(content[..8].try_into().ok()?);
    let offset = u64::from_be_bytes(content[8..].try_into().ok()?);
    (seal.now_ms - issued_ms < seal.lifetime_ms).then_some(offset as usize)
}

fn check(content: &[u8], fingerprint: u64, seed: u64) -> u64 {
    hash(mix(mix(seed, 0x9A6E), fingerprint), content)
}
