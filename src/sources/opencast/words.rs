//! The words of Opencast.

use messages::Family;

use crate::sources::words::{Limit, Limits, Words};

pub(super) static WORDS: Words = Words {
    name: "Opencast",
    role: "opencast",
    variables: "OPENCAST_*",
    heading: Some("opencast:"),
    has_labels: false,
    limits: Limits {
        each: &[Limit { meter: "opencast", words: &["opencast"], family: Some(Family::OPENCAST) }],
        // It is the only one.
        all: None,
        reserve: None,
        to_share: "opencast",
        to_pause: "opencast",
    },
};
