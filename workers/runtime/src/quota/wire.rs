//! Messages between the processes that request tokens and the leader. Short keys, because there are many messages.

use serde::{Deserialize, Serialize};

use super::{QuotaCommand, QuotaStatus};

/// The current demand of a process. A lost request needs no repetition: the next one replaces it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct TokenRequest {
    /// Destination of grants: the name of the process's private queue.
    #[serde(rename = "w")]
    pub(crate) worker: String,
    /// Serial number of this message.
    #[serde(rename = "n")]
    pub(crate) serial: u64,
    /// The leader's term whose grants are counted below.
    #[serde(rename = "t")]
    pub(crate) term: u64,
    /// Number of waiting callers, by limit.
    #[serde(rename = "c")]
    pub(crate) waiting: Vec<u64>,
    /// Age of the first waiting caller of slow limits, in milliseconds; the oldest goes first.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) first: Vec<Option<i64>>,
    /// Tokens received in this term, by limit.
    #[serde(rename = "g")]
    pub(crate) received: Vec<u64>,
    /// Tokens of these that were not used.
    #[serde(rename = "r")]
    pub(crate) returned: Vec<u64>,
    /// Minimum round-trip time to the leader, in microseconds; `None` after too few round trips.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub(crate) min_rtt_us: Option<u64>,
    /// Observations of the process.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) commands: Vec<QuotaCommand>,
}

/// A message of the leader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum LeaderMessage {
    /// Tokens for the process.
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
    /// Index of the limit.
    #[serde(rename = "m")]
    pub(crate) limit: usize,
    /// Number of tokens.
    #[serde(rename = "k")]
    pub(crate) count: u64,
    /// Serial number of the process's last request that the leader had read.
    #[serde(rename = "n")]
    pub(crate) serial: u64,
    /// Microseconds since the leader read that request.
    #[serde(rename = "h")]
    pub(crate) held_us: u64,
    /// Maximum age of the tokens in microseconds.
    #[serde(rename = "a")]
    pub(crate) max_age_us: u64,
}
