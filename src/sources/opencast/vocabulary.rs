//! Names of Opencast's parts.

use messages::Family;
use store::DocumentKind;

use crate::sources::vocabulary::{Limit, LimitNames, Own, Records, Vocabulary};

pub(super) static WORDS: Vocabulary = Vocabulary {
    name: "Opencast",
    role: "opencast",
    variables: "OPENCAST_*",
    heading: Some("opencast:"),
    has_labels: false,
    limits: LimitNames {
        each: &[Limit { name: "opencast", words: &["opencast"], family: Some(Family::OPENCAST) }],
        // There is only one limit.
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
