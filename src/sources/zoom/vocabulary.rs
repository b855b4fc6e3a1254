//! Names of Zoom's parts.

use messages::Family;
use store::DocumentKind;

use crate::sources::vocabulary::{Limit, LimitNames, Own, Records, Vocabulary};

pub(super) static WORDS: Vocabulary = Vocabulary {
    name: "Zoom",
    role: "zoom",
    variables: "ZOOM_*",
    // Plans name their account when there are several.
    heading: None,
    has_labels: true,
    limits: LimitNames {
        each: &[
            Limit { name: "light", words: &["light"], family: None },
            Limit { name: "medium", words: &["medium"], family: None },
            Limit { name: "heavy", words: &["heavy", "detail"], family: Some(Family::ZOOM_DETAIL) },
            Limit {
                name: "resource-intensive",
                words: &["resource-intensive", "list"],
                family: Some(Family::ZOOM_LIST),
            },
        ],
        all: Some("all"),
        reserve: Some("reserve"),
        to_share: "light, medium, heavy, resource-intensive, all (of Zoom)",
        to_pause: "zoom (all of it), light, medium, heavy, resource-intensive, list, detail",
    },
    selectors: Own { flags: "--meeting-uuid", are_said: |words| !words.meeting_uuid.is_empty() },
    records: Records {
        name: "sessions",
        kind: "participants",
        came: "sessions",
        promised: "expected_sessions",
    },
    documents: &[DocumentKind::Meetings, DocumentKind::Sessions],
};
