//! Messages between the processes that request tokens and the leader. Short keys: there are many messages.

use serde::{Deserialize, Serialize};

use super::{QuotaCommand, QuotaStatus};

/// The present demand of a process. A lost request needs no repetition: the next one replaces it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct TokenRequest {
    /// Where grants go: the name of the process's own queue.
    #[serde(rename = "w")]
    pub(crate) worker: String,
    /// The number of this message.
    #[serde(rename = "n")]
    pub(crate) serial: u64,
    /// Whose grants are counted below: a leader's, by the number of its term.
    #[serde(rename = "t")]
    pub(crate) term: u64,
    /// Callers that wait, by limit.
    #[serde(rename = "c")]
    pub(crate) waiting: Vec<u64>,
    /// Age of the first waiting caller, of slow limits, in milliseconds: the greater goes first.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) first: Vec<Option<i64>>,
    /// Tokens received in this term, by limit.
    #[serde(rename = "g")]
    pub(crate) received: Vec<u64>,
    /// Of these, how many were not used.
    #[serde(rename = "r")]
    pub(crate) returned: Vec<u64>,
    /// Minimum round-trip time to the leader, in microseconds; `None` after too few round trips.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub(crate) min_rtt_us: Option<u64>,
    /// What the process observed.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) commands: Vec<QuotaCommand>,
}

/// A message of the leader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum LeaderMessage {
    /// Tokens.
    #[serde(rename = "g")]
    Grant(Grant),
    /// A new term begins: every process repeats its request.
    #[serde(rename = "t")]
    Term(u64),
    /// The status of the quota.
    #[serde(rename = "n")]
    Status(Box<QuotaStatus>),
}

/// Tokens for one process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// The leader's term.
    #[serde(rename = "t")]
    pub(crate) term: u64,
    /// The limit.
    #[serde(rename = "m")]
    pub(crate) limit: usize,
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
