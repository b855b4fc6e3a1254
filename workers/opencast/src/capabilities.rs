//! Detected capabilities of a server, and their text in `ua check`.

use std::fmt;

use opencast_wire::Shape;

use crate::atlas::NO_TRACKING;
use crate::completeness::Clock;
use crate::workflows::Workflows;

/// Parameters of user tracking requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `start` and `end`.
    Dce {
        /// Whether `total` counts the window's actions rather than all actions.
        counts: bool,
    },
    /// `day`.
    Upstream,
}

/// Episodes that searches show to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// All: the user has the organisation's administrator role.
    All,
    /// Those whose access list names one of the user's roles.
    Some,
    /// Unknown: the server does not name the roles.
    Unknown,
}

/// Detected capabilities of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Version, if the server names it.
    pub version: Option<String>,
    /// Whether a user is signed in; `None` if unknown.
    pub signed_in: Option<bool>,
    /// Whether calls are signed.
    pub signs: bool,
    /// Episodes that the user may see.
    pub rights: Rights,
    /// Origin of the `Date` headers.
    pub clock: Clock,
    /// Number of registered endpoints.
    pub endpoints: Option<usize>,
    /// Whether user tracking is available.
    pub usertracking: bool,
    /// Whether user tracking stores every event.
    pub detail: Option<bool>,
    /// Dialect of user tracking; `None` without user tracking or without recent actions.
    pub dialect: Option<Dialect>,
    /// Generation of `search/episode.json`.
    pub search: Shape,
    /// Path of the workflows.
    pub workflows: Workflows,
}

impl Capabilities {
    /// Returns the results as lines of topic and text.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let yes_or_no = |known: Option<bool>, yes: &str, no: &str| match known {
            Some(true) => yes.to_owned(),
            Some(false) => no.to_owned(),
            None => "the server does not say".to_owned(),
        };
        let version = self.version.clone().unwrap_or_else(|| "the server does not say".to_owned());
        let endpoints =
            self.endpoints.map_or_else(|| "the server does not say".to_owned(), |count| count.to_string());
        let tracking = match (self.usertracking, self.detail) {
            (false, _) => NO_TRACKING.to_owned(),
            (true, detail) => yes_or_no(
                detail,
                "on, every event is kept",
                "on, but without details (detailedtrack is false)",
            ),
        };
        let dialect = match self.dialect {
            Some(dialect) => dialect.to_string(),
            None if !self.usertracking => "none: there is no user tracking".to_owned(),
            None => "cannot be told: there are no actions of the last days".to_owned(),
        };
        let search = match self.search {
            Shape::Wrapped => "as in Opencast 15 and before",
            Shape::Plain => "as in Opencast 16 and after",
        };
        let unsigned = match self.signs {
            true => {
                "no, although OPENCAST_USER is set: a proxy may drop the header Authorization; only what is open to everybody is seen"
            }
            false => "no: only what is open to everybody is seen",
        };
        let signed_in = yes_or_no(self.signed_in, "yes", unsigned);
        vec![
            ("version", version),
            ("signed in", signed_in),
            ("rights", self.rights.to_string()),
            ("clock", self.clock_line()),
            ("endpoints", endpoints),
            ("user tracking", tracking),
            ("dialect", dialect),
            ("search", search.to_owned()),
            ("workflows", self.workflows.to_string()),
        ]
    }
}

impl Capabilities {
    /// True if no date can be proven complete, because the answers have no time.
    pub fn lacks_clock(&self) -> bool {
        self.clock == Clock::Untold && self.usertracking && !matches!(self.dialect, Some(Dialect::Dce { .. }))
    }

    fn clock_line(&self) -> String {
        let ahead = |ahead: &jiff::SignedDuration| match ahead.as_secs() {
            -1..=1 => "like this machine's".to_owned(),
            seconds if seconds > 0 => format!("{seconds} s ahead of this machine's"),
            seconds => format!("{} s behind this machine's", -seconds),
        };
        match &self.clock {
            Clock::Untold if self.lacks_clock() => "no answer has the header Date, so no date is ever proven complete: let the server or the proxy before it send one (sendDateHeader in etc/jetty-opencast.xml)".to_owned(),
            Clock::Untold => "no answer has the header Date".to_owned(),
            Clock::Own { ahead: by } => format!("the server's own, {}", ahead(by)),
            Clock::Proxy { name, ahead: by } => format!(
                "the header Date is of a proxy ({name}), not of Opencast: dates are proven only while both clocks agree to the second; the proxy's is {}",
                ahead(by)
            ),
        }
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "the user is an administrator: it sees every episode",
            Self::Some => {
                "the user lacks ROLE_ADMIN: it sees only episodes whose access list names one of its roles, and actions of all others come without their episode"
            }
            Self::Unknown => "the server does not say which roles the user has",
        })
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dce { counts: true } => "dce: windows of time",
            Self::Dce { counts: false } => "dce: windows of time, without a count of what is in one",
            Self::Upstream => "upstream: whole days",
        })
    }
}
