//! What travels between the processes that want tokens and the one that gives them out. Short names: there are many.

use serde::{Deserialize, Serialize};

use super::{News, Order};

/// What a process wants, as it stands now: lost ones are made good by the next.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Want {
    /// Where grants go: the name of the process's own queue.
    #[serde(rename = "w")]
    pub(crate) worker: String,
    /// The number of this message.
    #[serde(rename = "n")]
    pub(crate) serial: u64,
    /// Whose grants are counted below: a leader's, by the number of its term.
    #[serde(rename = "t")]
    pub(crate) term: u64,
    /// Callers that wait, by meter.
    #[serde(rename = "c")]
    pub(crate) waiting: Vec<u64>,
    /// Of slow meters the standing of the first that waits, in milliseconds: the greater goes first.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) first: Vec<Option<i64>>,
    /// Tokens received in this term, by meter.
    #[serde(rename = "g")]
    pub(crate) received: Vec<u64>,
    /// Of these, how many were not used.
    #[serde(rename = "r")]
    pub(crate) returned: Vec<u64>,
    /// The smallest round trip of late to the leader, in microseconds; `None` where too few were seen.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub(crate) way_us: Option<u64>,
    /// What the process has learnt.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) orders: Vec<Order>,
}

/// What the leader says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Note {
    /// Tokens.
    #[serde(rename = "g")]
    Grant(Grant),
    /// A new term begins: say what you want.
    #[serde(rename = "t")]
    Term(u64),
    /// How things stand.
    #[serde(rename = "n")]
    News(Box<News>),
}

/// Tokens for one process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// The leader's term.
    #[serde(rename = "t")]
    pub(crate) term: u64,
    /// The meter.
    #[serde(rename = "m")]
    pub(crate) meter: usize,
    /// How many.
    #[serde(rename = "k")]
    pub(crate) count: u64,
    /// The last message of the process that the leader had read.
    #[serde(rename = "n")]
    pub(crate) serial: u64,
    /// Microseconds that had passed since then.
    #[serde(rename = "h")]
    pub(crate) held_us: u64,
    /// Microseconds for which the tokens are good.
    #[serde(rename = "a")]
    pub(crate) max_age_us: u64,
}
