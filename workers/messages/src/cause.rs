//! Why a message could not be processed: a closed list of classes, each with the operator's next step.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Class of a cause. Dead letters are grouped, filtered and replayed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CauseClass {
    /// The API still reports that the object does not exist, after the time it had to appear.
    Gone,
    /// The API denies the account access to this one object.
    Forbidden,
    /// The answer was still not ready after the last attempt.
    NotReadyExpired,
    /// The account's plan or add-on does not include this endpoint.
    PlanMissing,
    /// A proxy or gateway answered with an HTML page.
    HtmlBlocked,
    /// The answer or the message does not have the expected shape.
    BadShape,
    /// The store refused the document's content.
    MappingRefused,
    /// One item is larger than the limit of the store or the broker.
    TooLarge,
    /// Workers repeatedly crashed or lost their connection while they held this message.
    CrashedWorker,
    /// A transient failure persisted through all attempts.
    AttemptsSpent,
    /// The message was written by a newer `ua`.
    UnknownVersion,
    /// A policy of the broker took the message out of its queue.
    RemovedByPolicy,
}

impl CauseClass {
    /// All classes, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::Gone,
        Self::Forbidden,
        Self::NotReadyExpired,
        Self::PlanMissing,
        Self::HtmlBlocked,
        Self::BadShape,
        Self::MappingRefused,
        Self::TooLarge,
        Self::CrashedWorker,
        Self::AttemptsSpent,
        Self::UnknownVersion,
        Self::RemovedByPolicy,
    ];

    /// Returns the name used in messages, filters and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Forbidden => "forbidden",
            Self::NotReadyExpired => "not-ready-expired",
            Self::PlanMissing => "plan-missing",
            Self::HtmlBlocked => "html-blocked",
            Self::BadShape => "bad-shape",
            Self::MappingRefused => "mapping-refused",
            Self::TooLarge => "too-large",
            Self::CrashedWorker => "crashed-worker",
            Self::AttemptsSpent => "attempts-spent",
            Self::UnknownVersion => "unknown-version",
            Self::RemovedByPolicy => "removed-by-policy",
        }
    }

    /// Returns the operator's next step for a dead letter of this class.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::Gone => "nothing to fetch: drop it, or replay it if the object should exist",
            Self::Forbidden => "grant the account access to the object, then replay",
            Self::NotReadyExpired => {
                "look at the object in the source's own console; replay once it shows data"
            }
            Self::PlanMissing => {
                "ask for what the plan or the server has (ZOOM_SOURCE, ZOOM_WEBINARS; opencast's usertracking), then replay"
            }
            Self::HtmlBlocked => "look for a proxy or gateway between here and the API, then replay",
            Self::BadShape => "keep the message and report it: the API or a message has changed its shape",
            Self::MappingRefused => "run `ua setup`, correct the template named in the cause, then replay",
            Self::TooLarge => "raise the store's or the broker's size limit, then replay",
            Self::CrashedWorker => "read the worker's last log lines and its memory limit, then replay",
            Self::AttemptsSpent => "read the cause; when the API is well again, replay",
            Self::UnknownVersion => "upgrade this `ua` to the version that wrote the message, then replay",
            Self::RemovedByPolicy => "take ua's queues out of the policy that `ua check` names, then replay",
        }
    }
}

impl fmt::Display for CauseClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for CauseClass {
    type Err = crate::UnknownName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|class| class.name() == name)
            .ok_or_else(|| crate::UnknownName { what: "cause class", name: name.to_owned() })
    }
}

/// A cause: its class and one line that says what failed, where and why.
///
/// Lists and logs show the text, so it never contains a name, an address, a body or a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// The kind of failure.
    pub class: CauseClass,
    /// The failure, in one line.
    pub text: String,
}

impl Cause {
    /// Creates a cause. `text` is made [printable](crate::printable()) and cut to 1,000 characters.
    pub fn new(class: CauseClass, text: impl Into<String>) -> Self {
        let mut text = crate::printable(&text.into()).into_owned();
        if let Some((end, _)) = text.char_indices().nth(1_000) {
            text.truncate(end);
        }
        Self { class, text }
    }

    /// Returns the HTTP status in the text (`... answered 404, code 3001: ...`), if there is one.
    pub fn http_status(&self) -> Option<u16> {
        let (_, said) = self.text.split_once(" answered ")?;
        let digits = said.get(..3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        let ends = said[3..].bytes().next().is_none_or(|byte| !byte.is_ascii_alphanumeric());
        digits.parse().ok().filter(|status| ends && (100..600).contains(status))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_written_and_read_by_its_name() {
        for class in CauseClass::ALL {
            assert_eq!(serde_json::to_string(&class).unwrap(), format!("\"{}\"", class.name()));
            assert_eq!(class.name().parse::<CauseClass>().unwrap(), class);
        }
        assert!("no-such-class".parse::<CauseClass>().is_err());
    }

    #[test]
    fn the_status_of_an_answer_is_read_from_the_text() {
        let status = |text: &str| Cause::new(CauseClass::Gone, text).http_status();
        assert_eq!(status("GET /metrics/meetings answered 404, code 3001: gone"), Some(404));
        assert_eq!(status("GET /users answered 503"), Some(503));
        for none in [
            "",
            "it answered",
            "it answered 7",
            "it answered 4040 times",
            "it answered ööö",
            "x answered 999",
        ] {
            assert_eq!(status(none), None, "{none}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let cause = Cause::new(CauseClass::BadShape, "ä".repeat(2_000));
        assert_eq!(cause.text.chars().count(), 1_000);
    }

    #[test]
    fn a_cause_is_one_line_that_commands_no_terminal() {
        let cause = Cause::new(CauseClass::BadShape, "id x\u{1b}[2J\n2026-01-02 ERROR forged");
        assert_eq!(cause.text, r"id x\u{1b}[2J\n2026-01-02 ERROR forged");
    }
}
