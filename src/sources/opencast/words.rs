//! The words of Opencast.

use messages::Family;
use store::DocumentKind;

use crate::sources::words::{Limit, Limits, Own, Records, Words};

pub(super) static WORDS: Words = Words {
    name: "Opencast",
    role: "opencast",
    variables: "OPENCAST_*",
    heading: Some("opencast:"),
    has_labels: false,
    limits: Limits {
        each: &[Limit { name: "opencast", words: &["opencast"], family: Some(Family::OPENCAST) }],
        // It is the only one.
        all: None,
        reserve: None,
        to_share: "opencast",
        to_pause: "opencast",
    },
    selectors: Own {
        flags: "--episode and --catalogue",
        are_said: |words| !words.episode.is_empty() || words.catalogue,
    },
    records: Records { name: "user actions", kind: "actions", came: "actions", promised: "expected_actions" },
    documents: &[DocumentKind::Useractions, DocumentKind::Episodes],
};
