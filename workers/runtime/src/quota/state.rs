//! The persisted state of an account's quota, and the commands to its leader. Plain values with a wire form.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Account, QuotaStatus};
use crate::BrokerError;

/// The persisted state: the day's count and the operator's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QuotaState {
    /// The UTC day that is counted.
    pub day: Date,
    /// Calls of the day. Never too low, because it includes calls reserved for the next moment.
    pub used: u64,
    /// Calls of the day that only the API reported: other apps made them, or a count was lost.
    pub uncounted: u64,
    /// Shares by limit, if they differ from the account's.
    pub shares: BTreeMap<String, f64>,
    /// The reserve, if it differs from the account's.
    pub reserve: Option<u64>,
    /// Manual pauses, by limit.
    pub pauses: BTreeMap<String, Pause>,
    /// End of the spent day, as reported by the API.
    pub spent_until: Option<Timestamp>,
    /// The count of the previous day, which may still be current by the API's clock.
    pub before: Option<DayCount>,
    /// How far the API's clock is ahead of ours, in milliseconds.
    pub skew_ms: i64,
    /// Id of the clock that measured `skew_ms`.
    pub clock: String,
    /// Delay of tokens that the rate leaves room for, in milliseconds, in a fleet with high latency.
    pub room_ms: u32,
}

impl Default for QuotaState {
    fn default() -> Self {
        Self {
            day: Date::ZERO,
            used: 0,
            uncounted: 0,
            shares: BTreeMap::new(),
            reserve: None,
            pauses: BTreeMap::new(),
            spent_until: None,
            before: None,
            skew_ms: 0,
            clock: String::new(),
            room_ms: 0,
        }
    }
}

/// The calls of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCount {
    /// The UTC day.
    pub day: Date,
    /// Calls of the day.
    pub used: u64,
    /// Calls that only the API reported.
    pub uncounted: u64,
}

impl QuotaState {
    /// The state in a process with this clock: an offset that another clock measured is discarded.
    pub(super) fn on(self, clock: String) -> Self {
        let skew_ms = if self.clock == clock { self.skew_ms } else { 0 };
        Self { skew_ms, clock, ..self }
    }
}

/// A pause, during which no tokens are granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// End of the pause; `None` until an operator resumes.
    pub until: Option<Timestamp>,
    /// The reason, as displayed.
    pub why: String,
}

/// A command to the leader of a quota.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum QuotaCommand {
    /// Report the status.
    Show,
    /// Set shares and reserve; `None` restores the configured value.
    Set {
        /// Shares by limit.
        shares: BTreeMap<String, Option<f64>>,
        /// Calls per day reserved for other apps; the outer `None` keeps the value.
        #[serde(default, with = "twice")]
        reserve: Option<Option<u64>>,
    },
    /// Pause limits.
    Pause {
        /// The limits.
        #[serde(rename = "meters")]
        limits: Vec<String>,
        /// End and reason.
        pause: Pause,
    },
    /// Resume limits.
    Resume {
        /// The limits.
        #[serde(rename = "meters")]
        limits: Vec<String>,
    },
    /// Record the headers of an API response.
    Observed {
        /// Calls of the account on the day of the response.
        used: Option<u64>,
        /// That UTC day by the API's clock, if the response has a date.
        #[serde(default)]
        day: Option<Date>,
        /// How far the API's clock is ahead of the leader's, in milliseconds.
        skew_ms: Option<i64>,
    },
    /// Record that the API reports the day as spent.
    Spent {
        /// Renewal time by the API's clock.
        until: Option<Timestamp>,
    },
}

/// The leader's reply to a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandReply {
    /// The command is executed; the status after it.
    Done(QuotaStatus),
    /// The command is refused; the reason.
    Refused(String),
}

/// Encoding of a nested option: absent, null, or a value.
mod twice {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "the form that serde asks for")]
    pub(super) fn serialize<S: Serializer>(value: &Option<Option<u64>>, to: S) -> Result<S::Ok, S::Error> {
        value.map(|inner| inner.map_or(-1, |value| i64::try_from(value).unwrap_or(i64::MAX))).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<u64>>, D::Error> {
        let value: Option<i64> = Option::deserialize(from)?;
        Ok(value.map(|value| u64::try_from(value).ok()))
    }
}

/// Reads the persisted state of an account's quota.
pub(super) fn read(kept: &[u8], account: &Account) -> Result<QuotaState, BrokerError> {
    serde_json::from_slice(kept).map_err(|error| {
        let name = account.lead_name();
        BrokerError::Refused(format!(
            "the state of {name} cannot be read ({error}): was it written by a newer ua?"
        ))
    })
}
